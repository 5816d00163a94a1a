"""A user's prop laid where a field has its object: along the same principal axes, in each way that this can
be done."""

from itertools import permutations, product

import numpy as np
import trimesh
from jaxtyping import Float64

SAMPLES = 2000
SIMILAR = 0.6
"""Sums of logarithms: matches of axes whose lengths fit worse than the best by more are not tried."""
UNITS = (1.0, 0.01, 0.001, 0.0254, 0.3048)
"""Metres in what a mesh file may count in: metres, centimetres, millimetres, inches, feet."""
METRIC = 2.0
"""A prop that in no unit is as large as the field's object, to this factor, has no size that counts."""


def ways_to_lie(prop: trimesh.Trimesh, surface: trimesh.Trimesh) -> list[Float64[np.ndarray, "4 4"]]:
    """Transforms (turn, scale, shift) that take a prop to a surface, middle to middle and axes to axes: the
    four turns that keep the axes' order by length, and others where lengths are about the same. The scale is
    that of the first of UNITS in which the prop's own size can be right, else what makes it as large as the
    surface."""
    own_middle, own_axes, own_lengths = principal_axes(prop)
    middle, axes, lengths = principal_axes(surface)
    size, own_size = (float(np.sqrt((each**2).sum())) for each in (lengths, own_lengths))
    fitting = [unit for unit in UNITS if 1 / METRIC <= own_size * unit / size <= METRIC]
    scale = fitting[0] if fitting else size / own_size
    found = []
    for order in permutations(range(3)):
        ratio = np.log(lengths / size) - np.log(own_lengths[list(order)] / own_size)
        for signs in product((1.0, -1.0), repeat=3):
            # Column i of the prop's axes, in this order and with these signs, goes onto axis i.
            turn = axes @ (own_axes[:, list(order)] * signs).T
            if np.linalg.det(turn) > 0:
                moved = np.eye(4)
                moved[:3, :3] = scale * turn
                moved[:3, 3] = middle - scale * turn @ own_middle
                found.append((float(np.abs(ratio).sum()), moved))
    least = min(misfit for misfit, _ in found)
    return [moved for misfit, moved in found if misfit <= least + SIMILAR]


def principal_axes(
    mesh: trimesh.Trimesh,
) -> tuple[Float64[np.ndarray, "3"], Float64[np.ndarray, "3 3"], Float64[np.ndarray, "3"]]:
    """Of a mesh's surface: middle, principal axes as columns (right-handed, longest first) and their lengths
    (spreads, metres)."""
    points, _ = trimesh.sample.sample_surface(mesh, SAMPLES, seed=0)
    middle = points.mean(0)
    values, axes = np.linalg.eigh(np.cov((points - middle).T))
    axes = axes[:, ::-1]
    if np.linalg.det(axes) < 0:
        axes = axes * [1, 1, -1]
    # A flat prop has no thickness; 2% of its size stands for it.
    lengths = np.sqrt(np.maximum(values[::-1], 0))
    return middle, axes, np.maximum(lengths, 0.02 * lengths[0])
