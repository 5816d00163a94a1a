"""The voxels that are counted, block after block, and what bounds each block: what the kernels walk over."""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float32, Int64, Integer, UInt8, UInt32
from numba import njit
from scipy.sparse import csr_array

from propfield.errors import PropfieldError
from propfield.field.grid import Grid

SIDE = 4
"""Voxels a side of a block. 64 voxels are a few vectors of a processor, and their pixels lie close."""


class BlockBounds(NamedTuple):
    """What tells where a block can be in a picture without looking at its voxels.

    A voxel's posed place is Σ w_j B_j x. With the block's mean weights m_j and M = Σ m_j B_j this is
    M x + Σ (w_j − m_j)(B_j − M) x, and |w_j − m_j| is at most the block's spread of joint j.

    Attributes:
        centres: (B, 3) middle of each block's voxel centres, metres.
        half: the farthest that a voxel centre is from its block's middle, along an axis.
        joint_starts: (B + 1,) where each block's joints begin below.
        joints, means, spreads: (E,) the joints that any voxel of the block follows, their mean weight over
            the block's voxels, and how far the weight of a voxel can be from the mean.
        row_error: the farthest that a voxel's weights add up beside 1.
        extent: the largest absolute coordinate of a voxel centre, metres.
    """

    centres: Float32[np.ndarray, "B 3"]
    half: np.float32
    joint_starts: Int64[np.ndarray, " b"]
    joints: UInt8[np.ndarray, " E"]
    means: Float32[np.ndarray, " E"]
    spreads: Float32[np.ndarray, " E"]
    row_error: float
    extent: float


class VoxelBlocks(NamedTuple):
    """Voxels in blocks of 4³. Their skin is looked up in the grid's own rows when a block is looked at voxel
    by voxel: copied, it would take most of the memory of a large grid.

    Attributes:
        voxels: (N,) flat grid index of each voxel, block after block.
        starts: (B + 1,) where each block's voxels begin.
        axes: (3, R) coordinates of voxel centres, metres.
        row_starts, row_joints, row_values: compressed rows of all voxels' skinning weights.
        bounds: see BlockBounds.
    """

    voxels: UInt32[np.ndarray, " N"]
    starts: Int64[np.ndarray, " b"]
    axes: Float32[np.ndarray, "3 R"]
    row_starts: Integer[np.ndarray, " r"]
    row_joints: Integer[np.ndarray, " W"]
    row_values: Float32[np.ndarray, " W"]
    bounds: BlockBounds


def voxel_blocks(
    grid: Grid, weights: csr_array, voxels: Integer[np.ndarray, " n"] | None = None
) -> VoxelBlocks:
    """The given voxels of a grid (flat indices; all when None) in blocks; `weights` are
    skinning_weights.voxel_weights of the grid. PropfieldError when they are of another."""
    order, starts = block_order(grid, voxels)
    bounds = _block_bounds(grid, weights, order, starts)
    axes = np.asarray(grid.axes(), np.float32)
    values = weights.data.astype(np.float32, copy=False)
    return VoxelBlocks(order, starts, axes, weights.indptr, weights.indices, values, bounds)


