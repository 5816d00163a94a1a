"""Rotations, forward kinematics and linear blend skinning of SMPL's tree, in numpy.

Source: SMPL (Loper et al. 2015) Eq. 2-4 and CHORUS Eq. 5; the add-on cannot import the backend's torch one.
"""

import numpy as np

from .skeleton import JOINT_COUNT, PARENTS


def rotation_matrices(axis_angle: np.ndarray) -> np.ndarray:
    """(..., 3) axis-angle in radians to (..., 3, 3), by Rodrigues' formula."""
    vector = np.asarray(axis_angle, dtype=np.float64)
    angle = np.linalg.norm(vector, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(vector, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*vector.shape[:-1], 3, 3)
    # sinc keeps both factors exact at zero.
    sine = np.sinc(angle / np.pi)
    cosine = 0.5 * np.sinc(angle / (2 * np.pi)) ** 2
    return np.eye(3) + sine * cross + cosine * (cross @ cross)


def axis_angles(rotations: np.ndarray) -> np.ndarray:
    """(..., 3, 3) rotations to (..., 3) axis-angle, angles in [0, π]: the inverse of `rotation_matrices`."""
    rotations = np.asarray(rotations, dtype=np.float64)
    flat = rotations.reshape(-1, 3, 3)
    result = np.empty((len(flat), 3))
    for index, matrix in enumerate(flat):
        result[index] = _axis_angle(matrix)
    return result.reshape(*rotations.shape[:-2], 3)


def _axis_angle(matrix: np.ndarray) -> np.ndarray:
    skew = np.array([matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0], matrix[1, 0] - matrix[0, 1]])
    sine, cosine = np.linalg.norm(skew) / 2, (np.trace(matrix) - 1) / 2
    angle = np.arctan2(sine, cosine)
    if angle < np.pi - 1e-3:
        return skew / 2 * (angle / sine if sine > 1e-9 else 1.0)
    # Near π the skew part vanishes; the symmetric part less cos·I is (1 − cos) times axis·axisᵀ.
    symmetric = (matrix + matrix.T) / 2 - cosine * np.eye(3)
    column = symmetric[:, np.argmax(np.diag(symmetric))]
    axis = column / np.linalg.norm(column)
    return axis * angle * (1.0 if skew @ axis >= 0 else -1.0)


def orthonormal(matrices: np.ndarray) -> np.ndarray:
    """(..., 3, 3) the rotations nearest to matrices that single precision or scales have bent."""
    left, _, right = np.linalg.svd(np.asarray(matrices, dtype=np.float64))
    return left @ right


def joint_transforms(pose: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """(24, 4, 4) world transform of each joint's frame for `pose` (24, 3) and rest `joints` (24, 3)."""
    rotations, joints = rotation_matrices(pose), np.asarray(joints, dtype=np.float64)
    world = np.zeros((JOINT_COUNT, 4, 4))
    for joint, parent in enumerate(PARENTS):
        local = np.eye(4)
        local[:3, :3] = rotations[joint]
        local[:3, 3] = joints[joint] if parent < 0 else joints[joint] - joints[parent]
        world[joint] = local if parent < 0 else world[parent] @ local
    return world


def bone_transforms(pose: np.ndarray, joints: np.ndarray, rest_pose: np.ndarray | None = None) -> np.ndarray:
    """(24, 4, 4) B_j of CHORUS Eq. 5: from the rest pose (T-pose when None) to `pose`."""
    rest = np.zeros((JOINT_COUNT, 3)) if rest_pose is None else rest_pose
    return joint_transforms(pose, joints) @ np.linalg.inv(joint_transforms(rest, joints))


def skin_forward(points: np.ndarray, weights: np.ndarray, bones: np.ndarray) -> np.ndarray:
    """(P, 3) rest points with (P, 24) weights, moved by (24, 4, 4) bones: W of CHORUS Eq. 5."""
    blended = _blended(weights, bones)
    return np.einsum("pab,pb->pa", blended[:, :, :3], points) + blended[:, :, 3]


def skin_backward(points: np.ndarray, weights: np.ndarray, bones: np.ndarray) -> np.ndarray:
    """(P, 3) posed points back to the rest pose, by the inverse of each point's blended transform."""
    blended = _blended(weights, bones)
    return np.linalg.solve(blended[:, :, :3], (points - blended[:, :, 3])[..., None])[..., 0]


def _blended(weights: np.ndarray, bones: np.ndarray) -> np.ndarray:
    """(P, 3, 4) each point's blend of the bones. One product of matrices: ten times as fast as summing the
    joints by einsum."""
    return (weights @ bones[:, :3].reshape(len(bones), 12)).reshape(-1, 3, 4)
