"""Meshes from arrays, with vertex groups and point attributes."""

from collections.abc import Sequence
from itertools import islice
from typing import Literal

import bmesh
import bpy
import numpy as np

from .skeleton import JOINT_NAMES

_ATTRIBUTE_FIELDS = {
    "FLOAT": ("value", np.float32),
    "INT": ("value", np.int32),
    "FLOAT_VECTOR": ("vector", np.float32),
    "FLOAT_COLOR": ("color", np.float32),
}
WEIGHT_FLOOR = 1e-6


def make_mesh(name: str, vertices: np.ndarray, faces: Sequence | np.ndarray = ()) -> bpy.types.Mesh:
    """A mesh of (V, 3) vertices in its object's space and (F, 3) or (F, 4) faces, shaded smooth."""
    mesh = bpy.data.meshes.new(name)
    faces = np.asarray(faces, dtype=np.int32)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(vertices, dtype=np.float32).ravel())
    if len(faces):
        corners = faces.shape[1]
        mesh.loops.add(faces.size)
        mesh.loops.foreach_set("vertex_index", faces.ravel())
        mesh.polygons.add(len(faces))
        mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, corners, dtype=np.int32))
        mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), dtype=bool))
    mesh.update(calc_edges=True)
    return mesh


def set_point_attribute(
    mesh: bpy.types.Mesh,
    name: str,
    kind: Literal["FLOAT", "INT", "FLOAT_VECTOR", "FLOAT_COLOR"],
    values: np.ndarray,
) -> None:
    """Gives every vertex a value; `kind` is Blender's name of its type."""
    member, dtype = _ATTRIBUTE_FIELDS[kind]
    attribute = mesh.attributes.new(name, kind, "POINT")
    attribute.data.foreach_set(member, np.ascontiguousarray(values, dtype=dtype).ravel())


def vertex_places(mesh: bpy.types.Mesh) -> np.ndarray:
    """(V, 3) float32 the mesh's own vertices, unmodified, in its object's space."""
    places = np.empty((len(mesh.vertices), 3), np.float32)
    if len(places):
        mesh.attributes["position"].data.foreach_get("vector", places.ravel())
    return places


def set_skin(object_: bpy.types.Object, weights: np.ndarray, first: int = 0) -> None:
    """Vertex groups named by SMPL's joints, from (n, 24) weights of the vertices from `first` on; groups of
    these names are made anew, others stay as they are."""
    groups = object_.vertex_groups
    for joint in JOINT_NAMES:
        before = groups.get(joint)
        if before is not None:
            groups.remove(before)
    numbers = [groups.new(name=joint).index for joint in JOINT_NAMES]
    mesh = object_.data
    assert isinstance(mesh, bpy.types.Mesh)
    edited = bmesh.new()
    edited.from_mesh(mesh)
    layer = edited.verts.layers.deform.verify()
    rows, joints = np.nonzero(weights > WEIGHT_FLOOR)
    counts = np.bincount(rows, minlength=len(weights)).tolist()
    shares = zip(np.array(numbers)[joints].tolist(), weights[rows, joints].tolist(), strict=True)
    edited.verts.ensure_lookup_table()
    for vertex, count in zip(edited.verts[first : first + len(weights)], counts, strict=True):
        own = vertex[layer]
        for number, share in islice(shares, count):
            own[number] = share
    edited.to_mesh(mesh)
    edited.free()


def follow_armature(object_: bpy.types.Object, armature: bpy.types.Object) -> None:
    """Linear blend skinning by the armature: what the backend computes, and nothing else."""
    modifier = object_.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature
    modifier.use_deform_preserve_volume = False
    modifier.use_bone_envelopes = False
    modifier.use_vertex_groups = True