def block_order(
    grid: Grid, voxels: Integer[np.ndarray, " n"] | None = None
) -> tuple[UInt32[np.ndarray, " N"], Int64[np.ndarray, " b"]]:
    """The voxels (flat indices; all when None) block after block, in C order of blocks and within a block,
    and where each block begins; blocks without voxels are left out."""
    blocks, inner = -(-grid.resolution // SIDE), (slice(grid.resolution),) * 3
    outside = np.uint32(2**32 - 1)
    cube = np.full((blocks * SIDE,) * 3, outside)
    index = np.arange(grid.resolution**3, dtype=np.uint32)
    if voxels is not None:
        left_out = np.ones(len(index), bool)
        left_out[voxels] = False
        index[left_out] = outside
    cube[inner] = index.reshape(grid.shape)
    split = cube.reshape(blocks, SIDE, blocks, SIDE, blocks, SIDE).transpose(0, 2, 4, 1, 3, 5)
    cube = split.reshape(-1, SIDE**3)
    inside = cube != outside
    counts = inside.sum(1)
    return cube[inside], _starts(counts[counts > 0])


def _block_bounds(
    grid: Grid, weights: csr_array, order: UInt32[np.ndarray, " N"], starts: Int64[np.ndarray, " b"]
) -> BlockBounds:
    if weights.shape != (grid.resolution**3, 24):
        raise PropfieldError(f"The voxel weights are of another grid: {weights.shape[0]} rows.")
    rows = (weights.indptr, weights.indices, weights.data)
    used = (_joint_sets(order, starts, *rows)[:, None] >> np.arange(24, dtype=np.uint32)) & 1
    joints = np.nonzero(used)[1].astype(np.uint8)
    joint_starts = _starts(used.sum(1))
    means, spreads, row_error = _statistics(order, starts, *rows, joint_starts, joints)
    low, high = _corners(order, starts, grid.resolution)
    first, extent = grid.axes()[:, 0].astype(np.float64), float(np.abs(grid.axes()).max())
    return BlockBounds(
        centres=(first + (low + high) / 2 * grid.voxel).astype(np.float32),
        # With room for the rounding of the centres themselves.
        half=np.float32((high - low).max(initial=0) / 2 * grid.voxel + 1e-6 * extent),
        joint_starts=joint_starts,
        joints=joints,
        means=means,
        spreads=spreads,
        row_error=row_error,
        extent=extent,
    )


def _starts(sizes: np.ndarray) -> Int64[np.ndarray, " b"]:
    """Where each of some runs begins, and the end of the last."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])


@njit(cache=True, nogil=True)
@no_type_check
def _joint_sets(order, starts, row_starts, row_joints, row_values):
    """Which joints each block's voxels follow, as bits."""
    sets = np.zeros(len(starts) - 1, np.uint32)
    for block in range(len(sets)):
        for place in range(starts[block], starts[block + 1]):
            voxel = order[place]
            for entry in range(row_starts[voxel], row_starts[voxel + 1]):
                sets[block] |= np.uint32(1) << np.uint32(row_joints[entry])
    return sets


@njit(cache=True, nogil=True)
@no_type_check
def _statistics(order, starts, row_starts, row_joints, row_values, joint_starts, joints):
    """BlockBounds' means, spreads and row_error."""
    means, spreads = np.empty(len(joints), np.float32), np.empty(len(joints), np.float32)
    row_error = 0.0
    total, least, most, found = np.empty(24), np.empty(24), np.empty(24), np.empty(24)
    for block in range(len(starts) - 1):
        size = starts[block + 1] - starts[block]
        total[:], least[:], most[:], found[:] = 0, np.inf, 0, 0
        for place in range(starts[block], starts[block + 1]):
            voxel = order[place]
            row = 0.0
            for entry in range(row_starts[voxel], row_starts[voxel + 1]):
                joint, value = row_joints[entry], np.float64(row_values[entry])
                row += value
                total[joint] += value
                least[joint] = min(least[joint], value)
                most[joint] = max(most[joint], value)
                found[joint] += 1
            row_error = max(row_error, abs(row - 1))
        for place in range(joint_starts[block], joint_starts[block + 1]):
            joint = joints[place]
            mean = np.float32(total[joint] / size)
            low = least[joint] if found[joint] == size else 0.0
            means[place] = mean
            spreads[place] = max(most[joint] - mean, mean - low) * 1.000001
    return means, spreads, row_error


@njit(cache=True, nogil=True)
@no_type_check
def _corners(order, starts, resolution):
    """The least and the greatest voxel [x, y, z] of each block."""
    low = np.full((len(starts) - 1, 3), resolution)
    high = np.full((len(starts) - 1, 3), -1)
    for block in range(len(low)):
        for place in range(starts[block], starts[block + 1]):
            rest = np.int64(order[place])
            for axis in range(2, -1, -1):
                step = rest % resolution
                rest //= resolution
                low[block, axis] = min(low[block, axis], step)
                high[block, axis] = max(high[block, axis], step)
    return low, high
