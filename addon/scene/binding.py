"""The helper armature that carries a field on a character.

A field lies in the canonical pose (hips turned ±30°), a character rests in the T-pose, and linear blend
skinning does not compose. So a hidden armature has the canonical pose of the field's own skeleton as its REST
pose, and each of its bones copies the transform of the character's. Blender's armature modifier then gives
Σ w_j M_j(θ) M_j(canonical)⁻¹ x for a canonical point x (CHORUS Eq. 5), without Python, on characters of other
proportions too.
"""

import hashlib

import bpy
import numpy as np
from mathutils import Matrix

from .edit_bones import edit_bones
from .field_file import FieldData
from .kinematics import joint_transforms
from .rig import rest_frame, rig_of
from .skeleton import JOINT_NAMES

SKELETON_KEY = "propfield_skeleton"
BONE_LENGTH = 0.08


def bind_rig(field: FieldData, character: bpy.types.Object) -> bpy.types.Object:
    """The helper armature of this field's skeleton on this character; the one there is, if there is one.

    SceneError for a character that is not SMPL-like.
    """
    rest, rig = rest_frame(character), rig_of(character)
    mark = _mark(field, rig.bones)
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
        for joint, matrix in zip(JOINT_NAMES, canonical_bones(field, character), strict=True):
            bone = bones.new(joint)
            bone.head, bone.tail = (0, 0, 0), (0, BONE_LENGTH * rest.scale, 0)
            bone.matrix = Matrix(matrix.tolist())
    for joint, bone_name in zip(JOINT_NAMES, rig.bones, strict=True):
        constraint = helper.pose.bones[joint].constraints.new("COPY_TRANSFORMS")
        constraint.target = character
        constraint.subtarget = bone_name
        constraint.owner_space = constraint.target_space = "WORLD"
    # It is machinery: out of sight, but evaluated, since the fields depend on it.
    helper.hide_viewport = helper.hide_render = helper.hide_select = True
    return helper


def canonical_bones(field: FieldData, character: bpy.types.Object) -> np.ndarray:
    """(24, 4, 4) the helper's rest: the bones in the canonical pose, in the space of the armature object."""
    rest = rest_frame(character)
    frames = joint_transforms(field.rest_pose, field.body_joints)
    matrices = np.tile(np.eye(4), (len(frames), 1, 1))
    matrices[:, :3, :3] = rest.rotation @ frames[:, :3, :3] @ rest.rotation.T @ rest.bones
    matrices[:, :3, 3] = rest.scale * frames[:, :3, 3] @ rest.rotation.T
    return matrices


def to_character(character: bpy.types.Object, points: np.ndarray) -> np.ndarray:
    """(..., 3) canonical points of the backend's space in the space of the character's armature object."""
    rest = rest_frame(character)
    return rest.scale * (points @ rest.rotation.T)


def _mark(field: FieldData, bones: tuple[str, ...]) -> str:
    content = np.concatenate([field.body_joints, field.rest_pose]).astype("<f4").tobytes()
    return hashlib.sha256(content + "\n".join(bones).encode()).hexdigest()[:16]
