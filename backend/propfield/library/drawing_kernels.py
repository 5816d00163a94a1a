"""Pictures of a field: the body's triangles into a raster, and rays through the field's shells. Compiled."""

from typing import no_type_check

import numpy as np

from propfield.kernels import kernel


@kernel()
@no_type_check
def raster(points, normals, faces, focal, depth, facing):
    """Writes the nearest of a mesh's triangles into `depth` (H, W; inf where none is) and its interpolated
    normals into `facing` (H, W, 3). Points and normals are the camera's; `focal` is fx, fy, cx, cy."""
    height, width = depth.shape
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        za, zb, zc = points[a, 2], points[b, 2], points[c, 2]
        if min(za, zb, zc) < 0.05:
            continue
        ua = focal[0] * points[a, 0] / za + focal[2] - 0.5
        va = focal[1] * points[a, 1] / za + focal[3] - 0.5
        ux = focal[0] * points[b, 0] / zb + focal[2] - 0.5 - ua
        vx = focal[1] * points[b, 1] / zb + focal[3] - 0.5 - va
        uy = focal[0] * points[c, 0] / zc + focal[2] - 0.5 - ua
        vy = focal[1] * points[c, 1] / zc + focal[3] - 0.5 - va
        area = ux * vy - uy * vx
        if abs(area) < 1e-12:
            continue
        x0 = max(int(np.ceil(ua + min(0.0, ux, uy))), 0)
        x1 = min(int(np.floor(ua + max(0.0, ux, uy))), width - 1)
        y0 = max(int(np.ceil(va + min(0.0, vx, vy))), 0)
        y1 = min(int(np.floor(va + max(0.0, vx, vy))), height - 1)
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                px, py = x - ua, y - va
                beta = (px * vy - uy * py) / area
                gamma = (ux * py - px * vx) / area
                if beta < 0 or gamma < 0 or beta + gamma > 1:
                    continue
                z = za + beta * (zb - za) + gamma * (zc - za)
                if z < depth[y, x]:
                    depth[y, x] = z
                    for k in range(3):
                        facing[y, x, k] = (
                            (1 - beta - gamma) * normals[a, k] + beta * normals[b, k] + gamma * normals[c, k]
                        )


@kernel()
@no_type_check
def sample(values, x, y, z):
    """Trilinear value of a lattice at fractional indices; 0 outside it."""
    n0, n1, n2 = values.shape
    if not (0 <= x < n0 - 1 and 0 <= y < n1 - 1 and 0 <= z < n2 - 1):
        return 0.0
    i, j, k = int(x), int(y), int(z)
    u, v, w = x - i, y - j, z - k
    low = (1 - v) * ((1 - u) * values[i, j, k] + u * values[i + 1, j, k]) + v * (
        (1 - u) * values[i, j + 1, k] + u * values[i + 1, j + 1, k]
    )
    high = (1 - v) * ((1 - u) * values[i, j, k + 1] + u * values[i + 1, j, k + 1]) + v * (
        (1 - u) * values[i, j + 1, k + 1] + u * values[i + 1, j + 1, k + 1]
    )
    return (1 - w) * low + w * high


@kernel()
@no_type_check
def shells(values, centre, turn, focal, step, depth, levels, colours, opacities, light, picture):
    """Composes into `picture` (H, W, 4; colour times opacity, and opacity) the surfaces of `values` at
    `levels` that each pixel's ray enters before `depth`, front to back.

    `centre` is the camera's place in the lattice's indices, `turn` (3, 3) takes the camera's directions to
    indices a metre, `step` is in metres, `light` a unit vector in indices. Colours are linear, a row a level.
    A surface is denser where the ray grazes it, as a skin of glass is.
    """
    height, width = depth.shape
    along, normal = np.empty(3), np.empty(3)
    for y in range(height):
        for x in range(width):
            right, down = (x + 0.5 - focal[2]) / focal[0], (y + 0.5 - focal[3]) / focal[1]
            # Where the ray is inside the lattice.
            near, far = 0.05, depth[y, x]
            for axis in range(3):
                along[axis] = turn[axis, 0] * right + turn[axis, 1] * down + turn[axis, 2]
                last = values.shape[axis] - 1
                if abs(along[axis]) < 1e-9:
                    if centre[axis] < 0 or centre[axis] > last:
                        far = 0.0
                    continue
                first = -centre[axis] / along[axis]
                second = (last - centre[axis]) / along[axis]
                near, far = max(near, min(first, second)), min(far, max(first, second))
            speed = np.sqrt(along[0] ** 2 + along[1] ** 2 + along[2] ** 2)
            through, before, t = 1.0, 0.0, near
            while t < far and through > 0.02:
                t += step
                value = sample(
                    values, centre[0] + along[0] * t, centre[1] + along[1] * t, centre[2] + along[2] * t
                )
                for n in range(len(levels)):
                    if not before < levels[n] <= value:
                        continue
                    # Where between the two steps it was passed.
                    at = t - step * (value - levels[n]) / (value - before)
                    if at > far:
                        break
                    i, j = centre[0] + along[0] * at, centre[1] + along[1] * at
                    k = centre[2] + along[2] * at
                    normal[0] = sample(values, i - 1, j, k) - sample(values, i + 1, j, k)
                    normal[1] = sample(values, i, j - 1, k) - sample(values, i, j + 1, k)
                    normal[2] = sample(values, i, j, k - 1) - sample(values, i, j, k + 1)
                    length = max(np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2), 1e-9)
                    front, lit, half, square = 0.0, 0.0, 0.0, 0.0
                    for axis in range(3):
                        towards = -along[axis] / speed
                        front += normal[axis] / length * towards
                        lit += normal[axis] / length * light[axis]
                        half += normal[axis] / length * (light[axis] + towards)
                        square += (light[axis] + towards) ** 2
                    shine = 0.2 * max(half / np.sqrt(square + 1e-12), 0.0) ** 40
                    graze = (1 - max(front, 0.0)) ** 3
                    share = through * (opacities[n] + (1 - opacities[n]) * 0.5 * graze)
                    for channel in range(3):
                        glow = colours[n, channel] * (0.7 + 0.5 * max(lit, 0.0)) + shine
                        picture[y, x, channel] += share * glow
                    picture[y, x, 3] += share
                    through -= share
                before = value
