"""Poses a person: joints turned within human limits, then hands and feet that reach for what they hold.

All of it is in the world: y up, the pelvis where the rest pose has it, and turned by the root.
"""

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from propfield.body.skeleton import JOINT_COUNT, JOINT_INDEX, PARENTS
from propfield.imagery.studio.limits import (
    ELBOW_FLEXION,
    FOREARM_TWIST,
    KNEE_FLEXION,
    LIMITS,
    euler_rotation,
)
from propfield.imagery.studio.recipe import Reach, Recipe

Vector3 = Float[np.ndarray, "3"]
Rotation3 = Float[np.ndarray, "3 3"]

PALM = np.array([0.075, -0.035, 0.02])
"""From the left wrist to the middle of what the hand grips, metres, in the T-pose."""
SOLE = np.array([0.005, -0.076, 0.07])
"""From the left ankle to the middle of the sole."""


class Skeleton:
    """Joints in a pose: local rotations, and the world frames that follow from them."""

    def __init__(self, rest: Float[np.ndarray, "24 3"]) -> None:
        self.rest = rest.astype(float)
        self.local = np.tile(np.eye(3), (JOINT_COUNT, 1, 1))
        self.update()

    def update(self) -> None:
        """Forward kinematics (SMPL, Eq. 4), after local rotations changed."""
        self.rotations = np.empty((JOINT_COUNT, 3, 3))
        self.positions = np.empty((JOINT_COUNT, 3))
        self.rotations[0], self.positions[0] = self.local[0], self.rest[0]
        for joint, parent in enumerate(PARENTS[1:], 1):
            self.rotations[joint] = self.rotations[parent] @ self.local[joint]
            offset = self.rest[joint] - self.rest[parent]
            self.positions[joint] = self.positions[parent] + self.rotations[parent] @ offset

    def axis_angle(self) -> Float[np.ndarray, "24 3"]:
        return Rotation.from_matrix(self.local).as_rotvec()


def jittered(recipe: Recipe, rest: Float[np.ndarray, "24 3"], random: np.random.Generator) -> Skeleton:
    """The recipe's pose before anything is reached for, drawn within human limits."""
    skeleton = Skeleton(rest)
    skeleton.local[0] = euler_rotation(recipe.root.draw(random))
    for name, spread in recipe.pose.items():
        joint = JOINT_INDEX[name]
        degrees = np.clip(spread.draw(random), LIMITS[joint, :, 0], LIMITS[joint, :, 1])
        skeleton.local[joint] = euler_rotation(degrees)
    skeleton.update()
    return skeleton


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(np.linalg.norm(vector), 1e-9)


def _basis(along: np.ndarray, hinge: np.ndarray) -> np.ndarray:
    """Orthonormal columns: along, the hinge made square to it, and their product."""
    along = _unit(along)
    hinge = _unit(hinge - (hinge @ along) * along)
    return np.stack([along, hinge, np.cross(along, hinge)], 1)


def bend_limb(
    skeleton: Skeleton, upper: int, target: Vector3, pole: Vector3, hinge: Vector3, flexion: float
) -> None:
    """Turns a limb of two bones so that its end meets `target`, or points there where that is too far.

    `upper` is the first joint (a shoulder or hip) and the two after it in SMPL's order of three apart follow.
    `pole` is the direction to which the middle joint goes, `hinge` the axis in the T-pose about which a
    positive turn flexes, `flexion` the greatest flexion in degrees.
    """
    middle, end = _limb(upper)
    rest_upper = skeleton.rest[middle] - skeleton.rest[upper]
    rest_lower = skeleton.rest[end] - skeleton.rest[middle]
    a, b = np.linalg.norm(rest_upper), np.linalg.norm(rest_lower)
    start = skeleton.positions[upper]
    least = np.sqrt(a * a + b * b + 2 * a * b * np.cos(np.radians(flexion)))
    distance = np.clip(np.linalg.norm(target - start), least, 0.995 * (a + b))
    way = _unit(target - start)
    side = _unit(pole - (pole @ way) * way)
    cosine = (a * a + distance**2 - b * b) / (2 * a * distance)
    elbow = start + a * (cosine * way + np.sqrt(max(1 - cosine**2, 0)) * side)
    goal = start + distance * way
    normal = np.cross(elbow - start, goal - start)
    upper_world = _basis(elbow - start, normal) @ _basis(rest_upper, hinge).T
    lower_world = _basis(goal - elbow, normal) @ _basis(rest_lower, hinge).T
    skeleton.local[upper] = skeleton.rotations[PARENTS[upper]].T @ upper_world
    skeleton.local[middle] = upper_world.T @ lower_world
    skeleton.update()


