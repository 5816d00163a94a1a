"""What the demo shows: which fields are learned, and the poses that the character takes with them."""

from dataclasses import dataclass

import numpy as np

# Joints of SMPL's order that the poses name.
JOINTS = {
    "left_hip": 1, "right_hip": 2, "spine1": 3, "left_knee": 4, "right_knee": 5, "spine2": 6,
    "left_ankle": 7, "right_ankle": 8, "spine3": 9, "neck": 12, "head": 15, "left_shoulder": 16,
    "right_shoulder": 17, "left_elbow": 18, "right_elbow": 19,
}  # fmt: skip


@dataclass(frozen=True)
class Act:
    """A field of the demo: what is learned, the poses, and where the camera stands.

    Attributes:
        poses: name → joint → degrees about x, y, z, added to the interaction's own pose.
        camera: degrees round the character, degrees up, metres away, height in metres of what it looks at.
    """

    category: str
    type: str
    camera: tuple[float, float, float, float]
    poses: dict[str, dict[str, tuple[float, float, float]]]


ACTS = (
    Act(
        "umbrella",
        "hold",
        (28, 4, 4.6, 1.25),
        {
            "as learned": {},
            "bowing": {
                "spine1": (22, 0, 0), "spine2": (18, 0, 0), "spine3": (12, 0, 0), "neck": (-25, 0, 0),
                "left_knee": (10, 0, 0), "right_knee": (10, 0, 0),
            },
            "sitting down": {
                "left_hip": (-80, 0, 8), "right_hip": (-80, 0, -8), "left_knee": (80, 0, 0),
                "right_knee": (80, 0, 0), "spine2": (0, 0, 12), "left_shoulder": (0, 0, 55),
            },
        },
    ),
    Act(
        "skateboard",
        "ride",
        (40, 12, 3.6, 0.75),
        {
            "as learned": {},
            "crouching": {
                "left_hip": (-45, 0, 0), "right_hip": (-45, 0, 0), "left_knee": (70, 0, 0),
                "right_knee": (70, 0, 0), "left_ankle": (-20, 0, 0), "right_ankle": (-20, 0, 0),
                "spine1": (15, 0, 0),
            },
            "one foot lifted": {"left_hip": (-60, 0, 15), "left_knee": (50, 0, 0), "spine1": (5, 0, -8)},
        },
    ),
)  # fmt: skip


def varied(base: np.ndarray, changes: dict[str, tuple[float, float, float]]) -> np.ndarray:
    """(24, 3) axis-angle: `base` with each named joint turned further, about the joint's own axes."""
    from scipy.spatial.transform import Rotation

    pose = np.array(base, np.float32)
    for joint, degrees in changes.items():
        index = JOINTS[joint]
        own = Rotation.from_rotvec(pose[index]) * Rotation.from_euler("xyz", degrees, degrees=True)
        pose[index] = own.as_rotvec()
    return pose
