"""Meshes as Blender evaluates them, with modifiers, in world space; of hidden objects too."""

from collections.abc import Iterator
from contextlib import contextmanager

import bpy
import numpy as np


@contextmanager
def shown(*objects: bpy.types.Object) -> Iterator[None]:
    """Lets the dependency graph see hidden objects for a moment: Blender does not evaluate the others."""
    root = bpy.context.scene.collection
    graph = bpy.context.evaluated_depsgraph_get()
    hidden = [item for item in objects if not item.evaluated_get(graph).is_evaluated]
    switched = [item for item in hidden if item.hide_viewport]
    linked = [item for item in hidden if item.name not in root.objects]
    for item in switched:
        item.hide_viewport = False
    for item in linked:
        root.objects.link(item)
    try:
        if hidden:
            bpy.context.view_layer.update()
        yield
    finally:
        for item in linked:
            root.objects.unlink(item)
        for item in switched:
            item.hide_viewport = True


def mesh_arrays(object_: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """(V, 3) float64 vertices in the object's own space and (F, 3) int32 triangles, as evaluated now."""
    evaluated = object_.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    try:
        points = np.empty(3 * len(mesh.vertices), np.float32)
        mesh.vertices.foreach_get("co", points)
        mesh.calc_loop_triangles()
        faces = np.empty(3 * len(mesh.loop_triangles), np.int32)
        mesh.loop_triangles.foreach_get("vertices", faces)
    finally:
        evaluated.to_mesh_clear()
    return points.reshape(-1, 3).astype(np.float64), faces.reshape(-1, 3)


def world_matrix(object_: bpy.types.Object) -> np.ndarray:
    """(4, 4) object to world, as evaluated now."""
    return np.array(object_.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world)


def moved(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(..., 3) points taken along by a (4, 4) affine."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def turned(matrix: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """(..., 3) normals taken along by a (4, 4) affine, of length 1."""
    found = directions @ np.linalg.inv(matrix[:3, :3])
    return found / np.maximum(np.linalg.norm(found, axis=-1, keepdims=True), 1e-20)
