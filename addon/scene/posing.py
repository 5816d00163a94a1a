"""A pose in SMPL's terms, put on a character's armature and read off it."""

import bpy
import numpy as np
from mathutils import Matrix

from .errors import SceneError
from .kinematics import axis_angles, rotation_matrices
from .rig import rest_frame, rig_of


def apply_pose(armature: bpy.types.Object, pose: np.ndarray, frame: int | None = None) -> None:
    """Turns the 24 bones to `pose`: (24, 3) axis-angle in the backend's space, radians, with the root.

    With `frame` key frames are set there. Locations of the bones stay as they are.
    """
    pose = np.asarray(pose, dtype=np.float64)
    if pose.shape != (24, 3) or not np.isfinite(pose).all():
        raise SceneError(f"A pose is 24 finite rotations of 3 numbers, not an array of shape {pose.shape}.")
    rest, rig = rest_frame(armature), rig_of(armature)
    rotations = rest.rotation @ rotation_matrices(pose) @ rest.rotation.T
    # A bone's basis is in its own rest axes.
    basis = np.swapaxes(rest.bones, 1, 2) @ rotations @ rest.bones
    for name, matrix in zip(rig.bones, basis, strict=True):
        bone = armature.pose.bones[name]
        bone.rotation_mode = "QUATERNION"
        quaternion = Matrix(matrix.tolist()).to_quaternion()
        # The nearer of the two signs, so that key frames do not turn the long way round.
        if frame is not None and quaternion.dot(bone.rotation_quaternion) < 0:
            quaternion.negate()
        bone.rotation_quaternion = quaternion
        if frame is not None:
            bone.keyframe_insert("rotation_quaternion", frame=frame)


def read_pose(armature: bpy.types.Object) -> np.ndarray:
    """(24, 3) axis-angle of the bones' own rotations, in the backend's space: the inverse of `apply_pose`."""
    rest, rig = rest_frame(armature), rig_of(armature)
    basis = np.array([armature.pose.bones[name].matrix_basis.to_3x3().normalized() for name in rig.bones])
    rotations = rest.bones @ basis @ np.swapaxes(rest.bones, 1, 2)
    return axis_angles(rest.rotation.T @ rotations @ rest.rotation)
