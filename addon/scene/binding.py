"""The helper armature that carries a field on a character.

A field lies in the canonical pose (hips turned ±30°), a character rests as its rigger wanted it, and linear
blend skinning does not compose. So a hidden armature has the character's skeleton in the canonical pose as
its REST pose, and each of its bones copies the transform of the character's. Blender's armature modifier then
gives Σ w_j M_j(θ) M_j(canonical)⁻¹ x for a point x (CHORUS Eq. 5), without Python. The points are first
carried over from the field's skeleton to the character's (`carrying`), which has other proportions.
"""

import hashlib

import bpy
import numpy as np
from mathutils import Matrix

from .carrying import canonical_bones, carry_maps
from .edit_bones import edit_bones
from .field_file import FieldData
from .kinematics import skin_forward
from .rest_match import body_size, rest_match
from .skeleton import JOINT_NAMES

SKELETON_KEY = "propfield_skeleton"
BONE_LENGTH = 0.08


def bind_rig(field: FieldData, character: bpy.types.Object) -> bpy.types.Object:
    """The helper armature of this field's skeleton on this character; the one there is, if there is one.

    SceneError for a character whose bones are not known.
    """
    match = rest_match(character)
    rest = canonical_bones(field, match)
    mark = _mark(match.rig.bones, rest)
    for child in character.children:
        if child.type == "ARMATURE" and child.get(SKELETON_KEY) == mark:
            return child
    name = f"{character.name} propfield rig"
    helper = bpy.data.objects.new(name, bpy.data.armatures.new(name))
    helper.parent = character
    helper[SKELETON_KEY] = mark
    for collection in character.users_collection or [bpy.context.scene.collection]:
        collection.objects.link(helper)
    with edit_bones(helper) as bones:
        for joint, matrix in zip(JOINT_NAMES, rest, strict=True):
            bone = bones.new(joint)
            bone.head, bone.tail = (0, 0, 0), (0, BONE_LENGTH * match.scale, 0)
            bone.matrix = Matrix(matrix.tolist())
    for joint, bone_name in zip(JOINT_NAMES, match.rig.bones, strict=True):
        constraint = helper.pose.bones[joint].constraints.new("COPY_TRANSFORMS")
        constraint.target = character
        constraint.subtarget = bone_name
        constraint.owner_space = constraint.target_space = "WORLD"
    # It is machinery: out of sight, but evaluated, since the fields depend on it.
    helper.hide_viewport = helper.hide_render = helper.hide_select = True
    return helper


def to_character(
    field: FieldData, character: bpy.types.Object, points: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """(P, 3) canonical points of the backend's space with (P, 24) weights, in the space of the character's
    armature object, where the character stands in the canonical pose. Without weights all go with the trunk.
    """
    maps = carry_maps(field, rest_match(character))
    if weights is None:
        return points @ maps[0, :3, :3].T + maps[0, :3, 3]
    return skin_forward(points, weights, maps)


def units_per_metre(field: FieldData, character: bpy.types.Object) -> float:
    """How many units of the armature's space a metre of the field is, on the whole body."""
    return body_size(rest_match(character).joints) / body_size(field.body_joints)


def _mark(bones: tuple[str, ...], rest: np.ndarray) -> str:
    content = np.round(rest, 5).astype("<f4").tobytes()
    return hashlib.sha256(content + "\n".join(bones).encode()).hexdigest()[:16]
