"""How far a fitted body is from the true one: places, angles, camera, sides."""

import numpy as np
import torch
import trimesh
from jaxtyping import Bool, Float, Float32

from propfield.body.loaders import open_body
from propfield.body.skeleton import JOINT_INDEX
from propfield.body.skinning import joint_transforms, rotation_matrices
from propfield.evaluation.perception.people import StudioPerson
from propfield.imagery.studio.scene import posed
from propfield.perception.body_fit import BodyFit
from propfield.perception.rendering import silhouette

SWAPPED = 0.5
"""A limb is on the wrong side when it is nearer to the other one than this part of the distance to itself."""
_LIMBS = (("elbow", "wrist"), ("knee", "ankle"))


def aligned(points: Float[np.ndarray, "N 3"], truth: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    """The points after the similarity transform that takes them nearest to the truth (Umeyama 1991)."""
    a, b = points - points.mean(0), truth - truth.mean(0)
    u, s, vt = np.linalg.svd(a.T @ b)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    scale = (s * sign).sum() / (a**2).sum()
    return scale * a @ (u * sign) @ vt + truth.mean(0)


def fitted_joints(fit: BodyFit) -> Float32[np.ndarray, "24 3"]:
    """The fit's joints in the camera's axes, metres."""
    body = open_body().shaped(fit.shape)
    frames = joint_transforms(torch.from_numpy(fit.pose), torch.from_numpy(body.joints))
    return (frames[:, :3, 3].numpy() @ fit.camera.R.T + fit.camera.t).astype(np.float32)


def angle(rotation: Float[np.ndarray, "*batch 3 3"]) -> Float[np.ndarray, "*batch"]:
    """Of a rotation, degrees."""
    trace = np.trace(rotation, axis1=-2, axis2=-1)
    return np.asarray(np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1))))


def scores(person: StudioPerson, fit: BodyFit) -> dict[str, float]:
    """A fit's errors.

    `mpjpe_mm`: mean distance of the 24 joints in the camera's axes, the pelvises laid together;
    `pa_mpjpe_mm`: after the best similarity transform. `joint_angle_deg`: mean angle between local rotations,
    the pelvis left out. `camera_rotation_deg`: of the person's own axes in the camera. `direction_deg`:
    between the lines of sight to the pelvis. `distance_error`: |log| of the ratio of distances, each in its
    camera's focal lengths, so that a wrong field of view does not count. `front_back`: 1 where the person
    faces away from the true way by more than 90°. `left_right`: 1 where an arm or leg lies in the picture
    where the other should. `body_iou`: of the two silhouettes, hidden parts included.
    """
    true, found = person.joints, fitted_joints(fit)
    local = [rotation_matrices(torch.from_numpy(pose)).numpy() for pose in (fit.pose, person.scene.pose)]
    turns = np.swapaxes(local[0], 1, 2) @ local[1]
    rays = [joints[0] / np.linalg.norm(joints[0]) for joints in (true, found)]
    focal = [camera.K[0, 0] for camera in (person.camera, fit.camera)]
    facing = fit.camera.R[:, 2] @ person.camera.R[:, 2]
    return {
        "mpjpe_mm": 1000 * float(joint_errors(person, fit).mean()),
        "pa_mpjpe_mm": 1000 * float(np.linalg.norm(aligned(found, true) - true, axis=1).mean()),
        "joint_angle_deg": float(angle(turns[1:]).mean()),
        "camera_rotation_deg": float(angle(fit.camera.R.T @ person.camera.R)),
        "direction_deg": float(np.degrees(np.arccos(np.clip(rays[0] @ rays[1], -1, 1)))),
        "distance_error": float(abs(np.log((found[0, 2] / focal[1]) / (true[0, 2] / focal[0])))),
        "front_back": float(facing < 0),
        "left_right": float(_sides_swapped(person, fit)),
        "body_iou": overlap(_silhouette(fit, person.size), _true_silhouette(person)),
    }


def joint_errors(person: StudioPerson, fit: BodyFit) -> Float[np.ndarray, "24"]:
    """Each joint's distance from the true one in the camera's axes, the pelvises laid together; metres."""
    true, found = person.joints, fitted_joints(fit)
    return np.linalg.norm((found - found[0]) - (true - true[0]), axis=1)


def _sides_swapped(person: StudioPerson, fit: BodyFit) -> bool:
    true = _pixels(person.joints, person.camera.K)
    found = _pixels(fitted_joints(fit), fit.camera.K)
    for limb in _LIMBS:
        left, right = ([JOINT_INDEX[f"{side}_{name}"] for name in limb] for side in ("left", "right"))
        own = np.linalg.norm(found[left + right] - true[left + right], axis=1).mean()
        other = np.linalg.norm(found[left + right] - true[right + left], axis=1).mean()
        if other < SWAPPED * own:
            return True
    return False


def _pixels(points: np.ndarray, K: np.ndarray) -> np.ndarray:
    pixels = points @ K.T
    return pixels[:, :2] / np.maximum(pixels[:, 2:], 0.05)


def _silhouette(fit: BodyFit, size: int) -> Bool[np.ndarray, "H W"]:
    body = open_body().shaped(fit.shape)
    vertices, _ = posed(fit.pose, body)
    return silhouette(trimesh.Trimesh(vertices, body.faces, process=False), fit.camera, (size, size))


def _true_silhouette(person: StudioPerson) -> Bool[np.ndarray, "H W"]:
    return silhouette(person.mesh, person.camera, (person.size, person.size))


def overlap(one: Bool[np.ndarray, "H W"], other: Bool[np.ndarray, "H W"]) -> float:
    """Intersection over union; 0 of two empty masks."""
    return float((one & other).sum() / max((one | other).sum(), 1))
