"""Counting on the processor's cores, with blocks of voxels that a view cannot tell apart counted at once."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int32, Int64, Integer, UInt16, UInt32
from scipy.sparse import csr_array

from propfield.field.blocks import BlockBounds, voxel_blocks
from propfield.field.counting_kernels import count_blocks, count_cells, find_parts, tile_sums
from propfield.field.grid import Grid
from propfield.field.regions import Regions
from propfield.field.view_batch import ViewBatch
from propfield.field.votes import Counts

_ROUNDING = 2.0**-18
"""How far a sum of products in single precision may be off, as a share of the sum of their magnitudes: 24
joints' sums of four products, and as much again for the bounds' own."""


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


class _KernelCounter(ABC):
    """Takes views in for compiled kernels, which threads call over ranges of blocks."""

    batch = 64
    counted: UInt32[np.ndarray, " N"]
    bounds: BlockBounds

    def __init__(self, regions: Regions, threads: int | None) -> None:
        self.regions = regions
        self.skipping = True
        self._threads = threads or torch.get_num_threads()
        self._pool = ThreadPoolExecutor(self._threads) if self._threads > 1 else None

    def take(self, views: ViewBatch) -> "CpuBatch":
        """Makes the tiles of the masks."""
        return CpuBatch(self, views)

    @abstractmethod
    def add(self, begin: int, end: int, views: ViewBatch, tables: BatchTables, counts: Counts) -> None:
        """Adds the views' votes for a range of blocks."""

    def over(self, blocks: int, work: Callable[[int, int], Any]) -> list[Any]:
        """What `work(begin, end)` gives for ranges that make up so many blocks, done in all threads."""
        if self._pool is None or blocks < 64:
            return [work(0, blocks)]
        # A few ranges a thread: blocks near the body take longer.
        edges = np.linspace(0, blocks, 8 * self._threads + 1).astype(int).tolist()
        return list(self._pool.map(work, edges[:-1], edges[1:]))


class CpuCounter(_KernelCounter):
    """Counts voxels; what is counted depends neither on the number of threads nor on skipping.

    `threads` is torch's number when None. `skipping` looks at blocks before it looks at voxels.
    """

    def __init__(
        self,
        grid: Grid,
        weights: csr_array,
        voxels: Integer[np.ndarray, " n"] | None,
        regions: Regions,
        *,
        threads: int | None = None,
        skipping: bool = True,
    ) -> None:
        super().__init__(regions, threads)
        self.skipping = skipping
        self._blocks = voxel_blocks(grid, weights, voxels)
        self.counted, self.bounds = self._blocks.voxels, self._blocks.bounds

    def add(self, begin: int, end: int, views: ViewBatch, tables: BatchTables, counts: Counts) -> None:
        """See _KernelCounter."""
        count_blocks(begin, end, self._blocks, views, tables, self.skipping, counts.mask, counts.image)


class CellCounter(_KernelCounter):
    """Counts what the voxels of each cell of 2³ can have at best: the most votes of masks, and the fewest of
    pictures. `counted` is the number of each cell, eight a block of the grid's voxel_blocks."""

    def __init__(
        self,
        grid: Grid,
        weights: csr_array,
        voxels: Integer[np.ndarray, " n"] | None,
        regions: Regions,
        *,
        threads: int | None = None,
    ) -> None:
        super().__init__(regions, threads)
        self._blocks = voxel_blocks(grid, weights, voxels)
        self.bounds = self._blocks.bounds
        self.counted = np.arange(8 * len(self.bounds.centres), dtype=np.uint32)

    def add(self, begin: int, end: int, views: ViewBatch, tables: BatchTables, counts: Counts) -> None:
        """See _KernelCounter."""
        count_cells(begin, end, self._blocks, views, tables, counts.mask, counts.image)


class CpuBatch:
    """Views with the tiles of their masks."""

    def __init__(self, counter: _KernelCounter, views: ViewBatch) -> None:
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
        if not len(chosen):
            return found
        views, tables = self._of(chosen, regions.blocks.bounds)

        def look(begin: int, end: int) -> np.ndarray:
            met = np.zeros(len(chosen), np.uint16)
            blocks = (regions.blocks, regions.parts, regions.block_parts)
            find_parts(begin, end, *blocks, views, tables, counter.skipping, wanted[chosen], met)
            return met

        found[chosen] = np.bitwise_or.reduce(counter.over(len(regions.block_parts), look))
        return found

    def count(self, chosen: Int64[np.ndarray, " n"], counts: Counts) -> None:
        """See Batch."""
        counter = self._counter
        views, tables = self._of(chosen, counter.bounds)

        def add(begin: int, end: int) -> None:
            counter.add(begin, end, views, tables, counts)

        counter.over(len(counter.bounds.centres), add)

    def _of(self, chosen: np.ndarray, bounds: BlockBounds) -> tuple[ViewBatch, BatchTables]:
        """The chosen views alone, and what the test of blocks with these bounds looks up."""
        rows = {name: value[chosen] for name, value in self._views._asdict().items() if name != "bits"}
        views = self._views._replace(**rows)
        magnitude = np.abs(views.bones).max(1) @ np.array([bounds.extent] * 3 + [1], np.float32)
        slack = np.stack([magnitude[:, :2].max(1), magnitude[:, 2]]) * (_ROUNDING + 2 * bounds.row_error)
        by_joint = np.ascontiguousarray(views.bones.transpose(1, 2, 3, 0))
        return views, BatchTables(by_joint, slack.astype(np.float32), self._tiles, self._tile_starts[chosen])
