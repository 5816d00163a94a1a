"""How well placements of an object explain a photo's mask: triangles into the raster's cells, and what the
body, the contact and the ground say. Compiled; one file, since they are compiled into one another."""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float32, Float64, Int32, UInt8
from numba import njit

TERMS = 8
"""Columns of what `energies` gives: the sum, then 1 − IoU, how far what is wrong is from the mask, how far
between the centroids, the prior, how deep in the body and below the ground (metres), and IoU."""


class Photo(NamedTuple):
    """What placements are held against; see mask_cells.MaskCells. `focal` is fx, fy, cx, cy."""

    kind: UInt8[np.ndarray, "h w"]
    body_depth: Float32[np.ndarray, "h w"]
    away: Float32[np.ndarray, "h w"]
    focal: Float64[np.ndarray, "4"]
    middle: Float64[np.ndarray, "2"]
    scale: float


class Solid(NamedTuple):
    """The body: signed distance (metres, negative inside) over a lattice of the person's space, from `origin`
    in steps of `step`; `R`, `t` take that space to the camera."""

    distance: Float32[np.ndarray, "X Y Z"]
    origin: Float64[np.ndarray, "3"]
    step: float
    R: Float64[np.ndarray, "3 3"]
    t: Float64[np.ndarray, "3"]


class Weights(NamedTuple):
    """Of the terms, in nats; spreads of the prior in metres, radians, logarithms of scale and stretch.

    `ground` is the plane's normal (up) and offset in the camera's space; a normal of zeros is none.
    """

    overlap: float
    wrong: float
    centroid: float
    plane_spread: float
    depth_spread: float
    turn_spread: float
    scale_spread: float
    stretch_spread: float
    penetration: float
    ground: Float64[np.ndarray, "4"]


BEHIND = 0.06
"""Metres by which depths of body and object are not told apart."""
ALLOWED_DEPTH = 0.01
"""Metres that an object may sink into the body: bodies are soft and dressed."""


@njit(cache=True, nogil=True)
@no_type_check
def rotation(x, y, z):
    """Rodrigues' formula; radians."""
    angle = np.sqrt(x * x + y * y + z * z)
    R = np.eye(3)
    if angle < 1e-9:
        return R
    a, b, c = x / angle, y / angle, z / angle
    s, k = np.sin(angle), 1 - np.cos(angle)
    R[0, 0], R[0, 1], R[0, 2] = 1 - k * (b * b + c * c), k * a * b - s * c, k * a * c + s * b
    R[1, 0], R[1, 1], R[1, 2] = k * a * b + s * c, 1 - k * (a * a + c * c), k * b * c - s * a
    R[2, 0], R[2, 1], R[2, 2] = k * a * c - s * b, k * b * c + s * a, 1 - k * (a * a + b * b)
    return R


@njit(cache=True, nogil=True)
@no_type_check
def linear(state, axis):
    """What a placement does to directions: stretched by exp(state[7]) along the axis (of zeros: not at all),
    larger by exp(state[6]), turned by state[:3]."""
    stretch = np.eye(3)
    for row in range(3):
        for column in range(3):
            stretch[row, column] += (np.exp(state[7]) - 1) * axis[row] * axis[column]
    return rotation(state[0], state[1], state[2]) @ stretch * np.exp(state[6])


@njit(cache=True, nogil=True)
@no_type_check
def placed(state, model, pivot, axis):
    """Vertices of `model` (camera's axes, relative to the pivot) in the camera's space: see `linear`, and
    moved by state[3:6]."""
    R = linear(state, axis)
    points = np.empty((len(model), 3))
    for n in range(len(model)):
        for row in range(3):
            points[n, row] = (
                R[row, 0] * model[n, 0]
                + R[row, 1] * model[n, 1]
                + R[row, 2] * model[n, 2]
                + pivot[row]
                + state[3 + row]
            )
    return points


