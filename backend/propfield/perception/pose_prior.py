"""What poses people take when a photo does not tell: a Gaussian per joint on the axis-angle.

Means are of standing at ease with the arms hanging; spreads are rough, from the joints' ranges of motion: the
fit needs a gentle pull where there is no evidence, not a model of all poses.
"""

import numpy as np
from jaxtyping import Float32

from propfield.body.skeleton import JOINT_COUNT, JOINT_INDEX, MIRROR
from propfield.perception.joint_limits import MIRRORED_AXES

# Mean and standard deviation of x, y, z in degrees; the right side is the left's mirror image.
_DEGREES: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "pelvis": ((0, 0, 0), (1, 1, 1)),
    "left_hip": ((-8, 0, 4), (40, 18, 16)),
    "left_knee": ((15, 0, 0), (45, 5, 4)),
    "left_ankle": ((0, 0, 0), (14, 8, 8)),
    "left_foot": ((0, 0, 0), (6, 2, 2)),
    "spine1": ((3, 0, 0), (12, 7, 7)),
    "spine2": ((2, 0, 0), (9, 7, 6)),
    "spine3": ((2, 0, 0), (6, 7, 5)),
    "neck": ((3, 0, 0), (12, 18, 9)),
    "head": ((0, 0, 0), (10, 16, 8)),
    "left_collar": ((0, 0, -3), (4, 7, 8)),
    "left_shoulder": ((0, -12, -62), (28, 32, 32)),
    "left_elbow": ((0, -25, 0), (25, 45, 4)),
    "left_wrist": ((0, 0, 0), (8, 10, 16)),
    "left_hand": ((0, 0, -4), (1, 2, 6)),
}


def pose_prior() -> tuple[Float32[np.ndarray, "24 3"], Float32[np.ndarray, "24 3"]]:
    """Mean and standard deviation of each joint's axis-angle, radians."""
    mean, spread = np.zeros((2, JOINT_COUNT, 3), dtype=np.float32)
    for name, (middle, deviation) in _DEGREES.items():
        joint = JOINT_INDEX[name]
        other = MIRROR[joint]
        mean[joint], spread[joint] = np.radians(middle), np.radians(deviation)
        if other != joint:
            mean[other], spread[other] = mean[joint] * MIRRORED_AXES, spread[joint]
    return mean, spread
