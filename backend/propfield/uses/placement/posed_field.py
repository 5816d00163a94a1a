"""A field around a character in a pose, on a lattice of its own that is finer than the field's and no larger
than it needs to be."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from propfield.errors import PropfieldError
from propfield.field.forward_posing import carried_forward
from propfield.field.grid import Grid
from propfield.field.occupancy import OccupancyField, TypeField

FINE = 0.025
"""Metres between the lattice's nodes, for a field of up to MOST_NODES of them a side."""
MOST_NODES = 96
FAINT = 0.1
"""Part of the peak below which a field makes its lattice no larger."""


@dataclass(frozen=True)
class PosedField:
    """Attributes:
    values: occupancy at the nodes.
    origin: the first node, metres.
    step: metres between nodes.
    mass: the integral of the values, cubic metres.
    """

    values: Float32[np.ndarray, "S S S"]
    origin: Float64[np.ndarray, "3"]
    step: float
    mass: float

    @property
    def bounds(self) -> tuple[Float64[np.ndarray, "3"], Float64[np.ndarray, "3"]]:
        """The corners of space that the lattice spans."""
        return self.origin, self.origin + self.step * (np.array(self.values.shape) - 1)


def posed_field(
    field: OccupancyField, kind: TypeField, bones: Float64[np.ndarray, "24 4 4"], rough: bool = False
) -> PosedField:
    """A type's occupancy carried forward by affine bones (canonical → posed, metres), which may scale.
    PropfieldError when the type holds nothing."""
    occupancy = kind.occupancy
    peak = float(occupancy.max())
    if not peak > 0:
        raise PropfieldError(f"The type “{kind.type.name}” of this field is empty; learn it with more views.")
    places = carried_points(field, np.flatnonzero(occupancy.ravel() >= FAINT * peak), bones)
    width = field.grid.voxel * float(np.cbrt(abs(np.linalg.det(bones[0, :3, :3]))))
    low, high = places.min(0) - 1.5 * width, places.max(0) + 1.5 * width
    size = float((high - low).max())
    nodes = np.ceil(size / FINE / (1.5 if rough else 1))
    grid = Grid(int(np.clip(nodes, 16, MOST_NODES)), size)
    # Around the origin, where single precision is finest, wherever the character stands.
    middle = (low + high) / 2
    moved = bones.copy()
    moved[:, :3, 3] -= middle
    rows = np.ascontiguousarray(moved[:, :3].reshape(24, 12), np.float32)
    values = carried_forward(occupancy, field.weights, rows, field.grid, onto=grid)
    mass = float(values.sum(dtype=float)) * grid.voxel**3
    if not mass > 0:
        raise PropfieldError("The character's bones squash the field to nothing; check its scale.")
    return PosedField(values, middle + grid.origin + grid.voxel / 2, grid.voxel, mass)


def carried_points(
    field: OccupancyField, voxels: np.ndarray, bones: Float64[np.ndarray, "24 4 4"]
) -> Float64[np.ndarray, "N 3"]:
    """Where voxels (flat indices) go: Eq. 5 of CHORUS."""
    centres = field.grid.centres()[voxels].astype(float)
    blended = (field.weights[voxels].astype(float) @ bones[:, :3].reshape(24, 12)).reshape(-1, 3, 4)
    return np.einsum("nij,nj->ni", blended[:, :, :3], centres) + blended[:, :, 3]
