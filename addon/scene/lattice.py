"""The part of a field's grid where something is."""

from dataclasses import dataclass

import numpy as np

from .errors import SceneError
from .field_file import FieldData

SUPPORT_SHARE = 0.04
"""Of the type's peak: what a voxel must have to be carried; fainter is invisible in mesh and volume."""
LATTICE_LIMIT = 2_000_000


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


def crop_lattice(field: FieldData, type_name: str, share: float = SUPPORT_SHARE) -> Lattice:
    """The box around a type's support, which is all above `share` of its peak, one voxel wider.

    SceneError for a type that is empty or not there.
    """
    occupancy = field.occupancy[field.type_index(type_name)]
    peak = float(occupancy.max())
    if peak <= 0:
        raise SceneError(f"The field of “{type_name}” is empty: learn it from more views.")
    factor = 1
    while True:
        mask = occupancy >= share * peak
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
