"""What an engine of counting does: takes views a batch at a time, and adds their votes to counts."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64, UInt16, UInt32

from propfield.field.view_batch import ViewBatch
from propfield.field.votes import Counts


@runtime_checkable
class Batch(Protocol):
    """Views that an engine has taken in."""

    def parts_met(self, wanted: UInt16[np.ndarray, " V"]) -> UInt16[np.ndarray, " V"]:
        """Which of the `wanted` body parts (bits, regions.Regions) each view's object mask meets: at least
        one voxel of the part's region is in the mask."""
        ...

    def count(self, chosen: Int64[np.ndarray, " n"], counts: Counts) -> None:
        """Adds the votes of the chosen views. The counts are made ready for their cameras by the caller."""
        ...


@runtime_checkable
class Counter(Protocol):
    """An engine of counting for some voxels."""

    batch: int
    """Views that it likes to take at once."""
    counted: UInt32[np.ndarray, " N"]
    """Flat grid index of each voxel that it counts, in the order in which counts hold them."""

    def take(self, views: ViewBatch) -> Batch:
        """Takes in up to `batch` views."""
        ...