@njit(cache=True, nogil=True)
@no_type_check
def fill_depth(points, faces, focal, depth):
    """Writes into `depth` the nearest of the triangles at each cell's centre. False when a part lies behind
    the camera."""
    height, width = depth.shape
    u, v = np.empty(len(points)), np.empty(len(points))
    for n in range(len(points)):
        if points[n, 2] < 0.05:
            return False
        u[n] = focal[0] * points[n, 0] / points[n, 2] + focal[2] - 0.5
        v[n] = focal[1] * points[n, 1] / points[n, 2] + focal[3] - 0.5
    for f in range(len(faces)):
        a, b, c = faces[f]
        ux, vx = u[b] - u[a], v[b] - v[a]
        uy, vy = u[c] - u[a], v[c] - v[a]
        area = ux * vy - uy * vx
        if area == 0:
            continue
        x0 = max(int(np.ceil(min(u[a], u[b], u[c]))), 0)
        x1 = min(int(np.floor(max(u[a], u[b], u[c]))), width - 1)
        y0 = max(int(np.ceil(min(v[a], v[b], v[c]))), 0)
        y1 = min(int(np.floor(max(v[a], v[b], v[c]))), height - 1)
        za, zb, zc = points[a, 2], points[b, 2], points[c, 2]
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                px, py = x - u[a], y - v[a]
                beta = (px * vy - uy * py) / area
                gamma = (ux * py - px * vx) / area
                if beta < 0 or gamma < 0 or beta + gamma > 1:
                    continue
                z = za + beta * (zb - za) + gamma * (zc - za)
                if z < depth[y, x]:
                    depth[y, x] = z
    return True


@njit(cache=True, nogil=True)
@no_type_check
def energies(states, model, faces, pivot, axis, photo, solid, weights, result):
    """Fills a row of TERMS numbers for each of the states (turn, shift, logarithms of scale and stretch)."""
    height, width = photo.kind.shape
    depth = np.empty((height, width), np.float32)
    for n in range(len(states)):
        state, row = states[n], result[n]
        depth[:] = np.inf
        points = placed(state, model, pivot, axis)
        if not fill_depth(points, faces, photo.focal, depth):
            row[:] = 1e6
            row[7] = 0
            continue
        wanted, hits, wrong, far, seen, sx, sy = 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for y in range(height):
            for x in range(width):
                kind, z = photo.kind[y, x], depth[y, x]
                if kind == 1:
                    wanted += 1
                if z == np.inf or kind == 3:
                    continue
                body = photo.body_depth[y, x]
                # How surely the object is before the body there; depths of both are rough.
                before = 1.0
                if body < np.inf:
                    before = min(max(0.5 + (body - z) / (2 * BEHIND), 0.0), 1.0)
                if kind == 1:
                    hits += 0.25 + 0.75 * before
                elif kind == 2:
                    # What the person may hide says nothing.
                    if body == np.inf or before == 0:
                        continue
                    wrong += before
                    far += before * photo.away[y, x]
                else:
                    before = 1.0
                    wrong += 1
                    far += photo.away[y, x]
                seen += before
                sx += before * (x + 0.5)
                sy += before * (y + 0.5)
        iou = hits / max(wanted + wrong, 1)
        row[7] = iou
        row[1] = 1 - iou
        row[2] = min(far / max(wanted, 1), 3.0)
        apart = 3.0
        if seen > 0:
            apart = np.hypot(sx / seen - photo.middle[0], sy / seen - photo.middle[1]) / photo.scale
        row[3] = min(apart, 3.0)
        turn = state[0] ** 2 + state[1] ** 2 + state[2] ** 2
        plane, along = state[3] ** 2 + state[4] ** 2, state[5] ** 2
        # Tails are heavy: a body that was fitted wrongly is wrong by much.
        row[4] = (
            np.log1p(plane / weights.plane_spread**2)
            + np.log1p(along / weights.depth_spread**2)
            + np.log1p(turn / weights.turn_spread**2)
            + 0.5 * (state[6] / weights.scale_spread) ** 2
            + 0.5 * (state[7] / weights.stretch_spread) ** 2
        )
        row[5] = _sunk(points, solid)
        row[6] = _below(points, weights.ground)
        row[0] = (
            weights.overlap * row[1]
            + weights.wrong * row[2]
            + weights.centroid * row[3]
            + row[4]
            + weights.penetration * (row[5] + row[6])
        )


