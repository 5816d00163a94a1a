"""How far the studio lets each joint turn: ranges of its Euler degrees in a person's daily movement.

Angles turn about the body's axes in the T-pose, x then y then z, in the parent's frame. Ranges are rounded
from the normal ranges of motion in clinical use, widened where one Euler triple stands for several joints.
"""

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from propfield.body.skeleton import JOINT_INDEX, JOINT_NAMES

ELBOW_FLEXION = 150.0
KNEE_FLEXION = 150.0
FOREARM_TWIST = 110.0

_LEFT_OR_MIDDLE: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "spine1": ((-25, 35), (-25, 25), (-20, 20)),
    "spine2": ((-20, 30), (-25, 25), (-15, 15)),
    "spine3": ((-20, 30), (-25, 25), (-15, 15)),
    "neck": ((-40, 40), (-50, 50), (-30, 30)),
    "head": ((-35, 35), (-40, 40), (-25, 25)),
    "left_collar": ((-20, 20), (-30, 20), (-15, 35)),
    "left_shoulder": ((-100, 100), (-140, 60), (-95, 100)),
    "left_elbow": ((-100, 100), (-150, 5), (-15, 15)),
    "left_wrist": ((-60, 60), (-40, 40), (-80, 80)),
    "left_hand": ((-15, 15), (-20, 20), (-95, 30)),
    "left_hip": ((-125, 35), (-50, 50), (-40, 65)),
    "left_knee": ((-5, 150), (-20, 20), (-10, 10)),
    "left_ankle": ((-35, 50), (-30, 30), (-30, 30)),
    "left_foot": ((-45, 40), (-10, 10), (-10, 10)),
}


def _range(joint: str) -> np.ndarray:
    side, _, rest = joint.partition("_")
    if joint == "pelvis":
        return np.full((3, 2), [-180.0, 180.0])
    if side != "right":
        return np.array(_LEFT_OR_MIDDLE[joint], dtype=float)
    own = np.array(_LEFT_OR_MIDDLE[f"left_{rest}"], dtype=float)
    # The mirror in x keeps turns about x and reverses those about y and z.
    own[1:] = -own[1:, ::-1]
    return own


LIMITS: Float[np.ndarray, "24 3 2"] = np.stack([_range(joint) for joint in JOINT_NAMES])
"""Least and greatest degrees of each joint about x, y, z. The pelvis is free: it turns the whole person."""


def beyond_limits(joint: str, degrees: Float[np.ndarray, "3"]) -> str | None:
    """What is wrong with a joint's Euler degrees, as part of a sentence; None if a person can do it."""
    for axis, angle, (low, high) in zip("xyz", degrees, LIMITS[JOINT_INDEX[joint]], strict=True):
        if not low <= angle <= high:
            return f"{joint} turns {low:g} to {high:g} degrees about {axis}, not {angle:g}"
    return None


def euler_rotation(degrees: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """The rotation that turns about x, then y, then z, all three fixed axes."""
    return Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
