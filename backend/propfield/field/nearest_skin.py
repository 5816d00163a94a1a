"""The skin of the 30 nearest vertices at each voxel near a body (CHORUS Eq. 4), compiled.

Voxels are taken in blocks of 8³, 4³ and 2³; each block hands its children only those vertices that can be
among the nearest of one of its voxels, so that a voxel looks at a hundred vertices and not at all.
"""

from concurrent.futures import Executor
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float32, Int32, Int64, UInt8
from numba import njit

NEIGHBOURS = 30
REACH = 0.8
"""Metres: the nearest vertex farther than this means that a voxel stays with the pelvis."""
PELVIS = 0
BLOCK = 8
"""Voxels a side of the blocks that threads share out."""


class NearestSkin(NamedTuple):
    """Skin of voxels within reach, before smoothing, as compressed rows without the pelvis' entries: it has
    what a row lacks of 1.

    Attributes:
        voxels: flat index of each row's voxel.
        rows: where each row's entries begin, and the end of the last.
        joints, values: joint and weight of each entry.
        low, high: the box of voxels in which a joint has weight, `high` exclusive; low > high where none has.
    """

    voxels: Int32[np.ndarray, " n"]
    rows: Int64[np.ndarray, " m"]
    joints: UInt8[np.ndarray, " e"]
    values: Float32[np.ndarray, " e"]
    low: Int64[np.ndarray, "24 3"]
    high: Int64[np.ndarray, "24 3"]


def nearest_skin(
    axes: Float32[np.ndarray, "3 R"],
    vertices: Float32[np.ndarray, "V 3"],
    skin_weights: Float32[np.ndarray, "V 24"],
    pool: Executor,
    parts: int,
) -> list[NearestSkin]:
    """The skin of the voxels with centres at `axes` (metres along x, y, z) that are within 0.8 m of a vertex.

    It is the inverse-distance mean over the 30 nearest vertices (over all, where there are fewer), of which
    the pelvis takes the share 1 − ((1 − r)/(1 + r))^¼, r = distance to the nearest / 0.8 m; a vertex at the
    very centre counts alone. In as many parts as asked for; a voxel's row does not depend on how many.
    """
    cloud = np.ascontiguousarray(vertices.T)
    skin = np.ascontiguousarray(skin_weights.T)
    follows = ((skin > 0) << np.arange(24)[:, None]).sum(0)
    starts = np.arange(0, axes.shape[1], BLOCK)
    blocks = np.stack(np.meshgrid(starts, starts, starts, indexing="ij"), -1).reshape(-1, 3)
    voxel = float(axes[0, 1] - axes[0, 0])
    # From a block's centre to its outermost voxels' (of 8³, 4³, 2³), with room for coordinates' rounding.
    offsets = (np.array([3.5, 1.5, 0.5]) * voxel).astype(np.float32)
    halves = offsets * np.float32(1 + 1e-5) + 8 * np.spacing(np.abs(axes).max())
    tasks = [
        (np.ascontiguousarray(blocks[part::parts]), axes, offsets, halves, cloud, skin, follows)
        for part in range(parts)
    ]
    return [NearestSkin(*found) for found in pool.map(lambda task: _blocks(*task), tasks)]