@njit(cache=True, nogil=True)
@no_type_check
def _sunk(points, solid):
    """Mean depth of the points inside the body beyond what is allowed, metres."""
    size_x, size_y, size_z = solid.distance.shape
    total = 0.0
    for n in range(len(points)):
        dx, dy, dz = points[n, 0] - solid.t[0], points[n, 1] - solid.t[1], points[n, 2] - solid.t[2]
        i = int((solid.R[0, 0] * dx + solid.R[1, 0] * dy + solid.R[2, 0] * dz - solid.origin[0]) / solid.step)
        j = int((solid.R[0, 1] * dx + solid.R[1, 1] * dy + solid.R[2, 1] * dz - solid.origin[1]) / solid.step)
        k = int((solid.R[0, 2] * dx + solid.R[1, 2] * dy + solid.R[2, 2] * dz - solid.origin[2]) / solid.step)
        if 0 <= i < size_x and 0 <= j < size_y and 0 <= k < size_z:
            total += max(-solid.distance[i, j, k] - ALLOWED_DEPTH, 0.0)
    return total / len(points)


@njit(cache=True, nogil=True)
@no_type_check
def _below(points, ground):
    """Mean depth of the points below the ground, metres."""
    if ground[0] == 0 and ground[1] == 0 and ground[2] == 0:
        return 0.0
    total = 0.0
    for n in range(len(points)):
        above = ground[0] * points[n, 0] + ground[1] * points[n, 1] + ground[2] * points[n, 2] - ground[3]
        total += max(-above - 0.02, 0.0)
    return total / len(points)


@njit(cache=True, nogil=True)
@no_type_check
def ray_peaks(occupancy, origin, voxel, eye, rays, body_depth, front, seen):
    """The most likely voxel on each ray (z = 1 in the camera) before the body (`front`), and up to what can
    be seen of it (`seen`)."""
    resolution = len(occupancy)
    size = resolution * voxel
    for n in range(len(rays)):
        near, far = 0.05, 1e3
        for axis in range(3):
            slope = rays[n, axis]
            if abs(slope) < 1e-9:
                slope = 1e-9
            first = (origin[axis] - eye[axis]) / slope
            second = (origin[axis] + size - eye[axis]) / slope
            near, far = max(near, min(first, second)), min(far, max(first, second))
        step = voxel / (2 * np.sqrt(rays[n, 0] ** 2 + rays[n, 1] ** 2 + rays[n, 2] ** 2))
        most, before = 0.0, 0.0
        z = near + 0.5 * step
        while z < far and z < body_depth[n] + BEHIND:
            i = int((eye[0] + z * rays[n, 0] - origin[0]) / voxel)
            j = int((eye[1] + z * rays[n, 1] - origin[1]) / voxel)
            k = int((eye[2] + z * rays[n, 2] - origin[2]) / voxel)
            if 0 <= i < resolution and 0 <= j < resolution and 0 <= k < resolution:
                value = occupancy[i, j, k]
                most = max(most, value)
                if z < body_depth[n] - BEHIND:
                    before = max(before, value)
            z += step
        front[n], seen[n] = before, most


class Arrays(NamedTuple):
    """A mesh to place: vertices in the camera's axes relative to the pivot, its triangles, the pivot in the
    camera's space, and the direction in which it may be longer than it is (camera's axes; zeros: none)."""

    model: Float64[np.ndarray, "V 3"]
    faces: Int32[np.ndarray, "F 3"]
    pivot: Float64[np.ndarray, "3"]
    axis: Float64[np.ndarray, "3"]
