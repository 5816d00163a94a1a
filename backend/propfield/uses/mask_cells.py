"""A photo around its object as a small raster: what each cell shows, and how far the body is there."""

from dataclasses import dataclass

import numpy as np
import trimesh
from jaxtyping import Bool, Float32, UInt8
from scipy.ndimage import distance_transform_edt

from propfield.observations.observation import Camera
from propfield.perception.rendering import render

BACKGROUND, OBJECT, PERSON, UNKNOWN = range(4)
"""What a cell shows; unknown is another thing, which may hide the object."""
MOST_CELLS = 112
"""Along the longer side."""
_AROUND_OBJECT, _AROUND_PERSON = 0.75, 0.25
"""The raster reaches so far beyond the object: parts of its own size and of the person's."""


@dataclass(frozen=True)
class MaskCells:
    """The part of a photo in which an object is placed.

    Attributes:
        camera: of the raster.
        kind: BACKGROUND, OBJECT, PERSON or UNKNOWN.
        body_depth: metres along the camera's z to the posed body, inf beside it.
        away: distance to the object's mask, as a part of the object's size (the root of its area).
        middle: x, y of the mask's centroid, in cells.
        scale: size of the object in cells: the root of its area.
    """

    camera: Camera
    kind: UInt8[np.ndarray, "h w"]
    body_depth: Float32[np.ndarray, "h w"]
    away: Float32[np.ndarray, "h w"]
    middle: Float32[np.ndarray, "2"]
    scale: float


def mask_cells(
    camera: Camera,
    object_mask: Bool[np.ndarray, "H W"],
    person_mask: Bool[np.ndarray, "H W"],
    unknown: Bool[np.ndarray, "H W"],
    body: trimesh.Trimesh,
) -> MaskCells:
    """The raster around an object (its mask is not empty) of a photo; `unknown` is where other things are."""
    (x0, y0, x1, y1), cell = _window(object_mask, person_mask)
    shape = max(round((y1 - y0) / cell), 1), max(round((x1 - x0) / cell), 1)
    rows = (y0 + (np.arange(shape[0]) + 0.5) * (y1 - y0) / shape[0]).astype(int)
    columns = (x0 + (np.arange(shape[1]) + 0.5) * (x1 - x0) / shape[1]).astype(int)

    def sampled(mask: np.ndarray) -> np.ndarray:
        return mask[rows][:, columns]

    thing = sampled(object_mask)
    if not thing.any():
        # Thinner than a cell.
        y, x = np.argwhere(object_mask).mean(0)
        row = int(np.clip((y - y0) / (y1 - y0) * shape[0], 0, shape[0] - 1))
        thing[row, int(np.clip((x - x0) / (x1 - x0) * shape[1], 0, shape[1] - 1))] = True
    kind = np.full(shape, BACKGROUND, np.uint8)
    kind[sampled(person_mask)] = PERSON
    kind[sampled(unknown)] = UNKNOWN
    kind[thing] = OBJECT
    K = camera.K.astype(float)
    K[0, 2] -= x0
    K[1, 2] -= y0
    K[0] *= shape[1] / (x1 - x0)
    K[1] *= shape[0] / (y1 - y0)
    eye = Camera(K=K.astype(np.float32), R=camera.R, t=camera.t)
    scale = float(np.sqrt(thing.sum()))
    return MaskCells(
        camera=eye,
        kind=kind,
        body_depth=render(body, eye, (shape[1], shape[0])).depth,
        away=(distance_transform_edt(~thing) / scale).astype(np.float32),
        middle=(np.argwhere(thing).mean(0)[::-1] + 0.5).astype(np.float32),
        scale=scale,
    )


def _window(object_mask: np.ndarray, person_mask: np.ndarray) -> tuple[tuple[int, int, int, int], float]:
    """Its corners in pixels, within the photo, and the size of a cell."""
    rows, columns = np.flatnonzero(object_mask.any(1)), np.flatnonzero(object_mask.any(0))
    y0, y1, x0, x1 = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    tall = np.ptp(np.flatnonzero(person_mask.any(1))) if person_mask.any() else 0
    margin = round(max(_AROUND_OBJECT * max(y1 - y0, x1 - x0), _AROUND_PERSON * tall))
    height, width = object_mask.shape
    x0, y0 = max(x0 - margin, 0), max(y0 - margin, 0)
    x1, y1 = min(x1 + margin, width), min(y1 + margin, height)
    return (int(x0), int(y0), int(x1), int(y1)), max(max(x1 - x0, y1 - y0) / MOST_CELLS, 1.0)
