"""SMPL's 24 joints: their order, their tree, their mirror images, and the parts of the body they make.

Source: SMPL (Loper et al. 2015); all arrays of joints in propfield are in this order.
"""

import numpy as np

JOINT_NAMES = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle",
    "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hand", "right_hand",
)  # fmt: skip
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
JOINT_COUNT = 24
JOINT_INDEX = {name: index for index, name in enumerate(JOINT_NAMES)}


def _mirror_name(name: str) -> str:
    swapped = {"left": "right", "right": "left"}
    side, _, rest = name.partition("_")
    return f"{swapped[side]}_{rest}" if side in swapped else name


MIRROR = tuple(JOINT_INDEX[_mirror_name(name)] for name in JOINT_NAMES)
"""MIRROR[j] is the joint on the other side (itself for the spine)."""

# A body part is the set of joints whose vertices (by largest skin weight) belong to it.
BODY_PARTS: dict[str, tuple[str, ...]] = {
    "head": ("head", "neck"),
    "torso": ("spine1", "spine2", "spine3", "left_collar", "right_collar"),
    "hips": ("pelvis",),
    "left arm": ("left_shoulder", "left_elbow"),
    "right arm": ("right_shoulder", "right_elbow"),
    "left hand": ("left_wrist", "left_hand"),
    "right hand": ("right_wrist", "right_hand"),
    "left leg": ("left_hip", "left_knee"),
    "right leg": ("right_hip", "right_knee"),
    "left foot": ("left_ankle", "left_foot"),
    "right foot": ("right_ankle", "right_foot"),
}


def canonical_pose() -> np.ndarray:
    """The rest pose in which fields are learned: hips turned ±30° about z (CHORUS §3.1, after SNARF).

    Returns (24, 3) float32 axis-angle, radians.
    """
    pose = np.zeros((JOINT_COUNT, 3), dtype=np.float32)
    pose[JOINT_INDEX["left_hip"], 2] = np.pi / 6
    pose[JOINT_INDEX["right_hip"], 2] = -np.pi / 6
    return pose
