"""A field in the posed space by forward skinning: the space between canonical voxels deforms with them.

Backward skinning (posing.py) guesses from the posed body which bones a point in space follows, and where
limbs meet it guesses otherwise than learning did: a bag that hangs from the hand beside the hip is looked for
at the canonical hip. Here the warp that learning used (CHORUS Eq. 5), taken as linear between voxels, is
inverted: each cell between eight canonical voxels is six tetrahedra, which carry the field to where they go.
It is also what Blender's armature does with the field's mesh.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import no_type_check

import numpy as np
from jaxtyping import Float32
from numba import njit
from scipy.sparse import csr_array

from propfield.field.grid import Grid

FAINT = 0.005
"""A cell whose voxels are all less likely is not carried: the lowest level that anything looks at is 0.01."""
MOST_THREADS = 4
"""Each thread needs a grid of its own."""
TETRAHEDRA = np.array(
    [[0, 1, 3, 7], [0, 3, 2, 7], [0, 2, 6, 7], [0, 6, 4, 7], [0, 4, 5, 7], [0, 5, 1, 7]], np.int64
)
"""Corners of the six tetrahedra around a cube's diagonal (Kuhn); corner 4x + 2y + z."""


def carried_forward(
    occupancy: Float32[np.ndarray, "R R R"],
    weights: csr_array,
    bones: Float32[np.ndarray, "24 12"],
    grid: Grid,
    threads: int | None = None,
    onto: Grid | None = None,
) -> Float32[np.ndarray, "S S S"]:
    """A type's occupancy at the voxel centres of the same grid around the posed body, or of the grid `onto`;
    0 where nothing is carried to. Where the space folds onto itself the greater probability holds, as in the
    union of meshes.

    `weights` are the canonical voxels' (R³, 24), `bones` rows of the (3, 4) transforms B_j of Eq. 5.
    """
    onto = onto or grid
    threads = min(threads or os.cpu_count() or 1, MOST_THREADS)
    rows = weights.indptr, weights.indices, weights.data.astype(np.float32)
    posed = np.empty((grid.resolution**3, 3), np.float32)
    centres = grid.centres()
    results = np.zeros((threads, *onto.shape), np.float32)
    likely = np.ascontiguousarray(occupancy, np.float32)
    # In steps of the posed grid, voxel centres at whole numbers.
    steps = bones.reshape(24, 3, 4) / np.float32(onto.voxel)
    shift = onto.origin / np.float32(onto.voxel) + np.float32(0.5)
    with ThreadPoolExecutor(threads) as pool:
        bounds = np.linspace(0, len(posed), threads + 1).astype(np.int64)
        tasks = [(int(bounds[t]), int(bounds[t + 1])) for t in range(threads)]
        list(pool.map(lambda part: _posed(*part, centres, *rows, steps, shift, posed), tasks))
        list(pool.map(lambda t: _carry(t, threads, likely, posed, TETRAHEDRA, results[t]), range(threads)))
    return results.max(0)


@njit(cache=True, nogil=True)
@no_type_check
def _posed(first, last, centres, starts, joints, weights, bones, shift, posed):
    """Where voxels go, in steps of the posed grid."""
    for n in range(first, last):
        px, py, pz = centres[n]
        for row in range(3):
            value = np.float32(0)
            for entry in range(starts[n], starts[n + 1]):
                bone = bones[joints[entry], row]
                value += weights[entry] * (bone[0] * px + bone[1] * py + bone[2] * pz + bone[3])
            posed[n, row] = value - shift[row]


@njit(cache=True, nogil=True)
@no_type_check
def _carry(first, every, occupancy, posed, tetrahedra, result):
    """Carries every so many planes of cells, from the first on."""
    resolution = len(occupancy)
    flat = occupancy.reshape(-1)
    corners = np.empty(8, np.int64)
    for i in range(first, resolution - 1, every):
        for j in range(resolution - 1):
            for k in range(resolution - 1):
                most = np.float32(0)
                for corner in range(8):
                    x, y, z = i + (corner >> 2), j + (corner >> 1 & 1), k + (corner & 1)
                    corners[corner] = (x * resolution + y) * resolution + z
                    most = max(most, flat[corners[corner]])
                if most >= FAINT:
                    for number in range(6):
                        a, b, c, d = tetrahedra[number]
                        _fill(corners[a], corners[b], corners[c], corners[d], flat, posed, result)


@njit(cache=True, nogil=True)
@no_type_check
def _fill(a, b, c, d, occupancy, posed, result):
    """The voxel centres in one posed tetrahedron take what lies between its corners, if that is more."""
    resolution = len(result)
    ax, ay, az = posed[a]
    bx, by, bz = posed[b, 0] - ax, posed[b, 1] - ay, posed[b, 2] - az
    cx, cy, cz = posed[c, 0] - ax, posed[c, 1] - ay, posed[c, 2] - az
    dx, dy, dz = posed[d, 0] - ax, posed[d, 1] - ay, posed[d, 2] - az
    volume = bx * (cy * dz - cz * dy) - by * (cx * dz - cz * dx) + bz * (cx * dy - cy * dx)
    if abs(volume) < 1e-6:
        return
    # A centre on a face belongs to both sides.
    rim = np.float32(1e-4)
    x0, x1 = ax + min(0, bx, cx, dx) - rim, ax + max(0, bx, cx, dx) + rim
    y0, y1 = ay + min(0, by, cy, dy) - rim, ay + max(0, by, cy, dy) + rim
    z0, z1 = az + min(0, bz, cz, dz) - rim, az + max(0, bz, cz, dz) + rim
    for x in range(max(int(np.ceil(x0)), 0), min(int(np.floor(x1)), resolution - 1) + 1):
        for y in range(max(int(np.ceil(y0)), 0), min(int(np.floor(y1)), resolution - 1) + 1):
            for z in range(max(int(np.ceil(z0)), 0), min(int(np.floor(z1)), resolution - 1) + 1):
                px, py, pz = x - ax, y - ay, z - az
                u = (px * (cy * dz - cz * dy) - py * (cx * dz - cz * dx) + pz * (cx * dy - cy * dx)) / volume
                v = (bx * (py * dz - pz * dy) - by * (px * dz - pz * dx) + bz * (px * dy - py * dx)) / volume
                w = (bx * (cy * pz - cz * py) - by * (cx * pz - cz * px) + bz * (cx * py - cy * px)) / volume
                if u < -rim or v < -rim or w < -rim or u + v + w > 1 + rim:
                    continue
                value = (
                    occupancy[a]
                    + u * (occupancy[b] - occupancy[a])
                    + v * (occupancy[c] - occupancy[a])
                    + w * (occupancy[d] - occupancy[a])
                )
                if value > result[x, y, z]:
                    result[x, y, z] = value
