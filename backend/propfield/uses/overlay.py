"""A photo with what was rebuilt drawn on it: body, object, the object's mask, and keypoints."""

import numpy as np
import trimesh
from jaxtyping import Bool, Float32, UInt8
from PIL import Image, ImageDraw
from scipy.ndimage import binary_dilation, binary_erosion

from propfield.observations.observation import Camera
from propfield.perception.rendering import render, scaled_camera

BODY_COLOUR = (110, 180, 255)
OBJECT_COLOUR = (255, 150, 60)
MASK_COLOUR = (255, 255, 255)
GIVEN_COLOUR = (60, 230, 90)
FITTED_COLOUR = (235, 40, 60)
_FILL, _HIDDEN = 0.45, 0.2
_LONGEST_SIDE = 1280
_BONES = (
    (5, 6), (5, 7), (7, 9), (6, 8), (8, 10), (5, 11), (6, 12), (11, 12), (11, 13), (13, 15), (12, 14),
    (14, 16), (0, 1), (0, 2), (1, 3), (2, 4),
)  # fmt: skip


def draw_overlay(
    pixels: UInt8[np.ndarray, "H W 3"],
    camera: Camera,
    body: trimesh.Trimesh,
    thing: trimesh.Trimesh | None,
    mask: Bool[np.ndarray, "H W"],
    given: Float32[np.ndarray, "17 3"],
    fitted: Float32[np.ndarray, "17 2"],
) -> Image.Image:
    """The photo (1280 pixels long, at most twice its size) with the body in blue and the object in orange,
    translucent and outlined; what the body hides of the object is fainter. The object's mask, which the photo
    shows, has a thin white outline; the given keypoints are green rings, the fitted ones red dots."""
    height, width = pixels.shape[:2]
    factor = min(2.0, _LONGEST_SIDE / max(width, height))
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    seen = scaled_camera(camera, factor)
    photo = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
    canvas = np.asarray(photo, dtype=np.float32)
    line = max(1, round(max(size) / 640))
    front = render(body, seen, size)
    other = render(thing, seen, size) if thing is not None else None
    if other is not None:
        behind = other.covered & (other.depth > front.depth)
        canvas = _blend(canvas, behind, other.shade, OBJECT_COLOUR, _HIDDEN)
    canvas = _blend(canvas, front.covered, front.shade, BODY_COLOUR, _FILL)
    canvas = _outline(canvas, front.covered, BODY_COLOUR, line)
    if other is not None:
        canvas = _blend(canvas, other.covered & ~behind, other.shade, OBJECT_COLOUR, _FILL)
        canvas = _outline(canvas, other.covered, OBJECT_COLOUR, 2 * line)
    if mask.any():
        large = Image.fromarray(mask).resize(size, Image.Resampling.NEAREST)
        canvas = _outline(canvas, np.asarray(large), MASK_COLOUR, line)
    picture = Image.fromarray(canvas.clip(0, 255).astype(np.uint8))
    _draw_keypoints(picture, given, fitted, factor, line)
    return picture


def _blend(
    canvas: np.ndarray, where: np.ndarray, shade: np.ndarray, colour: tuple[int, int, int], strength: float
) -> np.ndarray:
    lit = (0.25 + 0.75 * shade[..., None]) * np.array(colour, dtype=np.float32)
    return np.where(where[..., None], canvas * (1 - strength) + lit * strength, canvas)


def _outline(canvas: np.ndarray, where: np.ndarray, colour: tuple[int, int, int], line: int) -> np.ndarray:
    """A line along the inside of a region, with a dark one around it, so that it shows on any photo."""
    rim = where & ~binary_erosion(where, iterations=line)
    dark = binary_dilation(where) & ~where
    canvas = np.where(dark[..., None], 0.4 * canvas, canvas)
    return np.where(rim[..., None], np.array(colour, dtype=np.float32), canvas)


def _draw_keypoints(
    picture: Image.Image, given: np.ndarray, fitted: np.ndarray, factor: float, line: int
) -> None:
    draw = ImageDraw.Draw(picture)
    ring, dot = 3 * line, 1.5 * line
    places = given[:, :2] * factor
    seen = given[:, 2] > 0
    for a, b in _BONES:
        if seen[a] and seen[b]:
            draw.line([*places[a], *places[b]], fill=GIVEN_COLOUR, width=max(1, line // 2))
    for index in np.flatnonzero(seen):
        x, y = places[index]
        u, v = fitted[index] * factor
        draw.ellipse((x - ring, y - ring, x + ring, y + ring), outline=GIVEN_COLOUR, width=line)
        draw.line([x, y, u, v], fill=FITTED_COLOUR, width=line)
        draw.ellipse((u - dot, v - dot, u + dot, v + dot), fill=FITTED_COLOUR)
