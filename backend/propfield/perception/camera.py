"""The camera of a photo: its intrinsics, and where a body stands before it."""

import math

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from propfield.perception.picture import Picture

FOCAL_OF_LONG_SIDE = 0.5 / math.tan(math.radians(46.4) / 2)
"""Focal length over the longer side when the photo does not tell: 46.4°, a 42 mm lens on 35 mm film."""
FILM_WIDTH = 36.0


def intrinsics(picture: Picture) -> Float32[np.ndarray, "3 3"]:
    """K in pixels: the EXIF's focal length where there is one, else a field of view of 46.4° over the longer
    side; square pixels, the principal point in the middle."""
    width, height = picture.size
    ratio = FOCAL_OF_LONG_SIDE if picture.focal_35mm is None else picture.focal_35mm / FILM_WIDTH
    focal = ratio * max(width, height)
    return np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], dtype=np.float32)


def starting_translation(
    points: Float[Tensor, "batch N 3"],
    pixels: Float[Tensor, "N 2"],
    weights: Float[Tensor, " N"],
    K: Float[Tensor, "3 3"],
) -> Float[Tensor, "batch 3"]:
    """Where turned points must be moved to so that they project about onto `pixels`, by similar triangles:
    the depth is focal length times the points' spread over the pixels' spread, both across the view."""
    share = (weights / weights.sum())[:, None]
    middle = (points * share).sum(-2, keepdim=True)
    spread = ((points[..., :2] - middle[..., :2]).square() * share).sum((-2, -1)).sqrt()
    centre = (pixels * share).sum(0)
    across = ((pixels - centre).square() * share).sum().sqrt()
    depth = (K[0, 0] * spread / across.clamp_min(1e-3)).clamp(0.3, 200.0)
    ray = torch.stack([(centre[0] - K[0, 2]) / K[0, 0], (centre[1] - K[1, 2]) / K[1, 1], torch.ones(())])
    return depth[:, None] * ray - middle[:, 0]
