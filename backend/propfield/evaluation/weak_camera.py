"""The perspective camera that a weak-perspective one stands for (CHORUS §3.3 and §4.1)."""

import numpy as np
from jaxtyping import Float, Float32
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from propfield.observations.observation import Camera
from propfield.perception.camera import FOCAL_OF_LONG_SIDE


def perspective_camera(
    joints: Float32[np.ndarray, "J 3"],
    turn: Float[np.ndarray, "3 3"],
    scale: float,
    shift: Float[np.ndarray, "2"],
    size: tuple[int, int],
) -> tuple[Camera, float]:
    """The camera through which `joints` (metres, around a person without global orientation, J first of them
    the pelvis) project as nearly as possible to where the weak one puts them, and how nearly.

    The weak camera turns the person about the pelvis by `turn` and takes x, y to the pixel scale · (x, y) +
    shift, in a picture of `size` (width, height). The perspective one has a field of view of 46.4° over the
    longer side and its principal point in the middle: fixed, since the focal length cannot be told from a
    weak projection. Rotation and translation are a least-squares solution by Levenberg and Marquardt's
    method. The residual is, as in the official implementation, the Frobenius norm of the pixels' differences
    over the number of joints; infinite where there is no such camera.
    """
    width, height = size
    focal, middle = FOCAL_OF_LONG_SIDE * max(size), np.array([width, height]) / 2
    K = np.array([[focal, 0, middle[0]], [0, focal, middle[1]], [0, 0, 1]], dtype=np.float32)
    pelvis = joints[0].astype(float)
    around = joints.astype(float) - pelvis
    target = scale * (around @ turn.T + pelvis)[:, :2] + shift
    # By similar triangles: as far off as makes a metre at the pelvis `scale` pixels long.
    start = np.append((target[0] - middle) / max(scale, 1e-6), focal / max(scale, 1e-6))
    if not (scale > 0 and np.isfinite(target).all() and np.isfinite(start).all()):
        return Camera(K, np.eye(3, dtype=np.float32), np.zeros(3, np.float32)), float("inf")

    def place(unknowns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return Rotation.from_rotvec(unknowns[:3]).as_matrix() @ turn, start + start[2] * unknowns[3:]

    def differences(unknowns: np.ndarray) -> np.ndarray:
        R, t = place(unknowns)
        seen = around @ R.T + t
        depth = np.maximum(seen[:, 2:], 1e-2)
        return (focal * seen[:, :2] / depth + middle - target).ravel()

    solution = least_squares(differences, np.zeros(6), method="lm", max_nfev=400)
    R, t = place(solution.x)
    camera = Camera(K, R.astype(np.float32), (t - R @ pelvis).astype(np.float32))
    in_front = ((around @ R.T + t)[:, 2] > 0).all()
    residual = float(np.linalg.norm(solution.fun) / len(joints)) if in_front else float("inf")
    return camera, residual
