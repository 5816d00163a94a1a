"""The voxels whose movement carries a field's volume, limb by limb."""

from dataclasses import dataclass

import numpy as np

from .field_file import FieldData
from .lattice import Lattice
from .skeleton import JOINT_COUNT, JOINT_INDEX
from .weights import interpolate_weights

CARRIER_SHARE = 0.1
"""Of the peak: what a voxel must have for carriers; one ring around it fainter ones are carried too."""
CARRIER_LIMIT = 20_000
"""Where limbs fold, more of them carry better; beyond this a frame takes longer than it gains."""
PIECE_LIMIT = 2
"""Each piece costs a search at every voxel of the volume, which is most of the time a frame takes."""
LIMBS = tuple(
    tuple(f"{side}_{joint}" for joint in joints)
    for joints in (("shoulder", "elbow", "wrist", "hand"), ("hip", "knee", "ankle", "foot"))
    for side in ("left", "right")
)
_LIMB_OF_JOINT = np.zeros(JOINT_COUNT, np.int64)
for _number, _limb in enumerate(LIMBS, start=1):
    _LIMB_OF_JOINT[[JOINT_INDEX[_joint] for _joint in _limb]] = _number


@dataclass(frozen=True)
class Carriers:
    """Points of a lattice that move with the bones and carry the space around them, one piece of them.

    Attributes:
        steps: (W, 3) float32 places in the lattice, in steps.
        neighbours: (W, 6) int32 carriers at −x, +x, −y, +y, −z, +z; the point itself where there is none.
        weights: (W, 24) skinning weights.
        brightest: (W,) the largest value of the lattice that the carrier is there for.
    """

    steps: np.ndarray
    neighbours: np.ndarray
    weights: np.ndarray
    brightest: np.ndarray


def choose_carriers(field: FieldData, lattice: Lattice, number: int) -> tuple[list[Carriers], int]:
    """Carriers on and once around the support of the lattice's type `number`, and the steps between them.

    Connected pieces of what the trunk and each limb carry (by largest weight) have carriers of their own:
    where a limb is posed into what another piece holds, both are found there, and the denser one shows.
    """
    values = lattice.values[number]
    support = values >= CARRIER_SHARE
    spacing = 1
    while (blocks := block_maxima(support, spacing)).sum() > CARRIER_LIMIT:
        spacing += 1
    cells = np.argwhere(blocks)
    limbs = _LIMB_OF_JOINT[_weights(field, lattice, _steps(cells, spacing)).argmax(1)]
    pieces = []
    for limb in np.unique(limbs):
        mask = np.zeros_like(blocks)
        mask[tuple(cells[limbs == limb].T)] = True
        pieces += _connected(mask)
    pieces.sort(key=np.count_nonzero, reverse=True)
    # What is left over is too small to be worth another search at every voxel.
    merged = pieces[:PIECE_LIMIT]
    for piece in pieces[PIECE_LIMIT:]:
        merged[-1] = merged[-1] | piece
    bright = spread(block_maxima(values, spacing), np.maximum)
    return [_carriers(field, lattice, _widened(piece), spacing, bright) for piece in merged], spacing


def _connected(mask: np.ndarray) -> list[np.ndarray]:
    """The pieces of a mask whose cells touch at faces, edges or corners."""
    labels = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        wider = np.where(mask, spread(labels, np.maximum), 0)
        if np.array_equal(wider, labels):
            return [labels == label for label in np.unique(labels[mask])]
        labels = wider


def _carriers(
    field: FieldData, lattice: Lattice, mask: np.ndarray, spacing: int, bright: np.ndarray
) -> Carriers:
    """Every one of a widened mask has a neighbour along each axis."""
    cells = np.argwhere(mask)
    own = np.arange(len(cells), dtype=np.int32)
    number = np.full(mask.shape, -1, np.int32)
    number[mask] = own
    padded = np.pad(number, 1, constant_values=-1)
    neighbours = []
    for axis in range(3):
        for sign in (-1, 1):
            shift = np.ones(3, int)
            shift[axis] += sign
            there = padded[tuple((cells + shift).T)]
            neighbours.append(np.where(there >= 0, there, own))
    steps = _steps(cells, spacing)
    return Carriers(
        steps=steps.astype(np.float32),
        neighbours=np.stack(neighbours, 1),
        weights=_weights(field, lattice, steps),
        brightest=bright[mask],
    )


def _steps(cells: np.ndarray, spacing: int) -> np.ndarray:
    """Block b covers the steps around (b − 1)·spacing: one block of rim lies before the lattice."""
    return (cells - 1) * spacing


def _weights(field: FieldData, lattice: Lattice, steps: np.ndarray) -> np.ndarray:
    in_grid = lattice.origin + steps * lattice.factor
    return interpolate_weights(field.voxel_weights, (field.resolution,) * 3, in_grid)


def block_maxima(values: np.ndarray, spacing: int) -> np.ndarray:
    """The largest value nearest to each coarse point; a block of rim on either side, for widening."""
    blocks = [(np.arange(size) + spacing // 2) // spacing + 1 for size in values.shape]
    coarse = np.zeros(tuple(axis[-1] + 2 for axis in blocks), values.dtype)
    np.maximum.at(coarse, np.ix_(*blocks), values)
    return coarse


def _widened(mask: np.ndarray) -> np.ndarray:
    return spread(mask, np.logical_or)


def spread(values: np.ndarray, join: np.ufunc) -> np.ndarray:
    """Each cell joined with its 26 neighbours."""
    for axis in range(3):
        low, high = [slice(None)] * 3, [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        wider = values.copy()
        wider[tuple(low)] = join(values[tuple(low)], values[tuple(high)])
        wider[tuple(high)] = join(wider[tuple(high)], values[tuple(low)])
        values = wider
    return values
