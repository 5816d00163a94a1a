"""Counting in torch, for a GPU: many views at once, every voxel in each of them.

A voxel's homogeneous pixel Σ_j w_j P_j (x, 1) is linear in the 24 · 4 products w_j (x, 1), so for a batch of
views it is one product of a (voxels, 96) with a (96, 3 · views) matrix. A view at 48³ (110,592 voxels) costs:

- operations: 2 · 96 · 3 · 110,592 = 64 million. 90,000 views are 5.7 · 10¹²; an H100 does 67 · 10¹² a second
  in single precision (TF32 would not do: ten bits do not tell pixels apart), so at best 0.09 s.
- memory: the product is written and read (24 bytes a voxel), what a voxel sees is written, and read again to
  be summed in single precision (20 bytes); all steps between are one compiled kernel. 4.9 MB a view, 0.44 ·
  10¹² bytes in all, 0.13 s at an H100's 3.35 · 10¹² bytes a second. Step by step it would be 0.5 s.
- masks: 512² bits are 33 kB a view, 2.9 GB in all, 0.1 s over PCIe 5.

So 90,000 views take below a second on the card. It waits for the host, which packs a view in about 0.1 ms,
9 s in all on one core, and takes longer to decode stored masks. All of this is computed and nothing measured:
no GPU was at hand.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from inspect import unwrap

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64, Integer, UInt8, UInt16
from scipy.sparse import csr_array
from torch import Tensor

from propfield.field.grid import Grid
from propfield.field.regions import Regions
from propfield.field.view_batch import ViewBatch
from propfield.field.votes import AZIMUTH_BINS, Counts

BYTES = 96
"""Of memory for each voxel in each view, at the most at once."""
CPU_MEMORY = 2**28
"""Bytes to work in where there is no card to fill."""


class TorchCounter:
    """Counts on a device, in slices of voxels that fit into `memory` bytes (half of what a GPU has free when
    None). What is done for each voxel in each view is `compiled` into one kernel (on a GPU when None)."""

    def __init__(
        self,
        grid: Grid,
        weights: csr_array,
        voxels: Integer[np.ndarray, " n"] | None,
        regions: Regions,
        *,
        device: str | torch.device = "cpu",
        memory: int | None = None,
        compiled: bool | None = None,
    ) -> None:
        self.device = torch.device(device)
        gpu = self.device.type != "cpu"
        self.look = _compiled() if (gpu if compiled is None else compiled) else look
        self.batch = 512 if gpu else 32
        self.memory = memory or (torch.cuda.mem_get_info(self.device)[0] // 2 if gpu else CPU_MEMORY)
        chosen = np.arange(grid.resolution**3) if voxels is None else np.sort(voxels)
        self.counted = chosen.astype(np.uint32)
        self.space = _Space(grid, weights, self.counted, self.device)
        self.near_parts = _Space(grid, weights, regions.blocks.voxels, self.device)
        bits = regions.parts[:, None] >> np.arange(max(len(regions.names), 1), dtype=np.uint16) & 1
        self.parts = torch.from_numpy(bits.astype(np.float32)).to(self.device)

    def take(self, views: ViewBatch) -> "TorchBatch":
        """Sends views to the device."""
        return TorchBatch(self, views)


class _Space:
    """Voxels on a device: where they are, and their skin as compressed rows."""

    def __init__(
        self, grid: Grid, weights: csr_array, voxels: Integer[np.ndarray, " n"], device: torch.device
    ) -> None:
        rows = weights[voxels.astype(np.int64)]
        ones = np.ones((len(voxels), 1), np.float32)
        places = np.unravel_index(voxels, grid.shape)
        centres = [axis[place][:, None] for axis, place in zip(grid.axes(), places, strict=True)]
        self.places = torch.from_numpy(np.concatenate([*centres, ones], 1)).to(device)
        self.starts = rows.indptr.tolist()
        lengths = torch.from_numpy(np.diff(rows.indptr).astype(np.int64))
        self.rows = torch.repeat_interleave(torch.arange(len(voxels)), lengths).to(device)
        self.joints = torch.from_numpy(rows.indices.astype(np.int64)).to(device)
        self.values = torch.from_numpy(rows.data.astype(np.float32)).to(device)

    def slices(self, size: int) -> Iterator[tuple[slice, Float32[Tensor, "n 96"]]]:
        """Some voxels at a time, with the products w_j (x, 1) of each."""
        for start in range(0, len(self.places), size):
            part = slice(start, min(start + size, len(self.places)))
            entries = slice(self.starts[part.start], self.starts[part.stop])
            places = self.places[part]
            skin = places.new_zeros(len(places), 24)
            skin[self.rows[entries] - start, self.joints[entries]] = self.values[entries]
            yield part, (skin[:, :, None] * places[:, None, :]).flatten(1)


class TorchBatch:
    """Views on a device."""

    def __init__(self, counter: TorchCounter, views: ViewBatch) -> None:
        self._counter, self._views = counter, views

        def sent(array: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(counter.device)

        self._bones = sent(views.bones.transpose(1, 3, 2, 0).reshape(96, 3, -1))
        self._bits = sent(views.bits)
        self._starts, self._strides = sent(views.bit_starts), sent(views.strides)
        self._sizes = sent(np.stack([views.widths, views.heights]).astype(np.float32))

    def parts_met(self, wanted: UInt16[np.ndarray, " V"]) -> UInt16[np.ndarray, " V"]:
        """See Batch."""
        met = np.zeros(len(wanted), np.uint16)
        chosen = np.flatnonzero(wanted)
        if len(chosen):
            for part, in_mask, _ in self._seen(self._counter.near_parts, chosen):
                found = self._counter.parts[part].T @ in_mask.float() > 0
                bits = 1 << torch.arange(len(found), device=found.device)
                met[chosen] |= (found * bits[:, None]).sum(0).cpu().numpy().astype(np.uint16)
        return met & wanted

    def count(self, chosen: Int64[np.ndarray, " n"], counts: Counts) -> None:
        """See Batch."""
        bins = torch.from_numpy(self._views.bins[chosen])
        # Sums of ones in single precision are exact up to 2²⁴.
        by_bin = torch.nn.functional.one_hot(bins, AZIMUTH_BINS).float().to(self._counter.device)
        for part, in_mask, in_image in self._seen(self._counter.space, chosen):
            for total, seen in ((counts.mask, in_mask), (counts.image, in_image)):
                total[:, part] += (seen.float() @ by_bin).T.cpu().numpy().astype(total.dtype)

    def _seen(
        self, space: _Space, chosen: np.ndarray
    ) -> Iterator[tuple[slice, Bool[Tensor, "n v"], Bool[Tensor, "n v"]]]:
        """Some voxels at a time: which are in the mask, and which in the picture, of each chosen view."""
        views = torch.from_numpy(chosen).to(self._counter.device)
        bones, (widths, heights) = self._bones[:, :, views].flatten(1), self._sizes[:, views]
        size = max(self._counter.memory // (BYTES * len(chosen)), 1)
        for part, lifted in space.slices(size):
            with _full_precision():
                u, v, z = (lifted @ bones).unflatten(1, (3, -1)).unbind(1)
            starts, strides = self._starts[views], self._strides[views]
            yield part, *self._counter.look(u, v, z, widths, heights, starts, strides, self._bits)


def look(
    u: Float32[Tensor, "n v"],
    v: Float32[Tensor, "n v"],
    z: Float32[Tensor, "n v"],
    widths: Float32[Tensor, " v"],
    heights: Float32[Tensor, " v"],
    starts: Int64[Tensor, " v"],
    strides: Integer[Tensor, " v"],
    bits: UInt8[Tensor, " B"],
) -> tuple[Bool[Tensor, "n v"], Bool[Tensor, "n v"]]:
    """Which voxels are in the masks and which in the pictures, of their homogeneous pixels. Truncated toward
    zero, a pixel above −1 is in the picture. A view's mask begins at a byte of `bits`; a row has
    `strides` of them."""
    x, y = u / z, v / z
    in_image = (z > 0) & (x > -1) & (x < widths) & (y > -1) & (y < heights)
    columns, rows = torch.where(in_image, x, 0).to(torch.int32), torch.where(in_image, y, 0).long()
    found = bits[starts + rows * strides + (columns >> 3)]
    return ((found >> (columns & 7)) & 1).bool() & in_image, in_image


@cache
def _compiled() -> Callable[..., tuple[Tensor, Tensor]]:
    """`look` as one kernel, for any sizes; as it is where the compiler cannot work (it needs Triton for a
    GPU, which Windows has not, and a C++ compiler for the processor)."""
    # Without what a test may have put around it to check shapes: that does not compile.
    fused = torch.compile(unwrap(look), dynamic=True)

    def run(*arrays: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal fused
        try:
            return fused(*arrays)
        except torch._dynamo.exc.TorchDynamoException as error:
            # A missing Triton is no BackendCompilerFailed, a missing C++ compiler is.
            reason = str(error).splitlines()[0]
            warnings.warn(f"Counting is not compiled, and slower for it: {reason}", stacklevel=2)
            fused = look
            return look(*arrays)

    return run


@contextmanager
def _full_precision() -> Iterator[None]:
    """No TF32 in products of single precision."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
