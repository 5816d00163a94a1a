"""Points around a field's support that the armature moves and that tell everything between them where to go.

A canonical place x goes to Σ w_j(x) B_j x (CHORUS Eq. 5) with weights that are trilinear between voxels:
Σ_c f_c(x) A_c x, where A_c is the blended transform at corner c of the cell that x is in and f_c its
trilinear share. Blender's armature modifier moves points only, so each corner has four with its own weights,
itself and one spacing along each axis: what they become tells A_c, and geometry nodes need no weights.
"""

from dataclasses import dataclass

import bpy
import numpy as np

from .carriers import block_maxima, spread
from .field_file import FieldData
from .lattice import SUPPORT_SHARE, Lattice
from .nodes import Graph, kept_group
from .weights import interpolate_weights

FOLLOW_GROUP, CORNER_GROUP = ".Propfield follow cells", ".Propfield follow corner"
CORNER = "corner"
"""The attribute of the lattice's vertices, in C order of the corners, that holds the corner's number."""
POINTS = 4
"""A corner's points: itself, then one spacing along x, y and z."""
CONTROL_LIMIT = 300_000
"""Corners near the support: all of them for grids up to 64³, and of most finer fields, so that these are
carried exactly; where there are more, every second has to do."""


@dataclass(frozen=True)
class Controls:
    """The corners of a lattice's cells of `spacing` steps.

    Attributes:
        shape: corners along the axes.
        spacing: steps from corner to corner.
        numbers: (all corners,) int32 in C order of [x, y, z]: which of the n that are near the support each
            is; 0 for the others, at which nothing ever is.
        steps: (4·n, 3) float32 places of the points in the lattice.
        weights: (4·n, 24) their skinning weights; each row sums to 1.
    """

    shape: tuple[int, int, int]
    spacing: int
    numbers: np.ndarray
    steps: np.ndarray
    weights: np.ndarray


def choose_controls(field: FieldData, lattice: Lattice) -> Controls:
    """The corners of the lattice near the support of any type."""
    support = (lattice.values >= SUPPORT_SHARE).any(0)
    spacing = 1
    while np.count_nonzero(near := _near(support, spacing)) > CONTROL_LIMIT:
        spacing += 1
    corners = np.argwhere(near)
    numbers = np.zeros(near.size, np.int32)
    numbers[near.ravel()] = np.arange(len(corners))
    in_grid = lattice.origin + corners * spacing * lattice.factor
    weights = interpolate_weights(field.voxel_weights, (field.resolution,) * 3, in_grid)
    offsets = np.concatenate([np.zeros((1, 3)), np.eye(3)])
    steps = (corners[:, None] + offsets) * spacing
    return Controls(
        shape=(near.shape[0], near.shape[1], near.shape[2]),
        spacing=spacing,
        numbers=numbers,
        steps=steps.reshape(-1, 3).astype(np.float32),
        weights=np.repeat(weights, POINTS, axis=0),
    )


def _near(support: np.ndarray, spacing: int) -> np.ndarray:
    """(X, Y, Z) whether something of the support is in a cell at each corner of cells of `spacing` steps."""
    shape = -(-(np.array(support.shape) - 1) // spacing) + 1
    near = spread(block_maxima(support, spacing), np.logical_or)
    # Blocks have a rim of one on either side, and are one more where the last corner lies beyond the lattice.
    return np.pad(near, [(0, 2)] * 3)[tuple(slice(1, 1 + count) for count in shape)]


def follow_group() -> bpy.types.NodeTree:
    """The deformed mesh, whose vertices from `First` on are control points, and a place in steps of the
    lattice → where the armature takes that place. `Shape` and `Spacing` are those of the controls."""
    kept = kept_group(FOLLOW_GROUP)
    if kept is not None:
        return kept
    graph = Graph(FOLLOW_GROUP)
    mesh, first = graph.declare("Mesh", "Geometry"), graph.declare("First", "Int")
    place, shape = graph.declare("Place", "Vector"), graph.declare("Shape", "Vector")
    spacing = graph.declare("Spacing", "Float")
    in_cells = graph.scaled(place, graph.math("DIVIDE", 1.0, spacing))
    last = graph.vector("SUBTRACT", shape, (2.0, 2.0, 2.0))
    low = graph.vector("MAXIMUM", graph.vector("FLOOR", in_cells), (0.0, 0.0, 0.0))
    low = graph.vector("MINIMUM", low, last)
    share = graph.vector("SUBTRACT", in_cells, low)
    _, rows, columns = graph.parts(shape)
    strides = graph.joined(graph.math("MULTIPLY", rows, columns), columns, 1.0)
    group, total = _corner_group(), None
    for corner in np.ndindex(2, 2, 2):
        offset = tuple(map(float, corner))
        moved = graph.group(group, mesh, first, strides, low, share, offset).outputs[0]
        total = moved if total is None else graph.vector("ADD", total, moved)
    graph.result("Position", "Vector", total)
    return graph.arrange()


def _corner_group() -> bpy.types.NodeTree:
    """Where one of a cell's eight corners takes a place, by its trilinear share. `Low` is the cell's first
    corner, `Share` the place in the cell, `Corner` which of the eight."""
    kept = kept_group(CORNER_GROUP)
    if kept is not None:
        return kept
    graph = Graph(CORNER_GROUP)
    mesh, first = graph.declare("Mesh", "Geometry"), graph.declare("First", "Int")
    strides, low = graph.declare("Strides", "Vector"), graph.declare("Low", "Vector")
    share, corner = graph.declare("Share", "Vector"), graph.declare("Corner", "Vector")
    # Half a step more: Sample Index truncates.
    index = graph.math("ADD", graph.dot(strides, graph.vector("ADD", low, corner)), 0.5)
    number = graph.at(mesh, graph.attribute(CORNER, "INT"), index, "INT")
    point = graph.math("MULTIPLY_ADD", number, float(POINTS), graph.math("ADD", first, 0.5))
    # At a corner of 1 the share itself, at one of 0 what it lacks to 1.
    opposite = graph.vector("SUBTRACT", (1.0, 1.0, 1.0), share)
    factors = graph.vector("MULTIPLY_ADD", corner, graph.vector("SUBTRACT", share, opposite), opposite)
    x, y, z = graph.parts(factors)
    position = graph.value("GeometryNodeInputPosition")
    own = graph.at(mesh, position, point, "FLOAT_VECTOR")
    moved = own
    for axis, part in enumerate(graph.parts(graph.vector("SUBTRACT", share, corner)), start=1):
        other = graph.at(mesh, position, graph.math("ADD", point, float(axis)), "FLOAT_VECTOR")
        moved = graph.vector("ADD", moved, graph.scaled(graph.vector("SUBTRACT", other, own), part))
    whole = graph.math("MULTIPLY", graph.math("MULTIPLY", x, y), z)
    graph.result("Position", "Vector", graph.scaled(moved, whole))
    return graph.arrange()
