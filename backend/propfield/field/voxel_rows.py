"""What is read from voxels' skinning weights row by row along z, compiled: the weights themselves, and where
the voxels around a posed body come from.

One file, since they share how a row is read, and numba renews a kernel's cached code only when its own file
changes.
"""

from typing import no_type_check

import numpy as np
from numba import njit

PELVIS = 0
"""The joint of nearest_skin.PELVIS, which keeps what the others leave."""
WEIGHT_FLOOR = 1e-6
"""Smaller weights count as none; what they move is far below a voxel."""


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _row_weights(x, y, low, shape, begin, values, weights, joints):
    """The weights (24, R) of a row of voxels along z; filled in for the first so many of `joints` only, the
    pelvis and those that a voxel of the row follows."""
    pelvis = weights[PELVIS]
    resolution = len(pelvis)
    for z in range(resolution):
        pelvis[z] = 1
    joints[0] = PELVIS
    used = 1
    for joint in range(24):
        i, j, first, length = x - low[joint, 0], y - low[joint, 1], low[joint, 2], shape[joint, 2]
        if 0 <= i < shape[joint, 0] and 0 <= j < shape[joint, 1]:
            start = begin[joint] + (i * shape[joint, 1] + j) * length
            given = values[start : start + length]
            own, rest = weights[joint][first : first + length], pelvis[first : first + length]
            for z in range(resolution):
                weights[joint, z] = 0
            follow = 0
            for z in range(length):
                own[z] = given[z] if given[z] >= WEIGHT_FLOOR else 0
                rest[z] -= given[z]
                follow += given[z] >= WEIGHT_FLOOR
            if follow:
                joints[used] = joint
                used += 1
    total = np.zeros(resolution, np.float32)
    for z in range(resolution):
        pelvis[z] = pelvis[z] if pelvis[z] >= WEIGHT_FLOOR else 0
    for k in range(used):
        for z in range(resolution):
            total[z] += weights[joints[k], z]
    for k in range(used):
        for z in range(resolution):
            weights[joints[k], z] /= total[z]
    return used


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def count_weights(first, last, low, shape, begin, values, counts):
    """How many weights the voxels in these planes of x have."""
    resolution = len(counts)
    weights = np.empty((24, resolution), np.float32)
    joints = np.empty(24, np.int64)
    for x in range(first, last):
        for y in range(resolution):
            used = _row_weights(x, y, low, shape, begin, values, weights, joints)
            for k in range(used):
                for z in range(resolution):
                    counts[x, y, z] += weights[joints[k], z] > 0


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def fill_weights(first, last, low, shape, begin, values, rows, into_joints, into_weights):
    """Write the weights of the voxels in these planes of x, each voxel's from its entry of `rows` on."""
    resolution = len(rows)
    weights = np.empty((24, resolution), np.float32)
    joints = np.empty(24, np.int64)
    place = np.empty(resolution, np.int64)
    for x in range(first, last):
        for y in range(resolution):
            used = _row_weights(x, y, low, shape, begin, values, weights, joints)
            for z in range(resolution):
                place[z] = rows[x, y, z]
            for k in range(used):
                for z in range(resolution):
                    if weights[joints[k], z] > 0:
                        into_joints[place[z]] = joints[k]
                        into_weights[place[z]] = weights[joints[k], z]
                        place[z] += 1


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def find_sources(first, last, low, shape, begin, values, bones, axes, origin, voxel, sources):
    """Canonical voxels of the voxels in these planes of x."""
    resolution = len(sources)
    weights = np.empty((24, resolution), np.float32)
    joints = np.empty(24, np.int64)
    blended = np.empty((12, resolution), np.float32)
    for x in range(first, last):
        for y in range(resolution):
            used = _row_weights(x, y, low, shape, begin, values, weights, joints)
            for k in range(used):
                own, bone = weights[joints[k]], bones[joints[k]]
                for entry in range(12):
                    into, share = blended[entry], bone[entry]
                    if k == 0:
                        for z in range(resolution):
                            into[z] = own[z] * share
                    else:
                        for z in range(resolution):
                            into[z] += own[z] * share
            _row_sources(blended, axes[0, x], axes[1, y], axes[2], origin, voxel, sources[x, y])


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _row_sources(blended, x, y, row, origin, voxel, sources):
    """The voxels that the inverses of the blended transforms, rows of (3, 4), take a row of voxel centres to;
    −1 for those outside the grid and for a transform that has no inverse."""
    resolution = len(row)
    for z in range(resolution):
        a, b, c = np.float64(blended[0, z]), np.float64(blended[1, z]), np.float64(blended[2, z])
        d, e, f = np.float64(blended[4, z]), np.float64(blended[5, z]), np.float64(blended[6, z])
        g, h, i = np.float64(blended[8, z]), np.float64(blended[9, z]), np.float64(blended[10, z])
        u = x - np.float64(blended[3, z])
        v = y - np.float64(blended[7, z])
        w = row[z] - np.float64(blended[11, z])
        # By the adjugate. Without an inverse the steps are infinite or NaN, and neither is inside.
        scale = 1 / (a * (e * i - f * h) + b * (f * g - d * i) + c * (d * h - e * g))
        px = ((e * i - f * h) * u + (c * h - b * i) * v + (b * f - c * e) * w) * scale
        py = ((f * g - d * i) * u + (a * i - c * g) * v + (c * d - a * f) * w) * scale
        pz = ((d * h - e * g) * u + (b * g - a * h) * v + (a * e - b * d) * w) * scale
        i_step = (np.float32(px) - origin[0]) / voxel
        j_step = (np.float32(py) - origin[1]) / voxel
        k_step = (np.float32(pz) - origin[2]) / voxel
        # Not `and`: without branches the loop takes vector instructions.
        inside = (i_step > -1) & (i_step < resolution)
        inside &= (j_step > -1) & (j_step < resolution)
        inside &= (k_step > -1) & (k_step < resolution)
        index = (np.int32(i_step) * resolution + np.int32(j_step)) * resolution + np.int32(k_step)
        sources[z] = index if inside else -1
