"""Which voxels of a large grid can have votes worth counting."""

import numpy as np
from jaxtyping import UInt32

from propfield.field.blocks import block_order
from propfield.field.counting_kernels import voxels_of_cells
from propfield.field.grid import Grid
from propfield.field.votes import Tally

LEAST = 0.01
"""Occupancy of a voxel that matters: PAP's lowest threshold (CHORUS §4)."""


def supported_voxels(grid: Grid, cells: Tally) -> UInt32[np.ndarray, " N"]:
    """Flat indices of all voxels of the cells of 2³ in which Φ (CHORUS Eq. 6) of any type may be 0.01 or
    more, from what cpu_counter.CellCounter counted: the most that votes of masks can be over the fewest of
    pictures."""
    kept = np.zeros(len(cells.voxels), bool)
    for votes in cells.votes():
        most, fewest = votes.sums()
        # A little less than LEAST, for the rounding of both sums and of Φ itself.
        kept |= (most > 0) & (most >= 0.999 * LEAST * fewest)
    return voxels_of_cells(*block_order(grid), grid.resolution, kept)
