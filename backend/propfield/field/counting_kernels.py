"""Counting compiled: which voxels' pixels are in a picture and in its object mask, block by block.

A block's posed voxels lie in a box that its mean weights and spreads tell (blocks.BlockBounds), so a view's
rectangle of pixels bounds them. Where that rectangle lies outside the picture, or inside it over nothing or
all of the mask, the whole block is counted at once; elsewhere voxel by voxel. Both ways count the same.
"""

from typing import no_type_check

import numpy as np
from numba import njit

# Multiply and add in one step; nothing is reordered, so that a voxel's pixel never depends on its block.
_COMPILED = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"contract"}}

f4 = np.float32
ZERO, TWO, LEAST = f4(0), f4(2), f4(-1)
NEAR = f4(0.01)
"""Metres: a block that comes closer to the camera's plane is looked at voxel by voxel."""
MARGIN = f4(0.01)
"""Pixels that a rectangle is wider than computed, beside the slack for rounding."""
TILE_BITS = 3
"""Tiles of the mask are 2³ pixels a side: one byte of each of eight rows."""
NOTHING, IMAGE, BOTH, EACH = 0, 1, 2, 3
"""What a block counts in a view: no voxel, all in the picture, all in the mask too, or to be looked at."""


@njit(**_COMPILED)
@no_type_check
def tile_sums(bits, bit_starts, strides, heights, tiles, tile_starts):
    """Fills `tiles` with a summed-area table for each mask: a tile counts 1 if the mask touches it and 2 if
    the mask fills it. A table has (rows of tiles + 1) × (stride + 1) entries."""
    for view in range(len(bit_starts)):
        stride, height = strides[view], heights[view]
        touched, filled = np.empty(stride, np.uint8), np.empty(stride, np.uint8)
        above = tiles[tile_starts[view] :][: stride + 1]
        above[:] = 0
        for top in range(0, height, 8):
            touched[:], filled[:] = 0, 255
            for y in range(top, min(top + 8, height)):
                start = bit_starts[view] + y * stride
                row = bits[start : start + stride]
                for column in range(stride):
                    touched[column] |= row[column]
                    filled[column] &= row[column]
            start = tile_starts[view] + (top // 8 + 1) * (stride + 1)
            table = tiles[start : start + stride + 1]
            table[0], running = 0, 0
            for column in range(stride):
                running += (touched[column] != 0) + (filled[column] == 255)
                table[column + 1] = above[column + 1] + running
            above = table


@njit(**_COMPILED)
@no_type_check
def _rectangles(bounds, block, tables, blended, middle, reach, rectangles):
    """For each view x0, x1, y0, y1 in pixels and z0, z1 in metres around a block's voxels.

    Rows of `tables.by_joint` and of what is made here run over views, so that the processor takes many at
    once. Pixels are taken about that of the block's centre, (u − q z) / z + q: that bounds them closely.
    """
    first, last = bounds.joint_starts[block], bounds.joint_starts[block + 1]
    cx, cy, cz = bounds.centres[block, 0], bounds.centres[block, 1], bounds.centres[block, 2]
    half, by_joint, slack = bounds.half, tables.by_joint, tables.slack
    views = by_joint.shape[3]
    for row in range(3):
        for column in range(4):
            out = blended[row, column]
            out[:] = 0
            for place in range(first, last):
                bone, mean = by_joint[bounds.joints[place], row, column], bounds.means[place]
                for k in range(views):
                    out[k] += mean * bone[k]
    m = blended
    for k in range(views):
        depth = m[2, 0, k] * cx + m[2, 1, k] * cy + m[2, 2, k] * cz + m[2, 3, k]
        middle[2, k] = depth
        reach[2, k] = half * (abs(m[2, 0, k]) + abs(m[2, 1, k]) + abs(m[2, 2, k])) + slack[1, k]
        ahead = depth > NEAR
        for row in range(2):
            q = (m[row, 0, k] * cx + m[row, 1, k] * cy + m[row, 2, k] * cz + m[row, 3, k]) / depth
            q = q if ahead else ZERO
            middle[row, k] = q
            a = abs(m[row, 0, k] - q * m[2, 0, k])
            b = abs(m[row, 1, k] - q * m[2, 1, k])
            c = abs(m[row, 2, k] - q * m[2, 2, k])
            reach[row, k] = half * (a + b + c) + TWO * (slack[0, k] + abs(q) * slack[1, k])
    if last - first > 1:
        for place in range(first, last):
            bone, spread = by_joint[bounds.joints[place]], bounds.spreads[place]
            for k in range(views):
                a2, b2 = bone[2, 0, k] - m[2, 0, k], bone[2, 1, k] - m[2, 1, k]
                c2, d2 = bone[2, 2, k] - m[2, 2, k], bone[2, 3, k] - m[2, 3, k]
                off = abs(a2 * cx + b2 * cy + c2 * cz + d2)
                reach[2, k] += spread * (off + half * (abs(a2) + abs(b2) + abs(c2)))
                for row in range(2):
                    q = middle[row, k]
                    a = bone[row, 0, k] - m[row, 0, k] - q * a2
                    b = bone[row, 1, k] - m[row, 1, k] - q * b2
                    c = bone[row, 2, k] - m[row, 2, k] - q * c2
                    d = bone[row, 3, k] - m[row, 3, k] - q * d2
                    off = abs(a * cx + b * cy + c * cz + d)
                    reach[row, k] += spread * (off + half * (abs(a) + abs(b) + abs(c)))
    for k in range(views):
        nearest = middle[2, k] - reach[2, k]
        rectangles[4, k], rectangles[5, k] = nearest, middle[2, k] + reach[2, k]
        nearest = nearest if nearest > NEAR else NEAR
        for row in range(2):
            wide = reach[row, k] / nearest + MARGIN
            rectangles[2 * row, k], rectangles[2 * row + 1, k] = middle[row, k] - wide, middle[row, k] + wide


@njit(**_COMPILED)
@no_type_check
def _tiles_under(x0, x1, y0, y1, tiles, stride):
    """What the tiles under a rectangle within the picture count, and what they would if all were filled."""
    left, right = max(int(x0), 0) >> TILE_BITS, (int(x1) >> TILE_BITS) + 1
    top, bottom = max(int(y0), 0) >> TILE_BITS, (int(y1) >> TILE_BITS) + 1
    upper, lower = top * (stride + 1), bottom * (stride + 1)
    found = tiles[lower + right] - tiles[lower + left] - tiles[upper + right] + tiles[upper + left]
    return found, 2 * (right - left) * (bottom - top)


@njit(**_COMPILED)
@no_type_check
def _fate(rectangles, k, width, height, tiles, stride):
    """What a block counts in view `k`. A pixel is truncated toward zero: all above −1 is in the picture.
    Numbers that are not finite fail every comparison, and the block is looked at voxel by voxel."""
    if rectangles[5, k] <= 0:
        return NOTHING
    if not rectangles[4, k] > NEAR:
        return EACH
    x0, x1, y0, y1 = rectangles[0, k], rectangles[1, k], rectangles[2, k], rectangles[3, k]
    if x1 <= -1 or y1 <= -1 or x0 >= width or y0 >= height:
        return NOTHING
    if not (x0 > -1 and y0 > -1 and x1 < width and y1 < height):
        return EACH
    found, most = _tiles_under(x0, x1, y0, y1, tiles, stride)
    if found == 0:
        return IMAGE
    return BOTH if found == most else EACH


@njit(**_COMPILED)
@no_type_check
def _project(bones, joints, weights, x, y, z, u, v, depth):
    """Homogeneous pixels of a block's voxels: Σ w_j (P_j x)."""
    size = len(x)
    for i in range(size):
        u[i], v[i], depth[i] = ZERO, ZERO, ZERO
    for place in range(len(joints)):
        p = bones[joints[place]]
        a0, a1, a2, a3 = p[0, 0], p[0, 1], p[0, 2], p[0, 3]
        b0, b1, b2, b3 = p[1, 0], p[1, 1], p[1, 2], p[1, 3]
        c0, c1, c2, c3 = p[2, 0], p[2, 1], p[2, 2], p[2, 3]
        own = weights[place * size : (place + 1) * size]
        for i in range(size):
            px, py, pz, weight = x[i], y[i], z[i], own[i]
            u[i] += weight * (a0 * px + a1 * py + a2 * pz + a3)
            v[i] += weight * (b0 * px + b1 * py + b2 * pz + b3)
            depth[i] += weight * (c0 * px + c1 * py + c2 * pz + c3)


@njit(**_COMPILED)
@no_type_check
def _pixels(u, v, depth, width, height, row_bits, at):
    """Which bit of the mask each voxel falls on, −1 outside the picture or behind the camera."""
    for i in range(len(at)):
        ahead = depth[i]
        x, y = u[i] / ahead, v[i] / ahead
        inside = (ahead > ZERO) & (x > LEAST) & (x < width) & (y > LEAST) & (y < height)
        x, y = x if inside else ZERO, y if inside else ZERO
        bit = np.int32(y) * row_bits + np.int32(x)
        at[i] = bit if inside else np.int32(-1)


@njit(**_COMPILED)
@no_type_check
def _scratch(views):
    """What the kernels write in between: for a block's rectangles, for its voxels' skin, and for their
    pixels. They unpack it once: a tuple of arrays that is passed on for each view costs more than a view."""
    blended, middle, reach = np.empty((3, 4, views), f4), np.empty((3, views), f4), np.empty((3, views), f4)
    skin = np.empty(24 * 64, f4), np.empty(64, f4), np.empty(64, f4), np.empty(64, f4)
    u, v, depth, at = np.empty(64, f4), np.empty(64, f4), np.empty(64, f4), np.empty(64, np.int32)
    return (blended, middle, reach, np.empty((6, views), f4)), skin, (u, v, depth, at)


@njit(**_COMPILED)
@no_type_check
def _place(voxel, side):
    """[x, y, z] of a flat index."""
    voxel, side = np.uint32(voxel), np.uint32(side)
    row = voxel // side
    plane = row // side
    return plane, row - plane * side, voxel - row * side


@njit(**_COMPILED)
@no_type_check
def _skin(blocks, block, weights, x, y, z):
    """Writes a block's weights, a (joints, voxels) matrix, and where its voxels are; gives its joints."""
    first, last = blocks.bounds.joint_starts[block], blocks.bounds.joint_starts[block + 1]
    start, size = blocks.starts[block], blocks.starts[block + 1] - blocks.starts[block]
    row_of = np.empty(24, np.int64)
    for place in range(first, last):
        row_of[blocks.bounds.joints[place]] = (place - first) * size
    weights[: (last - first) * size] = ZERO
    for column in range(size):
        voxel = blocks.voxels[start + column]
        for entry in range(blocks.row_starts[voxel], blocks.row_starts[voxel + 1]):
            weights[row_of[blocks.row_joints[entry]] + column] = blocks.row_values[entry]
        i, j, k = _place(voxel, blocks.axes.shape[1])
        x[column], y[column], z[column] = blocks.axes[0, i], blocks.axes[1, j], blocks.axes[2, k]
    return blocks.bounds.joints[first:last]


@njit(**_COMPILED)
@no_type_check
def count_blocks(begin, end, blocks, views, tables, skipping, mask, image):
    """Adds the views' votes for the blocks begin … end − 1 to `mask` and `image`, (12, N)."""
    number, one = len(views.bins), mask.dtype.type(1)
    around, skin, pixels = _scratch(number)
    blended, middle, reach, rectangles = around
    weights, xs, ys, zs = skin
    u, v, depth, at = pixels
    joints = blocks.bounds.joints[:0]
    for block in range(begin, end):
        start, stop = blocks.starts[block], blocks.starts[block + 1]
        size = stop - start
        x, y, z = xs[:size], ys[:size], zs[:size]
        looked_up = False
        if skipping:
            _rectangles(blocks.bounds, block, tables, blended, middle, reach, rectangles)
        for k in range(number):
            width, height, stride = f4(views.widths[k]), f4(views.heights[k]), views.strides[k]
            fate = EACH
            if skipping:
                tiles = tables.tiles[tables.tile_starts[k] :]
                fate = _fate(rectangles, k, width, height, tiles, stride)
            if fate == NOTHING:
                continue
            in_image, in_mask = image[views.bins[k]][start:stop], mask[views.bins[k]][start:stop]
            if fate == EACH:
                if not looked_up:
                    joints, looked_up = _skin(blocks, block, weights, x, y, z), True
                _project(views.bones[k], joints, weights, x, y, z, u, v, depth)
                _pixels(u, v, depth, width, height, np.int32(8 * stride), at[:size])
                bits = views.bits[views.bit_starts[k] :]
                for i in range(len(in_image)):
                    bit = at[i]
                    if bit >= 0:
                        in_image[i] += one
                        in_mask[i] += one * ((bits[bit >> 3] >> np.uint8(bit & 7)) & 1)
                continue
            for i in range(len(in_image)):
                in_image[i] += one
            if fate == BOTH:
                for i in range(len(in_mask)):
                    in_mask[i] += one


@njit(**_COMPILED)
@no_type_check
def _cell(voxel, side):
    """The number of a voxel's cell of 2³ within its block of 4³, 0 … 7."""
    x, y, z = _place(voxel, side)
    return (x >> 1 & 1) << 2 | (y >> 1 & 1) << 1 | (z >> 1 & 1)


@njit(**_COMPILED)
@no_type_check
def voxels_of_cells(voxels, starts, side, kept):
    """Those of the voxels (N,), blocks of which begin at `starts`, whose cell is `kept` (8 B,)."""
    chosen = np.empty(len(voxels), np.bool_)
    for block in range(len(starts) - 1):
        for place in range(starts[block], starts[block + 1]):
            chosen[place] = kept[8 * block + _cell(voxels[place], side)]
    return voxels[chosen]


@njit(**_COMPILED)
@no_type_check
def count_cells(begin, end, blocks, views, tables, mask, image):
    """Adds to `mask` and `image`, (12, 8 B), for each cell of 2³ voxels of the blocks begin … end − 1 the
    views in whose mask any of its voxels is, and those in whose picture all of them are."""
    number, one = len(views.bins), mask.dtype.type(1)
    around, skin, pixels = _scratch(number)
    blended, middle, reach, rectangles = around
    weights, xs, ys, zs = skin
    u, v, depth, at = pixels
    joints = blocks.bounds.joints[:0]
    seen, whole, cells = np.empty(8, np.uint8), np.empty(8, np.uint8), np.empty(64, np.int64)
    for block in range(begin, end):
        start, stop = blocks.starts[block], blocks.starts[block + 1]
        size = stop - start
        x, y, z = xs[:size], ys[:size], zs[:size]
        looked_up = False
        _rectangles(blocks.bounds, block, tables, blended, middle, reach, rectangles)
        for k in range(number):
            width, height, stride = f4(views.widths[k]), f4(views.heights[k]), views.strides[k]
            tiles = tables.tiles[tables.tile_starts[k] :]
            fate = _fate(rectangles, k, width, height, tiles, stride)
            if fate == NOTHING:
                continue
            seen[:], whole[:] = fate == BOTH, 1
            if fate == EACH:
                if not looked_up:
                    joints, looked_up = _skin(blocks, block, weights, x, y, z), True
                    for i in range(size):
                        cells[i] = _cell(blocks.voxels[start + i], blocks.axes.shape[1])
                _project(views.bones[k], joints, weights, x, y, z, u, v, depth)
                _pixels(u, v, depth, width, height, np.int32(8 * stride), at[:size])
                bits = views.bits[views.bit_starts[k] :]
                for i in range(size):
                    bit, cell = at[i], cells[i]
                    if bit >= 0:
                        seen[cell] |= (bits[bit >> 3] >> np.uint8(bit & 7)) & 1
                    else:
                        whole[cell] = 0
            in_mask, in_image = mask[views.bins[k]], image[views.bins[k]]
            for cell in range(8):
                in_mask[8 * block + cell] += one * seen[cell]
                in_image[8 * block + cell] += one * whole[cell]


@njit(**_COMPILED)
@no_type_check
def find_parts(begin, end, blocks, parts, block_parts, views, tables, skipping, wanted, found):
    """Adds to `found` (V,) those `wanted` parts (bits) of which a voxel in the blocks begin … end − 1 is in
    the view's mask; `parts` (N,) and `block_parts` (B,) tell whose region each voxel is in."""
    number = len(views.bins)
    around, skin, pixels = _scratch(number)
    blended, middle, reach, rectangles = around
    weights, xs, ys, zs = skin
    u, v, depth, at = pixels
    joints = blocks.bounds.joints[:0]
    for block in range(begin, end):
        start, stop = blocks.starts[block], blocks.starts[block + 1]
        size = stop - start
        x, y, z = xs[:size], ys[:size], zs[:size]
        looked_up = False
        if skipping:
            _rectangles(blocks.bounds, block, tables, blended, middle, reach, rectangles)
        for k in range(number):
            if block_parts[block] & wanted[k] & ~found[k] == 0:
                continue
            width, height, stride = f4(views.widths[k]), f4(views.heights[k]), views.strides[k]
            fate = EACH
            if skipping:
                tiles = tables.tiles[tables.tile_starts[k] :]
                fate = _fate(rectangles, k, width, height, tiles, stride)
            if fate == BOTH:
                found[k] |= block_parts[block] & wanted[k]
            if fate != EACH:
                continue
            if not looked_up:
                joints, looked_up = _skin(blocks, block, weights, x, y, z), True
            _project(views.bones[k], joints, weights, x, y, z, u, v, depth)
            _pixels(u, v, depth, width, height, np.int32(8 * stride), at[:size])
            bits = views.bits[views.bit_starts[k] :]
            for i in range(size):
                if at[i] >= 0 and (bits[at[i] >> 3] >> np.uint8(at[i] & 7)) & 1:
                    found[k] |= parts[start + i] & wanted[k]
