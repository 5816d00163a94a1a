"""The part of a field's grid where something is, and the voxels whose movement carries it."""

from dataclasses import dataclass

import numpy as np

from .errors import SceneError
from .field_file import FieldData

SUPPORT_SHARE = 0.04
"""Of the type's peak: what a voxel must have to be carried; fainter is invisible in mesh and volume."""
LATTICE_LIMIT = 2_000_000
CARRIER_LIMIT = 9_000
"""Skinning weights vary smoothly, so a finer grid needs no more carriers than this."""


@dataclass(frozen=True)
class Lattice:
    """A box of voxels with a field's values, in units of voxels ("steps") from its first one.

    Attributes:
        values: (X, Y, Z) float32 occupancy relative to the peak, in [0, 1]; its rim is outside the support.
        first: (3,) metres, canonical: centre of voxel [0, 0, 0].
        step: metres from voxel to voxel.
        origin, factor: voxel [i, j, k] of the box lies at origin + factor·[i, j, k] in the file's grid, in
            its voxels (the factor is 1 unless a large grid was pooled).
        peak: the type's largest occupancy.
    """

    values: np.ndarray
    first: np.ndarray
    step: float
    origin: np.ndarray
    factor: int
    peak: float


def crop_lattice(field: FieldData, type_name: str) -> Lattice:
    """The box around a type's support, one voxel wider. SceneError for a type that is empty or not there."""
    occupancy = field.occupancy[field.type_index(type_name)]
    peak = float(occupancy.max())
    if peak <= 0:
        raise SceneError(f"The field of “{type_name}” is empty: learn it from more views.")
    factor = 1
    while True:
        mask = occupancy >= SUPPORT_SHARE * peak
        spans = [np.flatnonzero(mask.any(other)) for other in ((1, 2), (0, 2), (0, 1))]
        low = np.array([span[0] for span in spans]) - 1
        high = np.array([span[-1] for span in spans]) + 2
        if np.prod(high - low) <= LATTICE_LIMIT:
            break
        occupancy, factor = _pooled(occupancy), factor * 2
    values = np.pad(occupancy, 1)[tuple(slice(a + 1, b + 1) for a, b in zip(low, high, strict=True))]
    # The centre of a pooled voxel lies between the voxels that it was made of.
    origin = low * factor + (factor - 1) / 2
    return Lattice(
        values=np.ascontiguousarray(values / peak, dtype=np.float32),
        first=field.first_centre + origin * field.voxel,
        step=field.voxel * factor,
        origin=origin,
        factor=factor,
        peak=peak,
    )


def _pooled(occupancy: np.ndarray) -> np.ndarray:
    half = np.pad(occupancy, [(0, size % 2) for size in occupancy.shape])
    x, y, z = (size // 2 for size in half.shape)
    return half.reshape(x, 2, y, 2, z, 2).mean((1, 3, 5))


@dataclass(frozen=True)
class Carriers:
    """Points of a lattice that move with the bones and carry the space around them.

    Attributes:
        steps: (W, 3) float32 places in the lattice, in steps.
        neighbours: (W, 6) int32 carriers at −x, +x, −y, +y, −z, +z; the point itself where there is none.
        spacing: steps between neighbours.
    """

    steps: np.ndarray
    neighbours: np.ndarray
    spacing: int


def choose_carriers(lattice: Lattice) -> Carriers:
    """Carriers on and once around the support; every one has a neighbour along each axis."""
    support = lattice.values >= SUPPORT_SHARE
    spacing = 1
    while True:
        coarse = _occupied_blocks(support, spacing)
        mask = _widened(coarse)
        if mask.sum() <= CARRIER_LIMIT:
            break
        spacing += 1
    cells = np.argwhere(mask)
    number = np.full(mask.shape, -1, np.int32)
    number[mask] = np.arange(len(cells))
    padded = np.pad(number, 1, constant_values=-1)
    own = np.arange(len(cells), dtype=np.int32)
    neighbours = []
    for axis in range(3):
        for sign in (-1, 1):
            shift = np.ones(3, int)
            shift[axis] += sign
            there = padded[tuple((cells + shift).T)]
            neighbours.append(np.where(there >= 0, there, own))
    # Block b covers the steps around (b − 1)·spacing: one block of rim lies before the box.
    return Carriers(
        steps=((cells - 1) * spacing).astype(np.float32),
        neighbours=np.stack(neighbours, 1).astype(np.int32),
        spacing=spacing,
    )


def _occupied_blocks(support: np.ndarray, spacing: int) -> np.ndarray:
    """Whether anything is nearest to each coarse point; two blocks of rim on either side, for widening."""
    cells = np.argwhere(support)
    blocks = (cells + spacing // 2) // spacing + 1
    coarse = np.zeros(tuple((size - 1 + spacing // 2) // spacing + 3 for size in support.shape), bool)
    coarse[tuple(blocks.T)] = True
    return coarse


def _widened(mask: np.ndarray) -> np.ndarray:
    for axis in range(3):
        wider = mask.copy()
        low = [slice(None)] * 3
        high = [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        wider[tuple(low)] |= mask[tuple(high)]
        wider[tuple(high)] |= mask[tuple(low)]
        mask = wider
    return mask
