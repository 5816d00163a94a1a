"""The camera of a photo: its intrinsics, and where a body stands before it."""

import math

import numpy as np
from jaxtyping import Float32, Float64

from propfield.perception.picture import Picture

FOCAL_OF_LONG_SIDE = 0.5 / math.tan(math.radians(46.4) / 2)
"""Focal length over the longer side when the photo does not tell: 46.4°, a 42 mm lens on 35 mm film."""
FILM_WIDTH = 36.0


def intrinsics(picture: Picture) -> Float32[np.ndarray, "3 3"]:
    """K in pixels: the EXIF's focal length where there is one, else as `usual_intrinsics`."""
    if picture.focal_35mm is None:
        return usual_intrinsics(picture.size)
    return _intrinsics(picture.size, picture.focal_35mm / FILM_WIDTH)


def usual_intrinsics(size: tuple[int, int]) -> Float32[np.ndarray, "3 3"]:
    """K of a photo of `size` (width, height) that does not tell its lens: a field of view of 46.4° over the
    longer side, square pixels, the principal point in the middle."""
    return _intrinsics(size, FOCAL_OF_LONG_SIDE)


def _intrinsics(size: tuple[int, int], ratio: float) -> Float32[np.ndarray, "3 3"]:
    width, height = size
    focal = ratio * max(width, height)
    return np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], dtype=np.float32)


def starting_translation(
    points: Float64[np.ndarray, "N 3"],
    pixels: Float64[np.ndarray, "N 2"],
    weights: Float64[np.ndarray, " N"],
    lens: Float64[np.ndarray, "4"],
) -> Float64[np.ndarray, "3"]:
    """Where turned points must be moved to so that they project about onto `pixels`, by similar triangles:
    the depth is focal length times the points' spread over the pixels' spread, both across the view. `lens`
    is fx, fy, cx, cy."""
    share = (weights / weights.sum())[:, None]
    middle = (points * share).sum(0)
    spread = np.sqrt((np.square(points[:, :2] - middle[:2]) * share).sum())
    centre = (pixels * share).sum(0)
    across = np.sqrt((np.square(pixels - centre) * share).sum())
    depth = float(np.clip(lens[0] * spread / max(across, 1e-3), 0.3, 200.0))
    ray = np.array([(centre[0] - lens[2]) / lens[0], (centre[1] - lens[3]) / lens[1], 1.0])
    return depth * ray - middle
