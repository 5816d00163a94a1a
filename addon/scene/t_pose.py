"""SMPL's T-pose as the open body has it: what the directions of a character's limbs are held against."""

import numpy as np

from .skeleton import JOINT_INDEX, JOINT_NAMES

_LEFT_AND_MIDDLE = {
    "pelvis": (0, -0.220, 0), "spine1": (0, -0.124, -0.015), "spine2": (0, -0.043, -0.014),
    "spine3": (0, 0.091, -0.026), "neck": (0, 0.277, 0.003), "head": (0, 0.381, 0.041),
    "left_hip": (0.110, -0.286, 0), "left_knee": (0.117, -0.682, 0.033),
    "left_ankle": (0.127, -1.116, 0.006), "left_foot": (0.140, -1.165, 0.149),
    "left_collar": (0.062, 0.217, 0.020), "left_shoulder": (0.184, 0.218, 0.016),
    "left_elbow": (0.451, 0.218, 0.016), "left_wrist": (0.692, 0.218, 0.016),
    "left_hand": (0.796, 0.218, 0.016),
}  # fmt: skip


def _joint(name: str) -> np.ndarray:
    if name in _LEFT_AND_MIDDLE:
        return np.array(_LEFT_AND_MIDDLE[name])
    return np.array(_LEFT_AND_MIDDLE[name.replace("right", "left")]) * (-1, 1, 1)


T_POSE = np.array([_joint(name) for name in JOINT_NAMES], dtype=np.float64)
"""(24, 3) joints in metres, in the backend's space."""
KNUCKLES = np.array([0.0, 0.0, -1.0])
"""From the index's knuckle to the little finger's: the palms look down."""


def direction(joints: np.ndarray, start: str, end: str) -> np.ndarray:
    """(3,) from one joint to another, not normalised."""
    return joints[JOINT_INDEX[end]] - joints[JOINT_INDEX[start]]


def middle(joints: np.ndarray, joint: str) -> np.ndarray:
    """(3,) between a joint of the left side and its twin."""
    return (joints[JOINT_INDEX[f"left_{joint}"]] + joints[JOINT_INDEX[f"right_{joint}"]]) / 2


def trunk_axes(joints: np.ndarray) -> np.ndarray:
    """(3, 3) columns left, up and forward of the trunk, from hips and shoulders; NaN where they coincide."""
    up = middle(joints, "shoulder") - middle(joints, "hip")
    left = direction(joints, "right_hip", "left_hip") + direction(joints, "right_shoulder", "left_shoulder")
    with np.errstate(invalid="ignore"):
        up = up / np.linalg.norm(up)
        left = left - up * (left @ up)
        left = left / np.linalg.norm(left)
    return np.stack([left, up, np.cross(left, up)], axis=1)
