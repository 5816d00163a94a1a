"""The character's armature: SMPL's 24 bones."""

import bpy
import numpy as np
from mathutils import Vector

from .axes import points_to_blender
from .edit_bones import edit_bones
from .skeleton import JOINT_INDEX, JOINT_NAMES, PARENTS

# The child that each bone points at; the leaves and the pelvis have directions of their own.
_AIMS = {
    "spine1": "spine2", "spine2": "spine3", "spine3": "neck", "neck": "head",
    "left_hip": "left_knee", "left_knee": "left_ankle", "left_ankle": "left_foot",
    "right_hip": "right_knee", "right_knee": "right_ankle", "right_ankle": "right_foot",
    "left_collar": "left_shoulder", "left_shoulder": "left_elbow", "left_elbow": "left_wrist",
    "left_wrist": "left_hand", "right_collar": "right_shoulder", "right_shoulder": "right_elbow",
    "right_elbow": "right_wrist", "right_wrist": "right_hand", "pelvis": "spine1",
}  # fmt: skip
# Metres.
_LEAVES = {"head": 0.18, "left_foot": 0.08, "right_foot": 0.08, "left_hand": 0.09, "right_hand": 0.09}
_FORWARD, _UP = Vector((0, -1, 0)), Vector((0, 0, 1))


def make_armature(
    name: str,
    joints: np.ndarray,
    collection: bpy.types.Collection,
    height: float = 0.0,
    size: float = 1.0,
) -> bpy.types.Object:
    """An armature object with bones named by SMPL's joints.

    `joints` are (24, 3) rest positions in the backend's space; the object's own space is the backend's in
    Blender's axes, and it stands `height` above the origin. `size` is that of the person, as a factor.
    """
    data = bpy.data.armatures.new(name)
    data.display_type = "OCTAHEDRAL"
    armature = bpy.data.objects.new(name, data)
    armature.location = (0, 0, height)
    armature.show_in_front = True
    collection.objects.link(armature)
    heads = [Vector(point) for point in points_to_blender(np.asarray(joints, dtype=np.float64))]
    with edit_bones(armature) as bones:
        for index, joint in enumerate(JOINT_NAMES):
            bone = bones.new(joint)
            bone.head = heads[index]
            if joint in _LEAVES:
                bone.tail = heads[index] + size * _LEAVES[joint] * _leaf(joint, heads)
            else:
                bone.tail = heads[JOINT_INDEX[_AIMS[joint]]]
            # Arms bend about their z (up); legs, spine and feet about x, with z forward or up.
            along = (bone.tail - bone.head).normalized()
            bone.align_roll(_UP if abs(along.z) < 0.7 else _FORWARD)
            if PARENTS[index] >= 0:
                parent = bones[JOINT_NAMES[PARENTS[index]]]
                bone.parent = parent
                bone.use_connect = (parent.tail - bone.head).length < 1e-6
    for posed in armature.pose.bones:
        posed.rotation_mode = "QUATERNION"
    return armature


def _leaf(joint: str, heads: list[Vector]) -> Vector:
    """Where a bone without a child points: the head up, toes level on, hands on."""
    if joint == "head":
        return _UP
    index = JOINT_INDEX[joint]
    along = heads[index] - heads[PARENTS[index]]
    if joint.endswith("foot"):
        along.z = 0
    return along.normalized()
