"""How far human joints turn, as a box per joint on the axis-angle, in degrees.

Clinical ranges of motion (American Academy of Orthopaedic Surgeons) shared out over SMPL's joints, in the
axes of the T-pose: x to the person's left, y up, z forward. Axis-angle components mix under large turns,
so the boxes are generous where two axes are used together.
"""

import numpy as np
from jaxtyping import Float32

from propfield.body.skeleton import JOINT_COUNT, JOINT_INDEX, MIRROR

# (low, high) for x, y, z of the left side and the middle; the right side is their mirror image.
_DEGREES: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "pelvis": ((0, 0), (0, 0), (0, 0)),
    # x < 0 lifts the thigh forward, z > 0 takes it outward.
    "left_hip": ((-125, 30), (-50, 50), (-30, 60)),
    # x > 0 bends the knee.
    "left_knee": ((-2, 145), (-12, 12), (-8, 8)),
    "left_ankle": ((-35, 50), (-20, 20), (-20, 20)),
    "left_foot": ((-40, 20), (-5, 5), (-5, 5)),
    # x > 0 bends the back forward.
    "spine1": ((-15, 40), (-20, 20), (-20, 20)),
    "spine2": ((-12, 30), (-20, 20), (-18, 18)),
    "spine3": ((-10, 20), (-20, 20), (-15, 15)),
    "neck": ((-30, 40), (-45, 45), (-25, 25)),
    "head": ((-30, 30), (-40, 40), (-20, 20)),
    "left_collar": ((-10, 10), (-20, 25), (-15, 30)),
    # From the T-pose: z < 0 lowers the arm, y < 0 takes it forward, x turns it about itself.
    "left_shoulder": ((-80, 80), (-125, 45), (-95, 85)),
    # y < 0 bends the elbow, x turns the forearm.
    "left_elbow": ((-80, 80), (-150, 3), (-10, 10)),
    "left_wrist": ((-20, 20), (-35, 35), (-70, 70)),
    "left_hand": ((0, 0), (-5, 5), (-30, 10)),
}
MIRRORED_AXES = np.array([1.0, -1.0, -1.0], dtype=np.float32)
"""A turn seen in the mirror x → −x keeps its x component and turns the other two round."""


def joint_limits() -> tuple[Float32[np.ndarray, "24 3"], Float32[np.ndarray, "24 3"]]:
    """Lowest and highest axis-angle components of each joint, radians."""
    low, high = np.zeros((2, JOINT_COUNT, 3), dtype=np.float32)
    for name, ranges in _DEGREES.items():
        joint = JOINT_INDEX[name]
        other = MIRROR[joint]
        low[joint], high[joint] = np.radians(np.array(ranges, dtype=np.float32)).T
        if other != joint:
            ends = np.stack([low[joint], high[joint]]) * MIRRORED_AXES
            low[other], high[other] = ends.min(0), ends.max(0)
    return low, high
