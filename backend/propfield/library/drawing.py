"""Draws a field around its body: grey clay, and the field as shells of glass from violet (rare) to yellow."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int32
from PIL import Image
from scipy.ndimage import gaussian_filter, zoom

from propfield.body.skinning import pose_vertices
from propfield.body.template import BodyTemplate
from propfield.field.grid import Grid
from propfield.field.occupancy import OccupancyField
from propfield.field.posing import into_pose
from propfield.library.drawing_kernels import raster, shells
from propfield.library.drawing_view import View, framed

SIDE = 256
"""Pixels of a preview."""
LEVELS = np.array([0.2, 0.4, 0.6, 0.85])
"""The shells, as shares of the field's highest occupancy."""
_OPACITIES = np.array([0.08, 0.22, 0.5, 0.95])
# The add-on's ramp (addon/scene/materials.py): stops of matplotlib's "plasma" (van der Walt & Smith, CC0) in
# linear light.
_STOPS = np.array([0.0, 0.2, 0.42, 0.65, 0.95])
_COLOURS = np.array(
    [
        [0.004, 0.002, 0.24],
        [0.208, 0, 0.392],
        [0.604, 0.063, 0.188],
        [0.938, 0.292, 0.056],
        [0.871, 0.945, 0.015],
    ]
)
_CLAY = np.array([0.40, 0.385, 0.375])
_LIGHT = np.array([-0.45, -0.7, -0.55]) / np.linalg.norm([-0.45, -0.7, -0.55])
"""To the main light, in the camera's axes: from the upper left, before the person."""
_FINER, _SMOOTH = 2, 0.7
"""The grid's stairs are no news: it is smoothed by so many voxels and drawn from a finer lattice."""
_OVERSAMPLE = 2
_SIDES = np.radians([-35, 35, -70, 70, -135, 135])
_PREFERRED = np.array([0.3, 0.3, 0.25, 0.25, 0.0, 0.0])
"""Where sides show about as much of the field, faces are liked more than backs."""
_ENOUGH = 0.8
"""Of a field need not be more visible."""


@dataclass(frozen=True)
class _Body:
    vertices: Float64[np.ndarray, "V 3"]
    normals: Float64[np.ndarray, "V 3"]
    faces: Int32[np.ndarray, "F 3"]


