"""Iso-surfaces of a lattice by OpenVDB's mesher, through Blender's Volume to Mesh node."""

import bpy
import numpy as np

from .mesh_data import make_mesh, set_point_attribute
from .nodes import Graph, set_input
from .volume_nodes import trilinear

REFINE_LIMIT = 60_000
"""Lattices of fewer voxels are made twice as fine first, so that shells look round."""


def refined(values: np.ndarray) -> np.ndarray:
    """Twice as fine along each axis, between (2n − 1) voxels: Catmull-Rom cubics through the values."""
    for axis in range(3):
        moved = np.moveaxis(values, axis, 0)
        padded = np.concatenate([moved[:1], moved, moved[-1:]])
        between = (9 * (padded[1:-2] + padded[2:-1]) - padded[:-3] - padded[3:]) / 16
        finer = np.empty((2 * len(moved) - 1, *moved.shape[1:]), values.dtype)
        finer[::2], finer[1::2] = moved, between
        values = np.moveaxis(finer, 0, axis)
    return np.clip(np.ascontiguousarray(values), 0, None)


def iso_surfaces(values: np.ndarray, levels: list[float]) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each level (V, 3) vertices in steps of the lattice, (F, 4) quads, counter-clockwise from outside.

    A level with nothing above it gives empty arrays. Borders of the lattice are closed if they are below it.
    """
    finer = refined(values) if values.size < REFINE_LIMIT else values
    factor = (finer.shape[0] - 1) / (values.shape[0] - 1)
    mesh = make_mesh("propfield lattice", np.zeros((finer.size, 3)))
    set_point_attribute(mesh, "density", "FLOAT", finer)
    source = bpy.data.objects.new("propfield lattice", mesh)
    scene = bpy.context.scene
    scene.collection.objects.link(source)
    modifier = source.modifiers.new("Iso-surface", "NODES")
    group = modifier.node_group = _iso_group()
    set_input(modifier, "Size", [float(n) for n in finer.shape])
    surfaces = []
    try:
        for level in levels:
            set_input(modifier, "Level", float(level))
            source.update_tag()
            evaluated = source.evaluated_get(bpy.context.evaluated_depsgraph_get())
            vertices, faces = _arrays(evaluated.to_mesh())
            evaluated.to_mesh_clear()
            surfaces.append((vertices / factor, faces))
    finally:
        bpy.data.objects.remove(source)
        bpy.data.meshes.remove(mesh)
        bpy.data.node_groups.remove(group)
    return surfaces


def _arrays(mesh: bpy.types.Mesh) -> tuple[np.ndarray, np.ndarray]:
    vertices = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", vertices)
    faces = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", faces)
    return vertices.reshape(-1, 3), faces.reshape(-1, 4)


def _iso_group() -> bpy.types.NodeTree:
    graph = Graph(".Propfield iso-surface")
    graph.tree.is_modifier = True
    mesh, size = graph.declare("Mesh", "Geometry"), graph.declare("Size", "Vector")
    level = graph.declare("Level", "Float")
    density = trilinear(graph, mesh, graph.value("GeometryNodeInputPosition"), size)
    last = graph.vector("SUBTRACT", size, (1.0, 1.0, 1.0))
    counts = [graph.math("ADD", part, 0.5) for part in graph.parts(size)]
    volume = graph.value("GeometryNodeVolumeCube", density, 0.0, (0.0, 0.0, 0.0), last, *counts)
    node = graph.node("GeometryNodeVolumeToMesh", volume)
    graph.tree.links.new(level, node.inputs["Threshold"])
    graph.result("Mesh", "Geometry", node.outputs["Mesh"])
    return graph.tree
