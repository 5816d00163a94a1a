"""How a character stands at rest, and how its bones turn from there to SMPL's T-pose."""

from dataclasses import dataclass

import bpy
import numpy as np

from .errors import SceneError
from .kinematics import orthonormal, rotation_matrices
from .rig import Rig, rig_of
from .skeleton import JOINT_COUNT, JOINT_INDEX, PARENTS
from .t_pose import KNUCKLES, T_POSE, direction, middle, trunk_axes

SIDES = ("left", "right")
LIMBS = tuple(
    (f"{side}_{start}", f"{side}_{end}")
    for start, end in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
    for side in SIDES
)  # fmt: skip
"""Bones whose direction says how a person stands: from joint to joint."""
_NEAR_T_POSE = np.cos(np.radians(25))
"""A rig of which the map says that it rests in the T-pose is believed as long as its limbs are this near."""
_FOREARM_TWIST = 0.5
"""Of the hand's twist, what the forearm takes: its skin turns over its whole length."""


@dataclass(frozen=True)
class RestMatch:
    """A character's skeleton beside SMPL's.

    Attributes:
        rig: whose bones they are.
        rotation: (3, 3) backend directions to the armature's space.
        scale: armature units per metre of a person of the T-pose's size.
        heads: (24, 3) where the joints' bones begin at rest, in the backend's axes and armature units.
        bones: (24, 3, 3) rest rotations of the bones, in the armature's space.
        turns: (24, 3, 3) rotation of each bone from the rest to the T-pose, in the backend's axes.
        joints: (24, 3) the joints in the T-pose, in the backend's axes and armature units.
    """

    rig: Rig
    rotation: np.ndarray
    scale: float
    heads: np.ndarray
    bones: np.ndarray
    turns: np.ndarray
    joints: np.ndarray


def rest_match(armature: bpy.types.Object) -> RestMatch:
    """Matches the armature's rest with the T-pose. SceneError for bones that are unknown or make no body."""
    rig = rig_of(armature)
    matrices = np.array([armature.data.bones[name].matrix_local for name in rig.bones])
    heads, bones = matrices[:, :3, 3], orthonormal(matrices[:, :3, :3])
    rotation = _upright(armature, heads)
    heads = heads @ rotation
    for start, end in LIMBS:
        if np.linalg.norm(direction(heads, start, end)) < 1e-3 * _trunk(heads):
            raise SceneError(
                f"{start} and {end} of “{armature.name}” lie in one place".replace("_", " ")
                + ": correct them in the Character panel."
            )
    if _walks_backward(rig, heads):
        raise SceneError(
            f"The toes of “{armature.name}” point backward: left and right are mapped the wrong way round."
        )
    scale = body_size(heads) / body_size(T_POSE)
    turns = _turns(rig, heads, _knuckle_lines(armature, rig, rotation))
    return RestMatch(rig, rotation, scale, heads, bones, turns, _in_t_pose(rig, heads, turns, scale))


def nearest_mapped(rig: Rig) -> np.ndarray:
    """(24,) for each joint itself, or the nearest joint above it that has a bone."""
    result = np.arange(JOINT_COUNT)
    for joint, parent in enumerate(PARENTS):
        if not rig.mapped[joint]:
            result[joint] = result[parent]
    return result


