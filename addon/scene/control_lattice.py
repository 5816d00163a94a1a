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
from .nodes import Graph, Socket, kept_group
from .weights import interpolate_weights

FOLLOW_GROUP = ".Propfield follow"
POINTS = 4
"""A corner's points: itself, then one spacing along x, y and z."""
CONTROL_LIMIT = 300_000
"""Corners: one for each voxel of a grid of 64³, so that these are carried exactly; of a finer one every
second or third has to do."""


@dataclass(frozen=True)
class Controls:
    """The corners of a lattice's cells of `spacing` steps.

    Attributes:
        shape: corners along the axes.
        spacing: steps from corner to corner.
        steps: (4·n, 3) float32 places of the points in the lattice, corners in C order of [x, y, z].
        weights: (4·n, 24) their skinning weights; zeros where no support is near.
    """

    shape: tuple[int, int, int]
    spacing: int
    steps: np.ndarray
    weights: np.ndarray

    def weights_or_trunk(self) -> np.ndarray:
        """The weights, of which each row sums to 1: what has none goes with the trunk."""
        rows = self.weights.copy()
        rows[:, 0] += rows.sum(1) == 0
        return rows


def choose_controls(field: FieldData, lattice: Lattice) -> Controls:
    """Corners that cover the lattice; those near the support of any type have weights."""
    support = (lattice.values >= SUPPORT_SHARE).any(0)
    size, spacing = np.array(support.shape), 1
    while np.prod(shape := -(-(size - 1) // spacing) + 1) > CONTROL_LIMIT:
        spacing += 1
    near = spread(block_maxima(support, spacing), np.logical_or)
    # Blocks have a rim of one on either side, and are one more where the last corner lies beyond the lattice.
    near = np.pad(near, [(0, 2)] * 3)[tuple(slice(1, 1 + count) for count in shape)]
    corners = np.stack(np.meshgrid(*(np.arange(count) for count in shape), indexing="ij"), -1).reshape(-1, 3)
    wanted = near.ravel()
    weights = np.zeros((len(corners), 24), np.float32)
    in_grid = lattice.origin + corners[wanted] * spacing * lattice.factor
    weights[wanted] = interpolate_weights(field.voxel_weights, (field.resolution,) * 3, in_grid)
    offsets = np.concatenate([np.zeros((1, 3)), np.eye(3)])
    steps = (corners[:, None] + offsets) * spacing
    return Controls(
        shape=(int(shape[0]), int(shape[1]), int(shape[2])),
        spacing=spacing,
        steps=steps.reshape(-1, 3).astype(np.float32),
        weights=np.repeat(weights, POINTS, axis=0),
    )


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
    strides = graph.scaled(graph.joined(graph.math("MULTIPLY", rows, columns), columns, 1.0), float(POINTS))
    base = graph.math("ADD", first, graph.dot(low, strides))
    position = graph.value("GeometryNodeInputPosition")
    shares = graph.parts(share)
    opposite = graph.parts(graph.vector("SUBTRACT", (1.0, 1.0, 1.0), share))
    total: Socket | None = None
    for corner in np.ndindex(2, 2, 2):
        # Half a step more: Sample Index truncates.
        index = graph.math("ADD", base, graph.math("ADD", graph.dot(strides, tuple(map(float, corner))), 0.5))
        x, y, z = (shares[axis] if corner[axis] else opposite[axis] for axis in range(3))
        factor = graph.math("MULTIPLY", graph.math("MULTIPLY", x, y), z)
        away = graph.vector("SUBTRACT", share, tuple(map(float, corner)))
        own = graph.at(mesh, position, index, "FLOAT_VECTOR")
        moved = own
        for axis, part in enumerate(graph.parts(away), start=1):
            other = graph.at(mesh, position, graph.math("ADD", index, float(axis)), "FLOAT_VECTOR")
            moved = graph.vector("ADD", moved, graph.scaled(graph.vector("SUBTRACT", other, own), part))
        weighted = graph.scaled(moved, factor)
        total = weighted if total is None else graph.vector("ADD", total, weighted)
    graph.result("Position", "Vector", total)
    return graph.arrange()
