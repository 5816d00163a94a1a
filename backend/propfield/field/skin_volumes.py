"""Voxel skinning weights joint by joint, each in the box where it has any: smoothed and read, compiled.

Rows sum to 1 and smoothing keeps that, so the pelvis is not stored: it has what the other joints leave.
"""

from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import pairwise
from typing import no_type_check

import numpy as np
from jaxtyping import Float32, Int64
from numba import njit
from scipy.sparse import csr_array

from propfield.field.nearest_skin import NearestSkin
from propfield.field.voxel_rows import count_weights, fill_weights

SMOOTHING_PASSES = 30
SMOOTHING_SHARE = 0.3
MARGIN = 10
"""Voxels around a joint's box that smoothing may fill: 30 passes of 0.05 to each neighbour carry less than
5e-8 of a weight farther."""


@dataclass(frozen=True)
class SkinVolumes:
    """The skinning weights of a grid's voxels.

    Attributes:
        resolution: R, voxels a side.
        low, shape: each joint's box of voxels; empty for the pelvis and for a joint that no voxel follows.
        begin: where each joint's box begins in `values`, in C order of [x, y, z].
    """

    resolution: int
    low: Int64[np.ndarray, "24 3"]
    shape: Int64[np.ndarray, "24 3"]
    begin: Int64[np.ndarray, "25"]
    values: Float32[np.ndarray, " n"]


def smoothed_volumes(parts: list[NearestSkin], resolution: int, pool: Executor) -> SkinVolumes:
    """The voxels' skin after 30 passes w ← 0.7 w + 0.3 · mean of the six neighbours, in which voxels that
    follow the pelvis alone, and the grid's outermost layer, stay as they are (Supp. A.5)."""
    low = np.min([part.low for part in parts], 0)
    high = np.max([part.high for part in parts], 0)
    low, high = np.maximum(low - MARGIN, 0), np.where(low < high, np.minimum(high + MARGIN, resolution), 0)
    low = np.minimum(low, high)
    shape = high - low
    begin = np.concatenate([[0], shape.prod(1).cumsum()])
    values = np.zeros(begin[-1], np.float32)
    moves = np.zeros((resolution,) * 3, np.uint8)
    for _ in pool.map(lambda part: _scatter(*part[:4], low, shape, begin, values, moves), parts):
        pass
    largest_first = np.argsort(-shape.prod(1), kind="stable")
    boxes = [(values[begin[j] : begin[j + 1]], low[j], shape[j]) for j in largest_first if shape[j].all()]
    for _ in pool.map(lambda box: _smooth(*box, moves), boxes):
        pass
    return SkinVolumes(resolution, low, shape, begin, values)


def compressed(volumes: SkinVolumes, pool: Executor, parts: int) -> csr_array:
    """The weights as (R³, 24) float32 rows that sum to 1, voxels in C order of [x, y, z]."""
    cube = (volumes.resolution,) * 3
    edges = np.linspace(0, volumes.resolution, parts + 1).astype(int)
    slabs = list(pairwise(edges))
    boxes = volumes.low, volumes.shape, volumes.begin, volumes.values
    rows = np.zeros(volumes.resolution**3 + 1, np.int64)
    for _ in pool.map(lambda slab: count_weights(*slab, *boxes, rows[1:].reshape(cube)), slabs):
        pass
    rows.cumsum(out=rows)
    rows = rows.astype(np.int32 if rows[-1] < 2**31 else np.int64)
    joints, weights = np.empty(rows[-1], rows.dtype), np.empty(rows[-1], np.float32)
    for _ in pool.map(
        lambda slab: fill_weights(*slab, *boxes, rows[:-1].reshape(cube), joints, weights), slabs
    ):
        pass
    return csr_array((weights, joints, rows), shape=(volumes.resolution**3, 24))


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _scatter(voxels, rows, joints, entries, low, shape, begin, values, moves):
    resolution = len(moves)
    for row in range(len(voxels)):
        x, yz = divmod(voxels[row], resolution * resolution)
        y, z = divmod(yz, resolution)
        moves[x, y, z] = 1
        for entry in range(rows[row], rows[row + 1]):
            j = joints[entry]
            step = (x - low[j, 0]) * shape[j, 1] + y - low[j, 1]
            values[begin[j] + step * shape[j, 2] + z - low[j, 2]] = entries[entry]


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _smooth(values, low, shape, moves):
    """Smooth a joint's box in place."""
    nx, ny, nz = shape
    changes = np.zeros(nx * ny * nz, np.uint8)
    for x in range(1, nx - 1):
        for y in range(1, ny - 1):
            row = (x * ny + y) * nz
            for z in range(1, nz - 1):
                changes[row + z] = moves[low[0] + x, low[1] + y, low[2] + z]
    other = values.copy()
    for _ in range(SMOOTHING_PASSES // 2):
        _pass(values, other, changes, ny * nz, nz)
        _pass(other, values, changes, ny * nz, nz)


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _pass(old, new, changes, plane, row):
    """One pass over a box's voxels as a flat array, from its second to its last but one plane."""
    first, last = plane, len(old) - plane
    here, into, free = old[first:last], new[first:last], changes[first:last]
    left, right = old[first - plane : last - plane], old[first + plane : last + plane]
    below, above = old[first - row : last - row], old[first + row : last + row]
    behind, before = old[first - 1 : last - 1], old[first + 1 : last + 1]
    keep, share = np.float32(1 - SMOOTHING_SHARE), np.float32(SMOOTHING_SHARE / 6)
    for i in range(len(here)):
        around = left[i] + right[i] + below[i] + above[i] + behind[i] + before[i]
        into[i] = keep * here[i] + share * around if free[i] else here[i]
