"""Projective Average Precision of one image: how well a posed field covers the object's mask (CHORUS §4.2).

One splat gives for each pixel the most likely voxel that lands in it; what all 99 thresholds predict is then
in two histograms of that picture, one over the target's pixels and one over all.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from propfield.evaluation.splatting import splat_boxes, splat_points
from propfield.field.grid import Grid
from propfield.observations.observation import Camera

THRESHOLDS = (np.arange(1, 100) / 100).astype(np.float32)
"""0.01 … 0.99, in the field's own precision, so that an occupancy of 0.7 reaches the threshold 0.7."""
SHORTER_SIDE = 32
"""Pixels of the shorter side at which PAP is measured."""
LONGEST_SIDE = 512
"""Pixels to which the longer side is made smaller for PAP on full-resolution splats."""


@dataclass(frozen=True)
class ImageScores:
    """Average precisions of one image, in [0, 1]. None where there is no target to be found.

    Attributes:
        vanilla, strict: as in the paper, at a shorter side of 32 pixels, each voxel a single pixel.
        aware_vanilla, aware_strict: the same without the pixels that vertices of the body fall into
            (human-occlusion-aware); None too where no body was given.
        full_vanilla, full_strict: at the picture's own resolution, each voxel with its whole footprint; None
            too where it was not asked for.
    """

    vanilla: float | None
    strict: float | None
    aware_vanilla: float | None = None
    aware_strict: float | None = None
    full_vanilla: float | None = None
    full_strict: float | None = None


def image_scores(
    posed: Float32[np.ndarray, "R R R"],
    grid: Grid,
    camera: Camera,
    target: Bool[np.ndarray, "H W"],
    *,
    body_vertices: Float32[np.ndarray, "V 3"] | None = None,
    full: bool = False,
) -> ImageScores:
    """Scores a field in the posed space (posing.pose_field) against the object's mask in a picture.

    `body_vertices` are the posed body's, in metres; with them the occlusion-aware scores are told, and with
    `full` those on full-resolution splats. A voxel behind the camera never counts, nor one whose occupancy is
    not a number.
    """
    small, narrow = resized(camera, target, SHORTER_SIDE / min(target.shape))
    levels = splat_points(posed, grid.origin, grid.voxel, THRESHOLDS, projection(small), narrow.shape)
    everywhere = np.ones_like(narrow)
    vanilla, strict = average_precision(levels, narrow, everywhere)
    aware: tuple[float | None, float | None] = None, None
    if body_vertices is not None:
        aware = average_precision(levels, narrow, ~pixels_of(body_vertices, small, narrow.shape))
    whole: tuple[float | None, float | None] = None, None
    if full:
        large, wide = resized(camera, target, min(1.0, LONGEST_SIDE / max(target.shape)))
        levels = splat_boxes(posed, grid.origin, grid.voxel, THRESHOLDS, large, wide.shape)
        whole = average_precision(levels, wide, np.ones_like(wide))
    return ImageScores(vanilla, strict, *aware, *whole)


def average_precision(
    levels: UInt8[np.ndarray, "h w"], target: Bool[np.ndarray, "h w"], counted: Bool[np.ndarray, "h w"]
) -> tuple[float | None, float | None]:
    """Vanilla and strict average precision of what is predicted at each of the 99 thresholds, over the pixels
    `counted`; None where none of them is the target's.

    `levels` says at how many thresholds a pixel is predicted. Going up from 0.01, each step to the next
    threshold adds its drop in recall times the greatest precision at the thresholds before it (so far the
    interpolated average precision: the best precision at that recall or more). What recall is left at 0.99
    does not count. Strict: a step after which nothing is predicted any more adds nothing.
    """
    wanted = int((target & counted).sum())
    if not wanted:
        return None, None
    predicted = _at_least(levels[counted])
    hits = _at_least(levels[target & counted])
    precision = np.maximum.accumulate(hits / np.maximum(predicted, 1))
    gains = (hits[:-1] - hits[1:]) / wanted * precision[:-1]
    return float(gains.sum()), float(np.where(predicted[1:] > 0, gains, 0).sum())


def _at_least(levels: UInt8[np.ndarray, " n"]) -> Int64[np.ndarray, "99"]:
    """How many pixels are predicted at each threshold."""
    counts = np.bincount(levels, minlength=len(THRESHOLDS) + 1)
    return counts[::-1].cumsum()[::-1][1:]


def resized(
    camera: Camera, mask: Bool[np.ndarray, "H W"], scale: float
) -> tuple[Camera, Bool[np.ndarray, "h w"]]:
    """A picture's camera and mask at another size. A pixel of the result is the mask's where at least half of
    its area is."""
    height, width = mask.shape
    if scale == 1:
        return camera, mask
    h, w = max(round(height * scale), 1), max(round(width * scale), 1)
    share = _area_shares(height, h) @ mask.astype(np.float32) @ _area_shares(width, w).T
    K = camera.K * np.array([[w / width], [h / height], [1]], dtype=np.float32)
    # Shares of whole pixels add up to a half only to rounding.
    return Camera(K, camera.R, camera.t), share >= 0.5 - 1e-4


def _area_shares(old: int, new: int) -> Float32[np.ndarray, "new old"]:
    """Row i: the share that each old pixel has in new pixel i."""
    edges = np.arange(new + 1)[:, None] * (old / new)
    low, high = edges[:-1], edges[1:]
    pixels = np.arange(old)[None]
    shared = np.minimum(high, pixels + 1) - np.maximum(low, pixels)
    return (np.maximum(shared, 0) * (new / old)).astype(np.float32)


def projection(camera: Camera) -> np.ndarray:
    """K [R | t]: (3, 4) in double precision."""
    return camera.K.astype(float) @ np.concatenate([camera.R, camera.t[:, None]], 1).astype(float)


def pixels_of(
    points: Float32[np.ndarray, "V 3"], camera: Camera, shape: tuple[int, ...]
) -> Bool[np.ndarray, "h w"]:
    """The pixels of a picture of (height, width) that points before the camera fall into."""
    matrix = projection(camera)
    seen = points @ matrix[:, :3].T + matrix[:, 3]
    seen = seen[seen[:, 2] > 0]
    # A pixel is a projection truncated toward zero, as where votes are counted (field/).
    x, y = np.trunc(np.clip(seen[:, :2] / seen[:, 2:], -2, max(shape) + 1)).astype(int).T
    inside = (x >= 0) & (x < shape[1]) & (y >= 0) & (y < shape[0])
    taken = np.zeros(shape, dtype=bool)
    taken[y[inside], x[inside]] = True
    return taken
