"""The part of a field's grid where something is, for all types that an object shows."""

from dataclasses import dataclass

import numpy as np

from .errors import SceneError
from .field_file import FieldData

SUPPORT_SHARE = 0.04
"""Of the type's peak: what a voxel must have to be carried; fainter is invisible in mesh and volume."""
LOWEST = 0.05
"""The lowest level of a surface; support reaches a little farther."""
LATTICE_LIMIT = 2_000_000


@dataclass(frozen=True)
class Lattice:
    """A box of voxels with the values of some of a field's types, in voxels ("steps") from its first.

    Attributes:
        types: T names.
        values: (T, X, Y, Z) float32 occupancy relative to the type's peak, in [0, 1]; the box's rim is
            outside of every support.
        boxes: (T, 2, 3) first and last voxel of the box around each type's own support, one voxel wider.
        peaks: (T,) the types' largest occupancies.
        first: (3,) metres, canonical: centre of voxel [0, 0, 0].
        step: metres from voxel to voxel.
        origin, factor: voxel [i, j, k] of the box lies at origin + factor·[i, j, k] in the file's grid, in
            its voxels (the factor is 1 unless a large grid was pooled).
    """

    types: tuple[str, ...]
    values: np.ndarray
    boxes: np.ndarray
    peaks: np.ndarray
    first: np.ndarray
    step: float
    origin: np.ndarray
    factor: int


def shown_types(field: FieldData, wanted: str) -> tuple[str, ...]:
    """The types that a field's object holds: all that are not empty, in the file's order.

    SceneError where the one that is `wanted` first is empty or not there.
    """
    _peaks(field, (wanted,))
    peaks = field.occupancy.max((1, 2, 3))
    return tuple(kind.name for kind, peak in zip(field.types, peaks, strict=True) if peak > 0)


def crop_lattice(field: FieldData, types: tuple[str, ...], share: float = SUPPORT_SHARE) -> Lattice:
    """The box around the support of types, which is all above `share` of their peaks, one voxel wider.

    SceneError for a type that is empty or not there.
    """
    peaks = _peaks(field, types)
    occupancy = field.occupancy[[field.type_index(name) for name in types]]
    values, factor = occupancy / peaks[:, None, None, None], 1
    while True:
        boxes = np.array([_box(own >= share) for own in values])
        low, high = boxes[:, 0].min(0), boxes[:, 1].max(0)
        if np.prod(high - low + 1) <= LATTICE_LIMIT:
            break
        values, factor = _pooled(values), factor * 2
    inside = tuple(slice(a + 1, b + 2) for a, b in zip(low, high, strict=True))
    values = np.pad(values, [(0, 0), (1, 1), (1, 1), (1, 1)])[(slice(None), *inside)]
    # The centre of a pooled voxel lies between the voxels that it was made of.
    origin = low * factor + (factor - 1) / 2
    return Lattice(
        types=types,
        values=np.ascontiguousarray(values, dtype=np.float32),
        boxes=boxes - low,
        peaks=peaks,
        first=field.first_centre + origin * field.voxel,
        step=field.voxel * factor,
        origin=origin,
        factor=factor,
    )


def _peaks(field: FieldData, types: tuple[str, ...]) -> np.ndarray:
    peaks = np.array([field.occupancy[field.type_index(name)].max() for name in types])
    for name, peak in zip(types, peaks, strict=True):
        if peak <= 0:
            raise SceneError(f"The field of “{name}” is empty: learn it from more views.")
    return peaks


def _box(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    spans = [np.flatnonzero(mask.any(other)) for other in ((1, 2), (0, 2), (0, 1))]
    return np.array([span[0] for span in spans]) - 1, np.array([span[-1] for span in spans]) + 1


def _pooled(values: np.ndarray) -> np.ndarray:
    half = np.pad(values, [(0, 0), *((0, size % 2) for size in values.shape[1:])])
    count, x, y, z = half.shape
    return half.reshape(count, x // 2, 2, y // 2, 2, z // 2, 2).mean((2, 4, 6))
