"""The perspective camera that a body regressor's weak-perspective one stands for (CHORUS §3.3 and §4.1)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32
from scipy.spatial.transform import Rotation

from propfield.observations.observation import Camera

STEPS = 50
"""At most; five to ten are usual."""
SETTLED = 1e-9
"""Radians and parts of the distance: a smaller step is the last."""


@dataclass(frozen=True)
class WeakCamera:
    """Turns a person about the pelvis by `turn`, and takes its x, y to the pixel scale · (x, y) + shift.

    Attributes:
        turn: the global orientation, person → camera (x right, y down).
        scale: pixels a metre.
        shift: the pixel of the body model's origin, were the body not turned.
    """

    turn: Float[np.ndarray, "3 3"]
    scale: float
    shift: Float[np.ndarray, "2"]


def crop_camera(
    turn: Float[np.ndarray, "3 3"],
    camera: Float[np.ndarray, "3"],
    centre: Float[np.ndarray, "2"],
    side: float,
) -> WeakCamera:
    """The weak camera of a regressor that sees a square crop, `side` pixels wide around the pixel `centre`,
    and says s, tx, ty: x goes to s · (x + tx) of half a crop, as in HMR (Kanazawa et al. 2018) and after."""
    s, tx, ty = (float(value) for value in camera)
    half = side / 2
    return WeakCamera(turn, s * half, np.asarray(centre, dtype=float) + half * s * np.array([tx, ty]))


def perspective_camera(
    joints: Float32[np.ndarray, "J 3"], weak: WeakCamera, K: Float32[np.ndarray, "3 3"]
) -> tuple[Camera, float]:
    """The camera with intrinsics `K` through which `joints` (metres, around a person without global
    orientation, J first of them the pelvis) project as nearly as possible to where the weak one puts them,
    and how nearly.

    K stays as it is, since the focal length cannot be told from a weak projection. From the place that
    similar triangles tell, Levenberg and Marquardt's method finds the least squares of rotation and
    translation in a few steps. The residual is, as in the official implementation, the Frobenius norm of the
    pixels' differences over the number of joints; infinite where there is no such camera. Of somebody
    d metres away, joints are on average less than 0.2 / d metres from where the weak camera puts them.
    """
    intrinsics = K.astype(float)
    turn, scale = np.asarray(weak.turn, dtype=float), weak.scale
    pelvis = joints[0].astype(float)
    around = (joints.astype(float) - pelvis) @ turn.T
    target = scale * (around + pelvis)[:, :2] + weak.shift
    # As far off as makes a metre at the pelvis `scale` pixels long.
    start = np.append((target[0] - intrinsics[:2, 2]) / max(scale, 1e-6), intrinsics[0, 0] / max(scale, 1e-6))
    if not (scale > 0 and np.isfinite(target).all() and np.isfinite(start).all()):
        return Camera(K, np.eye(3, dtype=np.float32), np.zeros(3, np.float32)), float("inf")
    R, t, damping = np.eye(3), start, 1e-4
    differences, slopes = _projected(around, R, t, intrinsics, target)
    for _ in range(STEPS):
        normal = slopes.T @ slopes
        step = -np.linalg.solve(normal + damping * np.diag(normal.diagonal() + 1e-12), slopes.T @ differences)
        turned, moved = Rotation.from_rotvec(step[:3]).as_matrix() @ R, t + t[2] * step[3:]
        trial, trial_slopes = _projected(around, turned, moved, intrinsics, target)
        if trial @ trial < differences @ differences:
            R, t, differences, slopes, damping = turned, moved, trial, trial_slopes, damping / 10
        else:
            damping = max(10 * damping, 1e-6)
        if np.abs(step).max() < SETTLED:
            break
    in_front = ((around @ R.T + t)[:, 2] > 0).all()
    residual = float(np.linalg.norm(differences) / len(joints)) if in_front else float("inf")
    R = R @ turn
    return Camera(K, R.astype(np.float32), (t - R @ pelvis).astype(np.float32)), residual


def _projected(
    around: np.ndarray, R: np.ndarray, t: np.ndarray, K: np.ndarray, target: np.ndarray
) -> tuple[Float[np.ndarray, " N"], Float[np.ndarray, "N 6"]]:
    """Pixels less their targets, and their derivatives by a further turn (radians, about the camera's axes)
    and a translation in parts of the distance."""
    focal, middle = K[[0, 1], [0, 1]], K[:2, 2]
    turned = around @ R.T
    seen = turned + t
    depth = np.maximum(seen[:, 2:], 1e-2)
    plane = seen[:, :2] / depth
    differences = focal * plane + middle - target
    by_place = np.zeros((len(around), 2, 3))
    by_place[:, 0, 0] = by_place[:, 1, 1] = 1
    by_place[:, :, 2] = -plane
    by_place *= (focal / depth)[:, :, None]
    x, y, z = turned.T
    zero = np.zeros_like(x)
    # Column i: what a turn about axis i moves a point by.
    by_turn = np.stack([zero, z, -y, -z, zero, x, y, -x, zero], -1).reshape(-1, 3, 3)
    slopes = np.concatenate([by_place @ by_turn, by_place * t[2]], -1)
    return differences.ravel(), slopes.reshape(-1, 6)
