"""How far the body's surface is in a picture, coarsely: what lies behind it a picture cannot tell."""

from typing import no_type_check

import numpy as np
from numba import njit

CELLS = 64
"""Cells along the longer side of a picture."""
NEAR = 0.02
"""Metres before the camera at which a face is no longer drawn."""


@njit(cache=True, nogil=True)
@no_type_check
def surface_depth(vertices, faces, camera, cell, depth):
    """Writes the nearest depth of a mesh into each cell, `cell` pixels wide, of a picture; inf where none is.

    `vertices` (V, 3) float32 metres, `faces` (F, 3) int32, `camera` (3, 4) K [R | t], `depth` (h, w) float32.
    A face counts where it covers a cell's middle, a vertex in the cell that it falls in: together they leave
    no holes, however small or large the faces are.
    """
    height, width = depth.shape
    depth[:] = np.inf
    seen = np.empty((len(vertices), 3), np.float32)
    for v in range(len(vertices)):
        for row in range(3):
            seen[v, row] = (
                camera[row, 0] * vertices[v, 0]
                + camera[row, 1] * vertices[v, 1]
                + camera[row, 2] * vertices[v, 2]
                + camera[row, 3]
            )
        z = seen[v, 2]
        if z > NEAR:
            seen[v, 0] /= z * cell
            seen[v, 1] /= z * cell
            x, y = seen[v, 0], seen[v, 1]
            if 0 <= x < width and 0 <= y < height and z < depth[int(y), int(x)]:
                depth[int(y), int(x)] = z
    for f in range(len(faces)):
        a, b, c = seen[faces[f, 0]], seen[faces[f, 1]], seen[faces[f, 2]]
        if a[2] <= NEAR or b[2] <= NEAR or c[2] <= NEAR:
            continue
        twice_area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if twice_area == 0:
            continue
        x0 = max(int(np.ceil(min(a[0], b[0], c[0]) - 0.5)), 0)
        x1 = min(int(np.floor(max(a[0], b[0], c[0]) - 0.5)), width - 1)
        y0 = max(int(np.ceil(min(a[1], b[1], c[1]) - 0.5)), 0)
        y1 = min(int(np.floor(max(a[1], b[1], c[1]) - 0.5)), height - 1)
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                u, v_ = x + 0.5, y + 0.5
                at_b = ((u - a[0]) * (c[1] - a[1]) - (v_ - a[1]) * (c[0] - a[0])) / twice_area
                at_c = ((b[0] - a[0]) * (v_ - a[1]) - (b[1] - a[1]) * (u - a[0])) / twice_area
                if at_b < 0 or at_c < 0 or at_b + at_c > 1:
                    continue
                # Depth is linear in the picture through its inverse.
                z = 1 / ((1 - at_b - at_c) / a[2] + at_b / b[2] + at_c / c[2])
                if z < depth[y, x]:
                    depth[y, x] = z
