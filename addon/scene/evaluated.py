"""Meshes as Blender evaluates them, with modifiers, in world space; of hidden objects too."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

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


@dataclass(frozen=True)
class MeshReading:
    """An evaluated mesh as it lies in Blender's memory; what is made of it needs no Blender, in any thread.

    Attributes:
        points: (V, 3) float32 in the object's own space.
        corners: (C,) int32 the vertex of each corner of each polygon.
        starts: (P,) int32 where each polygon's corners begin.
        split: (T, 3) int32 triangles, where Blender has to say how polygons are cut; else None.
        matrix: (4, 4) object to world.
    """

    points: np.ndarray
    corners: np.ndarray
    starts: np.ndarray
    split: np.ndarray | None
    matrix: np.ndarray

    @property
    def triangle_count(self) -> int:
        """How many triangles there are."""
        return len(self.corners) - 2 * len(self.starts)

    def in_world(self) -> np.ndarray:
        """(V, 3) float64."""
        return moved(self.matrix, self.points.astype(np.float64))

    def triangles(self) -> np.ndarray:
        """(T, 3) int32."""
        if self.split is not None:
            return self.split
        count = np.diff(self.starts, append=len(self.corners))
        three, four = self.starts[count == 3], self.starts[count == 4]
        quads = self.corners[four[:, None] + np.arange(4)]
        whole = self.corners[three[:, None] + np.arange(3)]
        return np.concatenate([whole, *_halves(quads, self.points)])


def read_mesh(object_: bpy.types.Object) -> MeshReading:
    """The object's mesh and place as evaluated now."""
    evaluated = object_.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    try:
        points = np.empty(3 * len(mesh.vertices), np.float32)
        corners = np.empty(len(mesh.loops), np.int32)
        starts = np.empty(len(mesh.polygons), np.int32)
        # Attributes are copied whole; by `vertices` and `loops` each element is asked for.
        if len(points):
            mesh.attributes["position"].data.foreach_get("vector", points)
        if len(corners):
            mesh.attributes[".corner_vert"].data.foreach_get("value", corners)
        mesh.polygons.foreach_get("loop_start", starts)
        split = None
        if len(starts) and np.diff(starts, append=len(corners)).max() > 4:
            mesh.calc_loop_triangles()
            split = np.empty(3 * len(mesh.loop_triangles), np.int32)
            mesh.loop_triangles.foreach_get("vertices", split)
            split = split.reshape(-1, 3)
    finally:
        evaluated.to_mesh_clear()
    return MeshReading(points.reshape(-1, 3), corners, starts, split, np.array(evaluated.matrix_world))


def mesh_arrays(object_: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """(V, 3) float64 vertices in the object's own space and (F, 3) int32 triangles, as evaluated now."""
    reading = read_mesh(object_)
    return reading.points.astype(np.float64), reading.triangles()


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


def _halves(quads: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(Q, 3) twice: (Q, 4) polygons cut from first to third corner, or across where that lies outside."""
    corners = points[quads].astype(np.float64)
    along = corners[:, 2] - corners[:, 0]
    sides = np.cross(corners[:, 1] - corners[:, 0], along), np.cross(along, corners[:, 3] - corners[:, 0])
    quads = np.where(((sides[0] * sides[1]).sum(1) < 0)[:, None], np.roll(quads, -1, axis=1), quads)
    return quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]
