"""Which bones a placed prop belongs to, and how it moves with several of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix, Quaternion

from .rig import rig_of
from .skeleton import JOINT_INDEX

PARTS: dict[str, tuple[tuple[str, ...], str | None]] = {
    "head": (("neck", "head"), None),
    "torso": (("spine1", "spine2", "spine3", "left_collar", "right_collar"), None),
    "hips": (("pelvis",), None),
}
"""Parts of the body: the joints that count for each, and the one whose bone holds things for it (None: that
which counts most)."""
for _side in ("left", "right"):
    PARTS[f"{_side} arm"] = ((f"{_side}_shoulder", f"{_side}_elbow"), None)
    # Fingers and toes bend on their own; what is held goes with the hand, what is stood on with the foot.
    PARTS[f"{_side} hand"] = ((f"{_side}_wrist", f"{_side}_hand"), f"{_side}_wrist")
    PARTS[f"{_side} leg"] = ((f"{_side}_hip", f"{_side}_knee"), None)
    PARTS[f"{_side} foot"] = ((f"{_side}_ankle", f"{_side}_foot"), f"{_side}_ankle")

ALONE = 0.6
"""A part with this share of a prop carries it alone."""
COUNTS = 0.15
"""Of several, those with less do not count."""


def anchor_joints(shares: Mapping[str, float]) -> dict[str, float]:
    """The joints that hold a prop, heaviest first, with weights that sum to 1: one, or one for each part.

    `shares` says by joint how much of the prop belongs to it, as a placement does.
    """
    parts = {}
    for joints, holder in PARTS.values():
        found = {joint: max(0.0, float(shares.get(joint, 0.0))) for joint in joints}
        if sum(found.values()) > 0:
            parts[holder or max(found, key=lambda joint: found[joint])] = sum(found.values())
    if not parts:
        return {"pelvis": 1.0}
    total = sum(parts.values())
    ordered = sorted(parts.items(), key=lambda part: -part[1])
    if ordered[0][1] >= ALONE * total:
        return {ordered[0][0]: 1.0}
    kept = [(joint, share) for joint, share in ordered if share >= COUNTS * total] or ordered[:1]
    whole = sum(share for _, share in kept)
    return {joint: share / whole for joint, share in kept}


def anchor_bones(character: bpy.types.Object, shares: Mapping[str, float]) -> dict[str, float]:
    """As `anchor_joints`, by the names of the character's own bones."""
    bones = rig_of(character).bones
    weights: dict[str, float] = {}
    for joint, weight in anchor_joints(shares).items():
        name = bones[JOINT_INDEX[joint]]
        weights[name] = weights.get(name, 0.0) + weight
    return weights


@dataclass(frozen=True)
class RigPose:
    """Where a character and some of its bones are in the world: (4, 4), and (4, 4) by the bones' names."""

    world: np.ndarray
    bones: dict[str, np.ndarray]


def rig_pose(character: bpy.types.Object, bones: Iterable[str] | None = None) -> RigPose:
    """At the current frame; of the bones that joints belong to unless told."""
    evaluated = character.evaluated_get(bpy.context.evaluated_depsgraph_get())
    world = np.array(evaluated.matrix_world)
    names = rig_of(character).bones if bones is None else bones
    return RigPose(world, {name: world @ np.array(evaluated.pose.bones[name].matrix) for name in names})


def blended(transforms: list[np.ndarray], weights: list[float]) -> np.ndarray:
    """(4, 4) mean of (4, 4) transforms that are rigid but for a scale: by dual quaternions, as Blender's
    armature constraint has it where it preserves volume (Kavan et al. 2007); scales are averaged."""
    if len(transforms) == 1:
        return transforms[0]
    total = sum(weights)
    real, dual, scale, first = np.zeros(4), np.zeros(4), 0.0, None
    for transform, weight in zip(transforms, weights, strict=True):
        size = float(np.cbrt(np.linalg.det(transform[:3, :3])))
        turn = Matrix((transform[:3, :3] / size).tolist()).to_quaternion()
        if first is not None and turn.dot(first) < 0:
            turn.negate()
        first = first or turn
        shift = Quaternion((0.0, *transform[:3, 3])) @ turn
        real += weight / total * np.array(turn)
        dual += weight / total * 0.5 * np.array(shift)
        scale += weight / total * size
    length = np.linalg.norm(real)
    turn = Quaternion((real / length).tolist())
    shift = Quaternion((dual / length).tolist()) @ turn.conjugated()
    result = np.eye(4)
    result[:3, :3] = scale * np.array(turn.to_matrix())
    result[:3, 3] = 2 * np.array(shift)[1:]
    return result