@dataclass(frozen=True)
class _Shells:
    """The field's values relative to the peak on a lattice: index × spacing + origin is metres."""

    values: Float32[np.ndarray, "X Y Z"]
    origin: Float64[np.ndarray, "3"]
    spacing: float

    def extent(self) -> Float64[np.ndarray, "C 3"]:
        """Points around all that is above the lowest level."""
        points = np.argwhere(self.values >= LEVELS[0])
        return points[:: max(len(points) // 4000, 1)] * self.spacing + self.origin


def draw_field(
    field: OccupancyField,
    type_name: str = "all",
    pose: Float32[np.ndarray, "24 3"] | None = None,
    side: int = SIDE,
) -> Image.Image:
    """A square picture (RGBA, transparent around) of a type of a field on its body, in `pose` (axis-angle,
    radians) or the field's own rest pose, from the side that shows most of it. NotFound for a type that the
    field has none of."""
    occupancy = field.type(type_name).occupancy
    if pose is not None:
        occupancy = into_pose(field, pose)(occupancy)
    glass = _shells(occupancy, field.grid)
    body = _posed(field.body, field.rest_pose if pose is None else pose)
    shown = np.concatenate([body.vertices, glass.extent()])
    visible = [_visible(framed(shown, angle, 64), body, glass) for angle in _SIDES]
    best = int(np.argmax(np.minimum(visible, _ENOUGH) + 0.05 * np.array(visible) + _PREFERRED))
    return _drawn(framed(shown, _SIDES[best], side * _OVERSAMPLE), body, glass, side)


def _posed(body: BodyTemplate, pose: Float32[np.ndarray, "24 3"]) -> _Body:
    arrays = (pose, body.vertices, body.skin_weights, body.joints)
    vertices = pose_vertices(*map(torch.from_numpy, arrays)).numpy().astype(float)
    corners = vertices[body.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, body.faces[:, corner], across)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return _Body(vertices, normals, body.faces)


def _shells(occupancy: Float32[np.ndarray, "R R R"], grid: Grid) -> _Shells:
    # A rim of zeros closes what touches the grid's border.
    values = gaussian_filter(np.pad(occupancy, 2), _SMOOTH)
    values /= max(float(values.max()), 1e-9)
    # Only where there is something to see.
    seen = np.argwhere(values >= LEVELS[0] / 4)
    if not len(seen):
        seen = np.zeros((1, 3), int)
    low, high = np.maximum(seen.min(0) - 1, 0), seen.max(0) + 2
    values = values[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    finer = _FINER if grid.resolution <= 96 else 1
    if finer > 1:
        values = np.maximum(zoom(values, finer, order=3, grid_mode=True, mode="grid-constant"), 0)
    spacing = grid.voxel / finer
    corner = grid.origin.astype(float) + (low - 2) * grid.voxel
    return _Shells(values.astype(np.float32), corner + spacing / 2, spacing)


def _layers(
    view: View, body: _Body, glass: _Shells
) -> tuple[Float64[np.ndarray, "H W"], Float64[np.ndarray, "H W 3"], Float64[np.ndarray, "H W 4"]]:
    """Depth and normals of the body, and what the shells before it show."""
    depth = np.full((view.side, view.side), np.inf)
    facing = np.zeros((view.side, view.side, 3))
    raster(body.vertices @ view.R.T + view.t, body.normals @ view.R.T, body.faces, view.focal, depth, facing)
    return depth, facing, _glass(view, glass, depth)


def _glass(view: View, glass: _Shells, depth: Float64[np.ndarray, "H W"]) -> Float64[np.ndarray, "H W 4"]:
    picture = np.zeros((view.side, view.side, 4))
    colours = np.stack([np.interp(LEVELS, _STOPS, channel) for channel in _COLOURS.T], 1)
    shells(
        glass.values,
        (view.centre - glass.origin) / glass.spacing,
        view.R.T / glass.spacing,
        view.focal,
        0.6 * glass.spacing,
        depth,
        LEVELS,
        colours,
        _OPACITIES,
        view.R.T @ _LIGHT,
        picture,
    )
    return picture


def _visible(view: View, body: _Body, glass: _Shells) -> float:
    """The share of the shells that the body does not hide."""
    nothing = np.full((view.side, view.side), np.inf)
    alone = _glass(view, glass, nothing)[..., 3].sum()
    return float(_layers(view, body, glass)[2][..., 3].sum() / max(alone, 1e-9))


def _drawn(view: View, body: _Body, glass: _Shells, side: int) -> Image.Image:
    depth, facing, front = _layers(view, body, glass)
    covered = np.isfinite(depth)
    facing /= np.maximum(np.linalg.norm(facing, axis=2, keepdims=True), 1e-9)
    key = np.maximum(facing @ _LIGHT, 0)
    sky = 0.5 - 0.5 * facing[..., 1]
    edge = (1 - np.abs(facing[..., 2])) ** 3
    clay = _CLAY * (0.25 + 0.75 * key + 0.25 * sky + 0.25 * edge)[..., None]
    through = 1 - front[..., 3:]
    picture = np.zeros((*depth.shape, 4))
    picture[..., :3] = front[..., :3] + through * clay * covered[..., None]
    picture[..., 3:] = front[..., 3:] + through * covered[..., None]
    # Mean of the finer pixels in linear light, colour still times opacity, so that edges stay clean.
    small = picture.reshape(side, _OVERSAMPLE, side, _OVERSAMPLE, 4).mean((1, 3))
    colour = small[..., :3] / np.maximum(small[..., 3:], 1e-6)
    small[..., :3] = np.where(
        colour < 0.0031308, 12.92 * colour, 1.055 * np.clip(colour, 0, 1) ** (1 / 2.4) - 0.055
    )
    return Image.fromarray((small.clip(0, 1) * 255 + 0.5).astype(np.uint8), "RGBA")
