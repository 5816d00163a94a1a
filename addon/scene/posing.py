"""A pose in SMPL's terms, put on a character's armature and read off it, whatever its rig and rest."""

import bpy
import numpy as np
from mathutils import Matrix

from .errors import SceneError
from .kinematics import axis_angles, orthonormal, rotation_matrices
from .rest_match import RestMatch, nearest_mapped, rest_match
from .skeleton import JOINT_NAMES, PARENTS


def apply_pose(armature: bpy.types.Object, pose: np.ndarray, frame: int | None = None) -> None:
    """Turns the joints' bones, or the controls that the bone map names, so that the body stands in `pose`:
    (24, 3) axis-angle in the backend's space, radians, with the root.

    With `frame` key frames are set there. Locations of the bones, and all other bones, stay as they are.
    """
    pose = np.asarray(pose, dtype=np.float64)
    if pose.shape != (24, 3) or not np.isfinite(pose).all():
        raise SceneError(f"A pose is 24 finite rotations of 3 numbers, not an array of shape {pose.shape}.")
    if armature.library is not None:
        raise SceneError(
            f"“{armature.name}” is linked from another file: make a library override of it first."
        )
    match = rest_match(armature)
    turned = match.rotation @ _in_space(rotation_matrices(pose)) @ match.turns @ match.rotation.T
    rig = match.rig
    if rig.controls:
        _turn_controls(armature, match, turned, frame)
        return
    targets = {rig.bones[joint]: turned[joint] @ match.bones[joint] for joint in np.flatnonzero(rig.mapped)}
    rotations: dict[str, np.ndarray] = {}
    for name in sorted(targets, key=lambda name: len(armature.data.bones[name].parent_recursive)):
        base = _base(armature, armature.data.bones[name], rotations)
        _turn(armature.pose.bones[name], base.T @ targets[name], frame)
        rotations[name] = targets[name]


def read_pose(armature: bpy.types.Object) -> np.ndarray:
    """(24, 3) axis-angle of the body's pose, in the backend's space: the inverse of `apply_pose`.

    A joint that the rig lacks is not bent. Where constraints or controls move the bones it is the pose of the
    last evaluation.
    """
    match = rest_match(armature)
    names = match.rig.bones
    if match.rig.controls or any(armature.pose.bones[name].constraints for name in names):
        bpy.context.view_layer.update()
        now = orthonormal(np.array([armature.pose.bones[name].matrix.to_3x3() for name in names]))
    else:
        rotations: dict[str, np.ndarray] = {}
        now = np.array([_rotation(armature, armature.data.bones[name], rotations) for name in names])
    turned = match.rotation.T @ now @ np.swapaxes(match.bones, 1, 2) @ match.rotation
    # A joint without a bone of its own has its turn from the joint whose bone it follows.
    turned = (turned @ np.swapaxes(match.turns, 1, 2))[nearest_mapped(match.rig)]
    parents = np.concatenate([np.eye(3)[None], turned[list(PARENTS[1:])]])
    return axis_angles(np.swapaxes(parents, 1, 2) @ turned)


def _in_space(rotations: np.ndarray) -> np.ndarray:
    """(24, 3, 3) rotations relative to the joints above, as rotations in the body's space."""
    result = rotations.copy()
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            result[joint] = result[parent] @ rotations[joint]
    return result


def _rotation(armature: bpy.types.Object, bone: bpy.types.Bone, known: dict[str, np.ndarray]) -> np.ndarray:
    """(3, 3) of a posed bone in the armature's space, constraints aside; `known` is filled on the way."""
    if bone.name not in known:
        own = orthonormal(np.array(armature.pose.bones[bone.name].matrix_basis.to_3x3()))
        known[bone.name] = _base(armature, bone, known) @ own
    return known[bone.name]


def _base(armature: bpy.types.Object, bone: bpy.types.Bone, known: dict[str, np.ndarray]) -> np.ndarray:
    """(3, 3) what the bone's own rotation is added to."""
    rest = orthonormal(np.array(bone.matrix_local.to_3x3()))
    if bone.parent is None or not bone.use_inherit_rotation:
        return rest
    above = orthonormal(np.array(bone.parent.matrix_local.to_3x3()))
    return _rotation(armature, bone.parent, known) @ above.T @ rest


def _turn(bone: bpy.types.PoseBone, basis: np.ndarray, frame: int | None) -> None:
    bone.rotation_mode = "QUATERNION"
    quaternion = Matrix(basis.tolist()).to_quaternion()
    # The nearer of the two signs, so that key frames do not turn the long way round.
    if frame is not None and quaternion.dot(bone.rotation_quaternion) < 0:
        quaternion.negate()
    bone.rotation_quaternion = quaternion
    if frame is not None:
        bone.keyframe_insert("rotation_quaternion", frame=frame)


def _turn_controls(
    armature: bpy.types.Object, match: RestMatch, turned: np.ndarray, frame: int | None
) -> None:
    """Between controls lie constraints, so that Blender evaluates one depth after the other."""
    rig, layer = match.rig, bpy.context.view_layer
    for name, values in rig.settings.items():
        for key, value in values.items():
            if armature.pose.bones[name].get(key) is not None:
                armature.pose.bones[name][key] = value
                if frame is not None:
                    armature.pose.bones[name].keyframe_insert(f'["{key}"]', frame=frame)
    depths: dict[int, list[tuple[str, int]]] = {}
    for joint, name in enumerate(JOINT_NAMES):
        for control in rig.controls.get(name, ()):
            bone = armature.data.bones[control]
            depths.setdefault(len(bone.parent_recursive), []).append((bone.name, joint))
    armature.update_tag()
    for depth in sorted(depths):
        layer.update()
        for name, joint in depths[depth]:
            posed, rest = armature.pose.bones[name], armature.data.bones[name]
            own = orthonormal(np.array(posed.matrix_basis.to_3x3()))
            base = orthonormal(np.array(posed.matrix.to_3x3())) @ own.T
            _turn(posed, base.T @ turned[joint] @ np.array(rest.matrix_local.to_3x3()), frame)
    layer.update()
