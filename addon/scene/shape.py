"""The T-pose shape of a person whose posed body is known."""

import numpy as np

from .field_file import FieldData
from .kinematics import bone_transforms, skin_backward
from .skeleton import JOINT_COUNT, PARENTS

ROUNDS = 4


def unposed_shape(
    field: FieldData, posed: np.ndarray, pose: np.ndarray, joints: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(vertices (V, 3), joints (24, 3)) in the T-pose, in the backend's space.

    `posed` are the body's vertices in `pose`. Skinned again to that pose they come back as they were,
    whatever the joints. Joints that are not known are taken to be displaced as the skin around them is.
    """
    weights = field.body_weights.dense().astype(np.float64)
    if joints is None:
        template, around = field.body_vertices.astype(np.float64), _around_joints(weights)
        joints = field.body_joints.astype(np.float64)
        for _ in range(ROUNDS):
            vertices = skin_backward(posed, weights, bone_transforms(pose, joints))
            joints = field.body_joints + around @ (vertices - template)
    return skin_backward(posed, weights, bone_transforms(pose, joints)), joints


def _around_joints(weights: np.ndarray) -> np.ndarray:
    """(24, V) rows that sum to 1: how much each vertex belongs to the seam between a joint and its parent."""
    rows = np.zeros((JOINT_COUNT, len(weights)))
    for joint, parent in enumerate(PARENTS):
        seam = weights[:, joint] * (weights[:, parent] if parent >= 0 else 1)
        rows[joint] = seam if seam.sum() > 1e-6 else weights[:, joint]
    return rows / rows.sum(1, keepdims=True)
