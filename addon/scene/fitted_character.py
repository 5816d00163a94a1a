"""A character made of a mesh that has no skeleton: an armature fitted to it, and if wanted its skin.

Three steps: what the mesh is like is read, what it becomes is computed, in any thread, and made.
"""

from collections.abc import Callable
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Vector
from mathutils.kdtree import KDTree

from .armature import make_armature
from .axes import points_from_blender, points_to_blender
from .bone_choice import choose_bones
from .errors import SceneError
from .evaluated import MeshReading, moved
from .field_file import FieldData
from .mesh_data import follow_armature, set_skin, vertex_places
from .rest_match import body_size
from .skeleton import JOINT_COUNT, JOINT_NAMES
from .skeleton_fit import FittedSkeleton, fit_skeleton, read_upright

NEIGHBOURS = 4
"""Vertices of the fitted body whose skin a vertex of the mesh takes over, by distance."""
CHUNK = 2_000


@dataclass(frozen=True)
class Alone:
    """A mesh without a skeleton: its object's name, what it shows, and (V, 3) vertices without modifiers."""

    name: str
    mesh: MeshReading
    vertices: np.ndarray


@dataclass(frozen=True)
class FittedCharacter:
    """The skeleton of a mesh, how large it is beside the field's, and the (V, 24) skin of the mesh's vertices
    if it is to bend."""

    skeleton: FittedSkeleton
    size: float
    skin: np.ndarray | None


def read_alone(mesh: bpy.types.Object) -> Alone:
    """The mesh as it is now. SceneError for one that has an armature, or no faces."""
    if mesh.find_armature() is not None:
        raise SceneError(f"“{mesh.name}” has an armature already: choose that as the character.")
    reading = read_upright(mesh)
    assert isinstance(mesh.data, bpy.types.Mesh)
    return Alone(mesh.name, reading, vertex_places(mesh.data))


def fit_character(
    field: FieldData, alone: Alone, tell: Callable[[float, str], None], *, skin: bool = False
) -> FittedCharacter:
    """Fits a skeleton, and with `skin` weights from the field's body beside each vertex. Touches nothing of
    Blender's data.

    SceneError for a mesh that no person comes near to; `tell` hears how far it is, and may raise to end it.
    """
    fitted = fit_skeleton(field, alone.mesh, alone.name, lambda share, what: tell(0.8 * share, what))
    size = body_size(points_from_blender(fitted.joints)) / body_size(field.body_joints)
    places = moved(alone.mesh.matrix, alone.vertices.astype(np.float64))
    return FittedCharacter(fitted, size, _skin(field, fitted, places, tell) if skin else None)


def make_fitted_character(
    mesh: bpy.types.Object, alone: Alone, fitted: FittedCharacter, collection: bpy.types.Collection
) -> bpy.types.Object:
    """The armature, at rest in the stance of the mesh, which it carries from now on; where there is a skin
    the mesh bends with the bones as well. SceneError where the mesh is not as it was read."""
    now = read_alone(mesh)
    if now.vertices.shape != alone.vertices.shape or not np.allclose(
        now.mesh.matrix, alone.mesh.matrix, atol=1e-5
    ):
        raise SceneError(f"“{mesh.name}” was changed meanwhile: fit the skeleton again.")
    skeleton = fitted.skeleton
    joints = points_from_blender(skeleton.joints)
    ground = np.array([joints[0, 0], points_from_blender(skeleton.vertices)[:, 1].min(), joints[0, 2]])
    armature = make_armature(f"{mesh.name} skeleton", joints - ground, collection, size=fitted.size)
    armature.location = Vector(points_to_blender(ground).tolist())
    # Its rest is the mesh's stance, not the T-pose of the armatures whose bones have these names.
    choose_bones(armature, {joint: joint for joint in JOINT_NAMES})
    bpy.context.view_layer.update()
    placed = mesh.matrix_world.copy()
    mesh.parent = armature
    mesh.matrix_parent_inverse = armature.matrix_world.inverted()
    mesh.matrix_world = placed
    if fitted.skin is not None:
        set_skin(mesh, fitted.skin)
        follow_armature(mesh, armature)
    return armature


def _skin(
    field: FieldData, fitted: FittedSkeleton, places: np.ndarray, tell: Callable[[float, str], None]
) -> np.ndarray:
    """(V, 24) weights of the mesh's vertices at (V, 3) places in the world."""
    weights = field.body_weights.dense()
    tree = KDTree(len(fitted.vertices))
    for index, vertex in enumerate(fitted.vertices.tolist()):
        tree.insert(vertex, index)
    tree.balance()
    result = np.zeros((len(places), JOINT_COUNT), np.float32)
    for start in range(0, len(places), CHUNK):
        tell(0.8 + 0.2 * start / len(places), "skin the mesh")
        part = places[start : start + CHUNK].tolist()
        found = [[hit[1:] for hit in tree.find_n(place, NEIGHBOURS)] for place in part]
        near = np.array(found)
        share = 1 / (near[..., 1] + 1e-6)
        share /= share.sum(1, keepdims=True)
        result[start : start + CHUNK] = np.einsum("pn,pnj->pj", share, weights[near[..., 0].astype(int)])
    return result
