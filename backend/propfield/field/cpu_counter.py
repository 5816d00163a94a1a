"""Counting on the processor's cores, with blocks of voxels that a view cannot tell apart counted at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int32, Int64, UInt16

from propfield.field.blocks import BlockBounds, VoxelBlocks
from propfield.field.counting_kernels import count_blocks, find_parts, tile_sums
from propfield.field.regions import Regions
from propfield.field.view_batch import ViewBatch
from propfield.field.votes import Counts

_ROUNDING = 2.0**-18
"""How far a sum of products in single precision may be off, as a share of the sum of their magnitudes: 24
joints' sums of four products, and as much again for the bounds' own."""


class CpuCounter:
    """Counts with compiled kernels, in threads over ranges of blocks; what is counted depends neither on
    their number nor on skipping.

    `threads` is torch's number when None. `skipping` looks at blocks before it looks at voxels.
    """

    batch = 64

    def __init__(
        self, blocks: VoxelBlocks, regions: Regions, *, threads: int | None = None, skipping: bool = True
    ) -> None:
        self.blocks = blocks
        self.regions = regions
        self.skipping = skipping
        self._threads = threads or torch.get_num_threads()
        self._pool = ThreadPoolExecutor(self._threads) if self._threads > 1 else None

    def take(self, views: ViewBatch) -> "CpuBatch":
        """Makes the tiles of the masks."""
        return CpuBatch(self, views)

    def over(self, blocks: int, work: Callable[[int, int], None]) -> None:
        """Does `work(begin, end)` for ranges that make up so many blocks, in all threads."""
        if self._pool is None or blocks < 64:
            work(0, blocks)
            return
        # A few ranges a thread: blocks near the body take longer.
        edges = np.linspace(0, blocks, 8 * self._threads + 1).astype(int).tolist()
        list(self._pool.map(work, edges[:-1], edges[1:]))


class BatchTables(NamedTuple):
    """What the block test looks up.

    Attributes:
        by_joint: (24, 3, 4, V) ViewBatch.bones, views last.
        slack: (2, V) how far rounding may put u or v (in pixels times metres) and z (in metres) off.
        tiles: a summed-area table of each mask's tiles (counting_kernels.tile_sums).
        tile_starts: (V,) where each table begins.
    """

    by_joint: Float32[np.ndarray, "24 3 4 V"]
    slack: Float32[np.ndarray, "2 V"]
    tiles: Int32[np.ndarray, " entries"]
    tile_starts: Int64[np.ndarray, " V"]


class CpuBatch:
    """Views with the tiles of their masks."""

    def __init__(self, counter: CpuCounter, views: ViewBatch) -> None:
        self._counter = counter
        self._views = views
        sizes = (views.strides + 1) * (-(-views.heights // 8) + 1)
        self._tile_starts = np.cumsum([0, *sizes[:-1]])
        self._tiles = np.empty(sizes.sum(), np.int32)
        tile_sums(views.bits, views.bit_starts, views.strides, views.heights, self._tiles, self._tile_starts)

    def parts_met(self, wanted: UInt16[np.ndarray, " V"]) -> UInt16[np.ndarray, " V"]:
        """See Batch."""
        counter, regions = self._counter, self._counter.regions
        found = np.zeros_like(wanted)
        chosen = np.flatnonzero(wanted)
        views, tables = self._of(chosen, regions.blocks.bounds)

        def look(begin: int, end: int) -> None:
            met = np.zeros(len(chosen), np.uint16)
            blocks = (regions.blocks, regions.parts, regions.block_parts)
            find_parts(begin, end, *blocks, views, tables, counter.skipping, wanted[chosen], met)
            found[chosen] |= met

        if len(chosen):
            counter.over(len(regions.block_parts), look)
        return found

    def count(self, chosen: Int64[np.ndarray, " n"], counts: Counts) -> None:
        """See Batch."""
        counter, blocks = self._counter, self._counter.blocks
        views, tables = self._of(chosen, blocks.bounds)

        def add(begin: int, end: int) -> None:
            count_blocks(begin, end, blocks, views, tables, counter.skipping, counts.mask, counts.image)

        counter.over(len(blocks.starts) - 1, add)

    def _of(self, chosen: np.ndarray, bounds: BlockBounds) -> tuple[ViewBatch, BatchTables]:
        """The chosen views alone, and what the test of blocks with these bounds looks up."""
        rows = {name: value[chosen] for name, value in self._views._asdict().items() if name != "bits"}
        views = self._views._replace(**rows)
        magnitude = np.abs(views.bones).max(1) @ np.array([bounds.extent] * 3 + [1], np.float32)
        slack = np.stack([magnitude[:, :2].max(1), magnitude[:, 2]]) * (_ROUNDING + 2 * bounds.row_error)
        by_joint = np.ascontiguousarray(views.bones.transpose(1, 2, 3, 0))
        return views, BatchTables(by_joint, slack.astype(np.float32), self._tiles, self._tile_starts[chosen])
