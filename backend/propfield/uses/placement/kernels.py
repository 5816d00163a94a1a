"""How good placements are, compiled: the field under the prop, contact, depth in the body, and the ground."""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float32, Float64

from propfield.kernels import kernel
from propfield.uses.placing_kernels import rotation


class Scene(NamedTuple):
    """What a prop is placed into; all lattices have a first node, a step, and samples at nodes.

    Attributes:
    field: the posed field, from `field_origin` in steps of `field_step`.
    mass: its integral, cubic metres.
    body: signed distance to the body, negative inside, free parts at 0.
    parts: distances to each of the parts that are met; there may be none.
    contact: cost of a metre of gap.
    depth: cost of a metre of the greatest depth beyond `allowed`.
    allowed: metres of depth.
    ground: height; −inf for none.
    rest: cost of a metre between the prop's lowest point and the ground.
    """

    field: Float32[np.ndarray, "S S S"]
    field_origin: Float64[np.ndarray, "3"]
    field_step: float
    mass: float
    body: Float32[np.ndarray, "X Y Z"]
    body_origin: Float64[np.ndarray, "3"]
    body_step: float
    parts: Float32[np.ndarray, "N P Q R"]
    part_origin: Float64[np.ndarray, "3"]
    part_step: float
    contact: float
    depth: float
    allowed: float
    ground: float
    rest: float


class Points(NamedTuple):
    """A prop's points about its centre, and its volume; see prop_solid."""

    inner: Float64[np.ndarray, "N 3"]
    outer: Float64[np.ndarray, "M 3"]
    hull: int
    volume: float


GAP = 0.005
"""Metres of a gap that still count as contact."""
MEAN_DEPTH = 30.0
"""What a metre of the mean depth of all points of the surface costs."""
BELOW = 20.0
"""What a metre below the ground costs."""


@kernel()
@no_type_check
def at(grid, origin, step, x, y, z, outside):
    """What a lattice holds at a point, trilinear; `outside` beyond it."""
    u, v, w = (x - origin[0]) / step, (y - origin[1]) / step, (z - origin[2]) / step
    if u < 0 or v < 0 or w < 0:
        return outside
    i, j, k = int(u), int(v), int(w)
    if i + 1 >= grid.shape[0] or j + 1 >= grid.shape[1] or k + 1 >= grid.shape[2]:
        return outside
    a, b, c = u - i, v - j, w - k
    low = (grid[i, j, k] * (1 - c) + grid[i, j, k + 1] * c) * (1 - b) + (
        grid[i, j + 1, k] * (1 - c) + grid[i, j + 1, k + 1] * c
    ) * b
    high = (grid[i + 1, j, k] * (1 - c) + grid[i + 1, j, k + 1] * c) * (1 - b) + (
        grid[i + 1, j + 1, k] * (1 - c) + grid[i + 1, j + 1, k + 1] * c
    ) * b
    return low * (1 - a) + high * a


@kernel()
@no_type_check
def mean_field(R, t, scale, points, every, scene):
    """The field's mean over every so many of the prop's points."""
    total, count = 0.0, 0
    for n in range(0, len(points), every):
        px, py, pz = points[n, 0] * scale, points[n, 1] * scale, points[n, 2] * scale
        total += at(
            scene.field,
            scene.field_origin,
            scene.field_step,
            R[0, 0] * px + R[0, 1] * py + R[0, 2] * pz + t[0],
            R[1, 0] * px + R[1, 1] * py + R[1, 2] * pz + t[1],
            R[2, 0] * px + R[2, 1] * py + R[2, 2] * pz + t[2],
            np.float32(0),
        )
        count += 1
    return total / count


@kernel()
@no_type_check
def overlap(mean, scale, volume, mass):
    """Soft intersection over union of the prop with the field, whose mean under the prop is given."""
    filled = volume * scale**3
    shared = filled * mean
    return shared / (filled + mass - shared)