def shortest_arc(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(3, 3) smallest rotation that brings the direction `start` to `end`."""
    start, end = start / np.linalg.norm(start), end / np.linalg.norm(end)
    axis = np.cross(start, end)
    sine = np.linalg.norm(axis)
    if sine < 1e-9:
        # Opposite directions have no smallest; any axis across will do.
        axis = np.cross(start, np.eye(3)[np.abs(start).argmin()])
        sine = np.linalg.norm(axis)
        return rotation_matrices(axis / sine * (0 if start @ end > 0 else np.pi))
    return rotation_matrices(axis / sine * np.arctan2(sine, start @ end))


def _upright(armature: bpy.types.Object, heads: np.ndarray) -> np.ndarray:
    rotation = trunk_axes(heads) @ trunk_axes(T_POSE).T
    if not np.isfinite(rotation).all():
        raise SceneError(
            f"Hips or shoulders of “{armature.name}” lie in one place: correct them in the Character panel."
        )
    return _snapped(rotation)


def _snapped(rotation: np.ndarray) -> np.ndarray:
    """The axis-aligned rotation within 15°, else the rotation itself: a leaning spine does not turn a rig."""
    nearest = np.zeros((3, 3))
    nearest[np.abs(rotation).argmax(0), range(3)] = 1
    nearest *= np.sign(rotation)
    proper = np.allclose(nearest @ nearest.T, np.eye(3)) and np.linalg.det(nearest) > 0
    close = np.trace(nearest.T @ rotation) > 1 + 2 * np.cos(np.radians(15))
    return nearest if proper and close else rotation


def _trunk(joints: np.ndarray) -> float:
    return float(np.linalg.norm(middle(joints, "shoulder") - middle(joints, "hip")))


def body_size(joints: np.ndarray) -> float:
    """Trunk and legs of (24, 3) joints, end to end: what does not depend on how arms and head are drawn."""
    legs = [np.linalg.norm(direction(joints, start, end)) for start, end in LIMBS[:4]]
    return float(_trunk(joints) + sum(legs) / 2)


def _turns(rig: Rig, heads: np.ndarray, knuckle_lines: dict[str, np.ndarray]) -> np.ndarray:
    turns = np.tile(np.eye(3), (JOINT_COUNT, 1, 1))
    if rig.rests_in_t_pose and _rests_so(heads):
        return turns

    def swing(side: str, joint: str, end: str, above: np.ndarray) -> np.ndarray:
        start, end = f"{side}_{joint}", f"{side}_{end}"
        return shortest_arc(above @ direction(heads, start, end), direction(T_POSE, start, end)) @ above

    def has_fingers(side: str) -> bool:
        # Some files have the fingers begin in the wrist.
        length = np.linalg.norm(direction(heads, f"{side}_wrist", f"{side}_hand"))
        return rig.mapped[JOINT_INDEX[f"{side}_hand"]] and bool(length > 0.02 * _trunk(heads))

    def put(side: str, joint: str, turn: np.ndarray) -> None:
        turns[JOINT_INDEX[f"{side}_{joint}"]] = turn

    for side in SIDES:
        thigh = swing(side, "hip", "knee", np.eye(3))
        put(side, "hip", thigh)
        put(side, "knee", swing(side, "knee", "ankle", thigh))
        # Feet stand on the ground at rest, as in the T-pose, but perhaps with the toes turned out.
        foot = np.eye(3)
        if rig.mapped[JOINT_INDEX[f"{side}_foot"]]:
            level = np.array([1.0, 0.0, 1.0])
            own, wanted = (
                direction(joints, f"{side}_ankle", f"{side}_foot") * level for joints in (heads, T_POSE)
            )
            if np.linalg.norm(own) > 1e-6 * _trunk(heads):
                foot = shortest_arc(own, wanted)
        put(side, "ankle", foot)
        put(side, "foot", foot)
        upper = swing(side, "shoulder", "elbow", np.eye(3))
        fore = swing(side, "elbow", "wrist", upper)
        hand = swing(side, "wrist", "hand", fore) if has_fingers(side) else fore
        if side in knuckle_lines:
            axis = direction(T_POSE, f"{side}_elbow", f"{side}_wrist")
            axis /= np.linalg.norm(axis)
            twist = _twist(hand @ knuckle_lines[side], KNUCKLES, axis)
            hand = rotation_matrices(twist * axis) @ hand
            fore = rotation_matrices(_FOREARM_TWIST * twist * axis) @ fore
        put(side, "shoulder", upper)
        put(side, "elbow", fore)
        put(side, "wrist", hand)
        put(side, "hand", hand)
    return turns


def _rests_so(heads: np.ndarray) -> bool:
    for start, end in LIMBS:
        own, wanted = direction(heads, start, end), direction(T_POSE, start, end)
        if own @ wanted < _NEAR_T_POSE * np.linalg.norm(own) * np.linalg.norm(wanted):
            return False
    return True


def _twist(line: np.ndarray, wanted: np.ndarray, axis: np.ndarray) -> float:
    """The angle about `axis` that turns `line` to where `wanted` looks, seen along the axis."""
    line, wanted = line - axis * (line @ axis), wanted - axis * (wanted @ axis)
    return float(np.arctan2(np.cross(line, wanted) @ axis, line @ wanted))


def _walks_backward(rig: Rig, heads: np.ndarray) -> bool:
    """Whether both feet point against the way that the body faces, with its left where left is mapped."""
    feet = [
        direction(heads, f"{side}_ankle", f"{side}_foot")
        for side in SIDES
        if rig.mapped[JOINT_INDEX[f"{side}_foot"]]
    ]
    return len(feet) == 2 and all(foot[2] < -0.5 * np.linalg.norm(foot) for foot in feet)


def _knuckle_lines(armature: bpy.types.Object, rig: Rig, rotation: np.ndarray) -> dict[str, np.ndarray]:
    """Of each hand whose fingers are known, the line from the index's knuckle to the little finger's."""
    lines = {}
    for side, names in rig.knuckles.items():
        index, little = (np.array(armature.data.bones[name].head_local) for name in names)
        if np.linalg.norm(little - index) > 0:
            lines[side] = (little - index) @ rotation
    return lines


def _in_t_pose(rig: Rig, heads: np.ndarray, turns: np.ndarray, scale: float) -> np.ndarray:
    """Joints that the rig lacks lie from the next above them as in SMPL's T-pose."""
    joints, above = np.empty((JOINT_COUNT, 3)), nearest_mapped(rig)
    joints[0] = heads[0]
    for joint in range(1, JOINT_COUNT):
        parent = above[PARENTS[joint]]
        if rig.mapped[joint]:
            joints[joint] = joints[parent] + turns[parent] @ (heads[joint] - heads[parent])
        else:
            joints[joint] = joints[above[joint]] + scale * (T_POSE[joint] - T_POSE[above[joint]])
    return joints