# The hook that checks shapes while testing must leave compiled functions alone: hence no_type_check.
@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _bound(bits, count, least, most):
    """An integer that at least `least` and at most `most` of the first `count` do not exceed (the `least`-th
    smallest, where too many equal it), how many do not, and the smallest of all.

    The integers are the bits of squared distances, which no number below zero is among: they compare as the
    distances do, and integers take vector instructions. Regula falsi and bisection in turn, as the number of
    vertices within a radius grows nearly with its square.
    """
    smallest = largest = bits[0]
    for i in range(count):
        smallest = min(smallest, bits[i])
        largest = max(largest, bits[i])
    low, high = np.int64(smallest) - 1, np.int64(largest)
    below_low, below_high = 0, count
    halve = False
    while below_high > most and high - low > 1:
        share = 0.5 if halve else (least - below_low) / (below_high - below_low)
        middle = min(low + 1 + np.int64(share * (high - low - 1)), high - 1)
        found = 0
        for i in range(count):
            found += bits[i] <= middle
        if found >= least:
            high, below_high = middle, found
        else:
            low, below_low = middle, found
        halve = not halve
    return high, below_high, smallest


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _narrow(cloud, names, count, centre, half, squared, bits, into_cloud, into_names):
    """Of the first `count` vertices, copy those that can be among the 30 nearest of a point in the cube of
    half width `half` around `centre`; how many they are. None when all of the cube is out of reach.

    A vertex p is out if for 30 others s and all points v of the cube |p − v| > |s − v|, which is
    |p − c|² − |s − c|² > 2 (p − s)·(v − c). Here s are the 30 or a few more that are nearest to the centre c,
    taken together: by the farthest of them and by the box around them.
    """
    x, y, z = cloud[0], cloud[1], cloud[2]
    cx, cy, cz = centre
    for i in range(count):
        dx, dy, dz = x[i] - cx, y[i] - cy, z[i] - cz
        squared[i] = dx * dx + dy * dy + dz * dz
    bound, _, smallest = _bound(bits, count, min(NEIGHBOURS, count), NEIGHBOURS + NEIGHBOURS // 3)
    reach = np.float32(REACH) + half * np.float32(1.7321)
    if np.int32(smallest).view(np.float32) > reach * reach:
        return 0
    low_x = low_y = low_z = np.float32(np.inf)
    high_x = high_y = high_z = np.float32(-np.inf)
    for i in range(count):
        if bits[i] <= bound:
            low_x, high_x = min(low_x, x[i]), max(high_x, x[i])
            low_y, high_y = min(low_y, y[i]), max(high_y, y[i])
            low_z, high_z = min(low_z, z[i]), max(high_z, z[i])
    two = np.float32(2)
    mx, my, mz = (low_x + high_x) / two, (low_y + high_y) / two, (low_z + high_z) / two
    limit = np.int32(bound).view(np.float32) + half * (high_x - low_x + high_y - low_y + high_z - low_z)
    limit *= np.float32(1 + 2e-5)
    slope = two * half
    for i in range(count):
        squared[i] -= slope * (abs(x[i] - mx) + abs(y[i] - my) + abs(z[i] - mz))
    kept = 0
    for i in range(count):
        into_names[kept] = i
        kept += squared[i] <= limit
    for k in range(kept):
        i = into_names[k]
        into_cloud[0, k], into_cloud[1, k], into_cloud[2, k] = x[i], y[i], z[i]
        into_names[k] = names[i]
    return kept


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _columns(names, count, skin, follows, joints, columns):
    """The joints other than the pelvis that these vertices follow, and how much; how many joints they are."""
    any_follows = 0
    for i in range(count):
        any_follows |= follows[names[i]]
    used = 0
    for joint in range(24):
        if joint != PELVIS and any_follows >> joint & 1:
            for i in range(count):
                columns[used, i] = skin[joint, names[i]]
            joints[used] = joint
            used += 1
    return used


# Sums may be taken in any order, which is settled when this is compiled.
@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "nsz"})
@no_type_check
def _voxel(cloud, columns, kinds, count, centre, squared, bits, inverse, own):
    """A voxel's skin from the vertices that `_narrow` left, of which `columns` are the weights of each joint;
    what the pelvis has not of it. Which are the 30 nearest is settled in double precision."""
    x, y, z = cloud[0], cloud[1], cloud[2]
    cx, cy, cz = np.float64(centre[0]), np.float64(centre[1]), np.float64(centre[2])
    for i in range(count):
        dx, dy, dz = x[i] - cx, y[i] - cy, z[i] - cz
        squared[i] = dx * dx + dy * dy + dz * dz
    nearest = min(NEIGHBOURS, count)
    bound, within, smallest = _bound(bits, count, nearest, nearest)
    shortest = np.int64(smallest).view(np.float64)
    distance = np.sqrt(shortest)
    if distance >= REACH:
        return np.float32(0)
    for i in range(count):
        here = np.float32(1) / np.sqrt(np.float32(squared[i]))
        inverse[i] = here if bits[i] <= bound else np.float32(0)
    # Several at the very same distance: the last of them are too many.
    for i in range(count - 1, -1 if within > nearest else count - 1, -1):
        if bits[i] == bound and within > nearest:
            inverse[i] = 0
            within -= 1
    if np.float32(shortest) == 0:
        # A vertex at the very centre counts alone.
        found = False
        for i in range(count):
            inverse[i] = 0 if found or bits[i] > smallest else 1
            found |= bits[i] == smallest
    total = np.float32(0)
    for i in range(count):
        total += inverse[i]
    share = np.float32(np.sqrt(np.sqrt((REACH - distance) / (REACH + distance)))) / total
    rest = np.float32(0)
    for kind in range(kinds):
        column = columns[kind]
        followed = np.float32(0)
        for i in range(count):
            followed += inverse[i] * column[i]
        own[kind] = followed * share
        rest += own[kind]
    return rest


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _blocks(blocks, axes, offsets, halves, vertices, skin, follows):
    """NearestSkin of the blocks of 8³ voxels with these lowest voxels."""
    resolution, count = axes.shape[1], vertices.shape[1]
    # Level 0 is the whole body; 1, 2 and 3 are what `_narrow` leaves for a block of 8³, 4³ and 2³.
    clouds, names = np.empty((4, 3, count), np.float32), np.empty((4, count), np.int32)
    for i in range(count):
        names[0, i] = i
        for axis in range(3):
            clouds[0, axis, i] = vertices[axis, i]
    squared, exact = np.empty(count, np.float32), np.empty(count, np.float64)
    bits, exact_bits = squared.view(np.int32), exact.view(np.int64)
    inverse, own, followed = np.empty(count, np.float32), np.empty(23, np.float32), np.empty(23, np.int64)
    columns = np.empty((23, count), np.float32)
    # Memory that is never written to is not taken up.
    room = len(blocks) * BLOCK**3
    voxels, rows = np.empty(room, np.int32), np.zeros(room + 1, np.int64)
    joints, values = np.empty(room * 23, np.uint8), np.empty(room * 23, np.float32)
    found = used = 0
    low, high = np.full((24, 3), resolution), np.zeros((24, 3), np.int64)
    place = np.empty(3, np.int64)
    # Blocks to come: the lowest voxel, the level of the vertices to choose from, and their number.
    waiting = np.empty((15, 5), np.int64)
    for block in range(len(blocks)):
        for axis in range(3):
            waiting[0, axis] = blocks[block, axis]
        waiting[0, 3], waiting[0, 4] = 0, count
        left = 1
        while left > 0:
            left -= 1
            x, y, z = waiting[left, 0], waiting[left, 1], waiting[left, 2]
            level, given = waiting[left, 3], waiting[left, 4]
            if max(x, y, z) >= resolution:
                continue
            offset = offsets[level]
            centre = axes[0, x] + offset, axes[1, y] + offset, axes[2, z] + offset
            cloud, own_names = clouds[level + 1], names[level + 1]
            kept = _narrow(
                clouds[level], names[level], given, centre, halves[level], squared, bits, cloud, own_names
            )
            if level < 2:
                half = BLOCK >> level + 1
                for child in range(8 if kept else 0):
                    waiting[left, 0] = x + half * (child >> 2)
                    waiting[left, 1] = y + half * (child >> 1 & 1)
                    waiting[left, 2] = z + half * (child & 1)
                    waiting[left, 3], waiting[left, 4] = level + 1, kept
                    left += 1
                continue
            kinds = _columns(own_names, kept, skin, follows, followed, columns)
            for voxel in range(8 if kinds else 0):
                place[0], place[1], place[2] = x + (voxel >> 2), y + (voxel >> 1 & 1), z + (voxel & 1)
                if max(place[0], place[1], place[2]) >= resolution:
                    continue
                centre = axes[0, place[0]], axes[1, place[1]], axes[2, place[2]]
                rest = _voxel(cloud, columns, kinds, kept, centre, exact, exact_bits, inverse, own)
                if np.float32(1) - rest == 1:
                    continue
                voxels[found] = (place[0] * resolution + place[1]) * resolution + place[2]
                for kind in range(kinds):
                    if own[kind] > 0:
                        joint = followed[kind]
                        joints[used], values[used] = joint, own[kind]
                        used += 1
                        for axis in range(3):
                            low[joint, axis] = min(low[joint, axis], place[axis])
                            high[joint, axis] = max(high[joint, axis], place[axis] + 1)
                found += 1
                rows[found] = used
    return (
        voxels[:found].copy(),
        rows[: found + 1].copy(),
        joints[:used].copy(),
        values[:used].copy(),
        low,
        high,
    )