@kernel()
@no_type_check
def touching(R, t, scale, points, every, scene):
    """Gap to the farthest of the parts, mean and greatest depth in the body, height of the lowest point
    (metres)."""
    total, deepest, lowest, count = 0.0, 0.0, np.inf, 0
    met = len(scene.parts)
    gaps = np.full(met, np.inf)
    outer, inner = points.outer, points.inner
    for n in range(len(outer) + (len(inner) if met else 0)):
        if n >= points.hull and n % every:
            continue
        point = outer[n] if n < len(outer) else inner[n - len(outer)]
        px, py, pz = point[0] * scale, point[1] * scale, point[2] * scale
        x = R[0, 0] * px + R[0, 1] * py + R[0, 2] * pz + t[0]
        y = R[1, 0] * px + R[1, 1] * py + R[1, 2] * pz + t[1]
        z = R[2, 0] * px + R[2, 1] * py + R[2, 2] * pz + t[2]
        for part in range(met):
            away = at(scene.parts[part], scene.part_origin, scene.part_step, x, y, z, np.float32(1))
            gaps[part] = min(gaps[part], away)
        if n >= len(outer):
            continue
        lowest = min(lowest, y)
        inside = -at(scene.body, scene.body_origin, scene.body_step, x, y, z, np.float32(1))
        if inside > 0:
            total += inside
            deepest = max(deepest, inside)
        count += 1
    gap = gaps.max() if met else 0.0
    return gap, total / count, deepest, lowest


@kernel()
@no_type_check
def cost(state, start, points, every, scene):
    """What is to be least: state is a turn about the prop's centre, a shift and the scale's logarithm, all
    against the start, (4, 4) with its scale in it divided out."""
    R = rotation(state[0], state[1], state[2]) @ np.ascontiguousarray(start[:3, :3])
    t = start[:3, 3] + state[3:6]
    scale = np.exp(state[6])
    value = -overlap(mean_field(R, t, scale, points.inner, every, scene), scale, points.volume, scene.mass)
    gap, mean_depth, deepest, lowest = touching(R, t, scale, points, every, scene)
    value += scene.contact * max(gap - GAP, 0.0)
    value += scene.depth * max(deepest - scene.allowed, 0.0) + MEAN_DEPTH * mean_depth
    if scene.ground > -np.inf:
        value += BELOW * max(scene.ground - lowest, 0.0) + scene.rest * min(abs(lowest - scene.ground), 0.1)
    return value


@kernel()
@no_type_check
def coarse(first, last, turns, centres, scale, every, points, scene, result):
    """Fills result[turn, centre] with how much of the field the prop fills there."""
    for n in range(first, last):
        for m in range(len(centres)):
            mean = mean_field(turns[n], centres[m], scale, points.inner, every, scene)
            result[n, m] = overlap(mean, scale, points.volume, scene.mass)


@kernel()
@no_type_check
def refined(start, size, spread, low, high, most, every, points, scene):
    """Nelder and Mead's simplex (1965) about a start and a scale's logarithm; `spread` are its first steps, a
    spread of 0 leaves a number as it is; the scale's logarithm stays within [low, high]. Gives the state and
    its cost."""
    free = 0
    for d in range(7):
        if spread[d] > 0:
            free += 1
    axes = np.empty(free, np.int64)
    n = 0
    for d in range(7):
        if spread[d] > 0:
            axes[n] = d
            n += 1
    simplex = np.zeros((free + 1, 7))
    simplex[:, 6] = size
    for n in range(free):
        simplex[n + 1, axes[n]] += spread[axes[n]]
    simplex[:, 6] = np.minimum(np.maximum(simplex[:, 6], low), high)
    values = np.empty(free + 1)
    for n in range(free + 1):
        values[n] = cost(simplex[n], start, points, every, scene)
    used = free + 1
    while used < most:
        order = np.argsort(values)
        simplex, values = simplex[order], values[order]
        if values[free] - values[0] < 1e-6:
            break
        middle = np.zeros(7)
        for n in range(free):
            middle += simplex[n] / free
        worst = simplex[free]
        trial = 2 * middle - worst
        trial[6] = min(max(trial[6], low), high)
        value = cost(trial, start, points, every, scene)
        used += 1
        if value < values[0]:
            farther = 3 * middle - 2 * worst
            farther[6] = min(max(farther[6], low), high)
            other = cost(farther, start, points, every, scene)
            used += 1
            if other < value:
                trial, value = farther, other
            simplex[free], values[free] = trial, value
        elif value < values[free - 1]:
            simplex[free], values[free] = trial, value
        else:
            nearer = 1.5 * middle - 0.5 * worst if value < values[free] else 0.5 * middle + 0.5 * worst
            nearer[6] = min(max(nearer[6], low), high)
            other = cost(nearer, start, points, every, scene)
            used += 1
            if other < min(value, values[free]):
                simplex[free], values[free] = nearer, other
            else:
                for n in range(1, free + 1):
                    simplex[n] = 0.5 * (simplex[0] + simplex[n])
                    values[n] = cost(simplex[n], start, points, every, scene)
                used += free
    best = np.argmin(values)
    return simplex[best], values[best]
