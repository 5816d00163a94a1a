"""Iso-surfaces of a field by marching cubes (Lorensen & Cline 1987, scikit-image's)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32
from skimage.measure import marching_cubes

from propfield.errors import PropfieldError
from propfield.field.grid import Grid


@dataclass(frozen=True)
class Surface:
    """A closed triangle mesh: vertices in metres, faces counter-clockwise seen from outside."""

    vertices: Float32[np.ndarray, "V 3"]
    faces: Int32[np.ndarray, "F 3"]


def iso_surface(occupancy: Float32[np.ndarray, "R R R"], grid: Grid, level: float) -> Surface:
    """The surface inside which the occupancy is above `level`, closed at the grid's border.

    PropfieldError when nothing lies above the level.
    """
    if not occupancy.max() > level:
        raise PropfieldError(
            f"Nothing in this field is above the level {level:g}; the highest is {occupancy.max():.3g}."
        )
    # A rim of zeros closes what touches the border.
    padded = np.pad(occupancy, 1)
    vertices, faces, _, _ = marching_cubes(padded, level, gradient_direction="ascent")
    metres = grid.origin + (vertices - 0.5) * np.float32(grid.voxel)
    return Surface(vertices=metres.astype(np.float32), faces=faces.astype(np.int32))
