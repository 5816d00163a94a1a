"""A character made of a mesh that has no skeleton: an armature fitted to it, and if wanted its skin."""

import bpy
import numpy as np
from mathutils import Vector
from mathutils.kdtree import KDTree

from .armature import make_armature
from .axes import points_from_blender, points_to_blender
from .bone_choice import choose_bones
from .errors import SceneError
from .field_file import FieldData
from .mesh_data import follow_armature, set_skin
from .rest_match import body_size
from .skeleton import JOINT_NAMES
from .skeleton_fit import FittedSkeleton, fit_skeleton

NEIGHBOURS = 4
"""Vertices of the fitted body whose skin a vertex of the mesh takes over, by distance."""


def make_fitted_character(
    field: FieldData, mesh: bpy.types.Object, collection: bpy.types.Collection, *, skin: bool = False
) -> tuple[bpy.types.Object, FittedSkeleton]:
    """The armature, at rest in the stance of the mesh, which it carries from now on, and how it fits.

    With `skin` the mesh bends with the bones as well: each vertex takes the weights of the field's body
    beside it. SceneError for a mesh that has an armature, or that no person comes near to.
    """
    if mesh.find_armature() is not None:
        raise SceneError(f"“{mesh.name}” has an armature already: choose that as the character.")
    fitted = fit_skeleton(field, mesh)
    joints = points_from_blender(fitted.joints)
    ground = np.array([joints[0, 0], points_from_blender(fitted.vertices)[:, 1].min(), joints[0, 2]])
    size = body_size(joints) / body_size(field.body_joints)
    armature = make_armature(f"{mesh.name} skeleton", joints - ground, collection, size=size)
    armature.location = Vector(points_to_blender(ground).tolist())
    # Its rest is the mesh's stance, not the T-pose of the armatures whose bones have these names.
    choose_bones(armature, {joint: joint for joint in JOINT_NAMES})
    bpy.context.view_layer.update()
    placed = mesh.matrix_world.copy()
    mesh.parent = armature
    mesh.matrix_parent_inverse = armature.matrix_world.inverted()
    mesh.matrix_world = placed
    if skin:
        set_skin(mesh, _skin(field, fitted, mesh))
        follow_armature(mesh, armature)
    return armature, fitted


def _skin(field: FieldData, fitted: FittedSkeleton, mesh: bpy.types.Object) -> np.ndarray:
    """(V, 24) weights of the mesh's vertices."""
    weights = field.body_weights.dense()
    tree = KDTree(len(fitted.vertices))
    for index, vertex in enumerate(fitted.vertices.tolist()):
        tree.insert(vertex, index)
    tree.balance()
    matrix = mesh.matrix_world
    result = np.zeros((len(mesh.data.vertices), weights.shape[1]), np.float32)
    for row, vertex in enumerate(mesh.data.vertices):
        found = tree.find_n(matrix @ vertex.co, NEIGHBOURS)
        share = np.array([1 / (distance + 1e-6) for _, _, distance in found])
        result[row] = share @ weights[[index for _, index, _ in found]] / share.sum()
    return result
