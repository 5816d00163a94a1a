"""A small picture of a field on its own body, drawn in numpy from the data: no camera, no lights, no GPU."""

import numpy as np

from .field_file import FieldData
from .kinematics import bone_transforms, skin_forward
from .lattice import crop_lattice
from .materials import ramp_colours

SIDE = 256
VIEW = np.radians((-28.0, 12.0))
"""From how far to the person's right and how far above one looks."""
CLAY = np.array([0.52, 0.48, 0.45])
LIGHT = np.array([0.35, 0.65, 0.68])
SAMPLES = 7
"""Along each edge of a triangle of the body."""
STEPS = 72
SHOWN = 0.25
"""Of the peak: what has to be in the picture."""
OPACITY = 7.0
"""Of a field at its peak, for each metre."""


def field_picture(field: FieldData, type_name: str) -> np.ndarray:
    """(256, 256, 4) float32 sRGB with opacity, lowest row first as Blender has it: the body in the canonical
    pose and the type's field as a fog around it. SceneError for an empty or unknown type."""
    lattice = crop_lattice(field, (type_name,), SHOWN)
    axes = _view_axes()
    body = skin_forward(
        field.body_vertices.astype(np.float64),
        field.body_weights.dense(),
        bone_transforms(field.rest_pose, field.body_joints),
    )
    box = np.array(lattice.values[0].shape) * lattice.step
    corners = lattice.first + box * np.array(list(np.ndindex(2, 2, 2)))
    seen = np.concatenate([body, corners]) @ axes.T
    low, high = seen.min(0), seen.max(0)
    middle, width = (low + high) / 2, 1.04 * (high - low)[:2].max()
    colour, depth = _draw_body(body, field.body_faces, axes, middle, width)
    cloud, cover = _draw_fog(lattice.values[0], lattice.first, lattice.step, axes, middle, width, depth)
    solid = np.isfinite(depth)[..., None]
    picture = np.empty((SIDE, SIDE, 4), np.float32)
    alpha = np.where(solid, 1.0, cover)
    linear = cloud + np.where(solid, (1 - cover) * colour, 0.0)
    picture[..., 3:] = alpha
    picture[..., :3] = _encoded(linear / np.maximum(alpha, 1e-6))
    return picture


def _view_axes() -> np.ndarray:
    """(3, 3) rows: right, up and toward the viewer, in the backend's axes."""
    around, above = VIEW
    toward = np.array([np.sin(around) * np.cos(above), np.sin(above), np.cos(around) * np.cos(above)])
    right = np.cross([0.0, 1.0, 0.0], toward)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(toward, right), toward])


def _draw_body(
    vertices: np.ndarray, faces: np.ndarray, axes: np.ndarray, middle: np.ndarray, width: float
) -> tuple[np.ndarray, np.ndarray]:
    """(SIDE, SIDE, 3) linear colour and (SIDE, SIDE) nearness to the viewer, −inf where there is nothing."""
    triangles = vertices[faces]
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    shade = 0.25 + 0.75 * np.clip(normals @ axes.T @ (LIGHT / np.linalg.norm(LIGHT)), 0, 1)
    grid = np.array([(i, j) for i in range(SAMPLES + 1) for j in range(SAMPLES + 1 - i)]) / SAMPLES
    shares = np.column_stack([1 - grid.sum(1), grid])
    points = np.einsum("sk,fkc->fsc", shares, triangles) @ axes.T
    pixels = np.floor(((points[..., :2] - middle[:2]) / width + 0.5) * SIDE).astype(int).reshape(-1, 2)
    nearness = points[..., 2].ravel()
    # The nearest is drawn last.
    order = np.argsort(nearness)
    columns, rows = pixels[order].T
    depth = np.full((SIDE, SIDE), -np.inf)
    colour = np.zeros((SIDE, SIDE, 3))
    depth[rows, columns] = nearness[order]
    colour[rows, columns] = np.repeat(shade, len(shares))[order][:, None] * CLAY
    return colour, depth


def _draw_fog(
    values: np.ndarray,
    first: np.ndarray,
    step: float,
    axes: np.ndarray,
    middle: np.ndarray,
    width: float,
    depth: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(SIDE, SIDE, 3) linear light and (SIDE, SIDE, 1) cover of what lies before the body."""
    across = ((np.arange(SIDE) + 0.5) / SIDE - 0.5) * width
    up, right = np.meshgrid(across + middle[1], across + middle[0], indexing="ij")
    near, far = middle[2] + 0.9 * width, middle[2] - 0.9 * width
    light, clear = np.zeros((SIDE, SIDE, 3)), np.ones((SIDE, SIDE, 1))
    between = (near - far) / STEPS
    for number in range(STEPS):
        toward = near - (number + 0.5) * between
        points = right[..., None] * axes[0] + up[..., None] * axes[1] + toward * axes[2]
        found = _sampled(values, (points - first) / step)
        found[depth > toward] = 0
        if not found.any():
            continue
        opaque = 1 - np.exp(-OPACITY * between * found**2)
        light += clear * opaque[..., None] * ramp_colours(found.ravel())[:, :3].reshape(SIDE, SIDE, 3)
        clear *= 1 - opaque[..., None]
    return light, 1 - clear


def _sampled(values: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Trilinear; 0 outside."""
    inside = ((steps >= 0) & (steps <= np.array(values.shape) - 1)).all(-1)
    places = steps[inside]
    low = np.minimum(places.astype(int), np.array(values.shape) - 2)
    share = places - low
    found = np.zeros(steps.shape[:-1], np.float32)
    for corner in np.ndindex(2, 2, 2):
        factor = np.where(corner, share, 1 - share).prod(1)
        found[inside] += factor * values[tuple((low + corner).T)]
    return found


def _encoded(linear: np.ndarray) -> np.ndarray:
    """Linear light to sRGB."""
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