def _limb(upper: int) -> tuple[int, int]:
    middle = PARENTS.index(upper)
    return middle, PARENTS.index(middle)


def reach(skeleton: Skeleton, wish: Reach, frame: Rotation3, target: Vector3) -> None:
    """Takes a hand's palm or a foot's sole to a world point; `frame` are the axes that the wish speaks of."""
    side, _, limb = wish.limb.partition(" ")
    if limb == "foot":
        _reach_foot(skeleton, side, wish, frame, target)
    else:
        _reach_hand(skeleton, side, wish, frame, target)


def _reach_foot(skeleton: Skeleton, side: str, wish: Reach, frame: np.ndarray, target: np.ndarray) -> None:
    mirror = np.array([1.0 if side == "left" else -1.0, 1, 1])
    ankle = JOINT_INDEX[f"{side}_ankle"]
    foot = frame @ euler_rotation(np.asarray(wish.turn))
    pole = foot @ np.array([0.0, 0.2, 1]) if wish.bend is None else np.asarray(wish.bend)
    bend_limb(
        skeleton,
        JOINT_INDEX[f"{side}_hip"],
        target - foot @ (SOLE * mirror),
        pole,
        np.array([1.0, 0, 0]),
        KNEE_FLEXION,
    )
    skeleton.local[ankle] = skeleton.rotations[PARENTS[ankle]].T @ foot
    skeleton.update()


def _reach_hand(skeleton: Skeleton, side: str, wish: Reach, frame: np.ndarray, target: np.ndarray) -> None:
    sign = 1.0 if side == "left" else -1.0
    shoulder, elbow, wrist = (JOINT_INDEX[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist"))
    pole = np.array([0.35 * sign, -1, -0.6]) if wish.bend is None else np.asarray(wish.bend)
    flexed = skeleton.local[wrist].copy()
    axis = np.array([sign, 0.0, 0.0])
    # The grip hangs on the hand's turn, which follows from the arm's: a few rounds meet.
    for _ in range(5):
        grip = skeleton.rotations[wrist] @ (PALM * [sign, 1, 1])
        bend_limb(skeleton, shoulder, target - grip, pole, np.array([0.0, -sign, 0]), ELBOW_FLEXION)
        skeleton.local[wrist] = flexed
        skeleton.update()
        if wish.palm is None:
            continue
        twist = _palm_twist(
            skeleton.rotations[wrist], skeleton.rotations[elbow] @ axis, frame @ np.asarray(wish.palm)
        )
        # Half in the forearm, half at the wrist, as radius and ulna share it along their length.
        half = Rotation.from_rotvec(axis * twist / 2).as_matrix()
        skeleton.local[elbow] = skeleton.local[elbow] @ half
        skeleton.local[wrist] = half @ flexed
        skeleton.update()


def _palm_twist(hand: np.ndarray, forearm: np.ndarray, palm: np.ndarray) -> float:
    """Radians about the forearm that turn the palm (down in the T-pose) toward a direction."""
    now = hand @ np.array([0.0, -1, 0])
    now, wanted = (vector - (vector @ forearm) * forearm for vector in (now, palm))
    angle = np.arctan2(np.cross(now, wanted) @ forearm, now @ wanted)
    return float(np.clip(angle, -np.radians(FOREARM_TWIST), np.radians(FOREARM_TWIST)))
