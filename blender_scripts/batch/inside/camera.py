"""Cameras: named directions that keep everything in the picture, places, and those of a .blend file."""

import math
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector
from propfield_addon.scene.errors import SceneError

# Degrees round the character and up.
PRESETS = {
    "front": (0, 6), "three_quarter": (35, 10), "side": (90, 6), "back": (180, 6), "other_side": (270, 6),
    "high": (35, 45), "low": (35, -15), "top": (0, 89),
}  # fmt: skip
ELEVATION = 8
SENSOR = 36.0
MARGIN = 1.12
_ROUNDS = 4


def place_camera(
    settings: dict[str, Any], size: tuple[int, int], points: np.ndarray
) -> tuple[bpy.types.Object, float]:
    """The scene's camera as `settings` say, and the degrees round the character from which it looks.

    `size` is the picture's, `points` (P, 3) in the world are to be seen whole. SceneError for a camera that
    the file does not have.
    """
    scene = bpy.context.scene
    if "object" in settings:
        camera = scene.objects.get(settings["object"])
        if camera is None or camera.type != "CAMERA":
            raise SceneError(f"The character's file has no camera “{settings['object']}” in its scene.")
        scene.camera = camera
        where = camera.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world.translation
        return camera, _azimuth(where, points)
    camera = _own_camera(settings["lens"] * settings["zoom"])
    if "location" in settings:
        location, target = Vector(settings["location"]), Vector(settings["target"])
        if (location - target).length < 1e-6:
            raise SceneError("A camera cannot look at the place where it is: move its location or target.")
        camera.matrix_world = Matrix.LocRotScale(location, _towards(target - location), None)
        return camera, _azimuth(location, points)
    azimuth, elevation = PRESETS.get(settings.get("preset", ""), (settings.get("azimuth", 0), ELEVATION))
    elevation = settings.get("elevation", elevation)
    seen = _all_round(points) if settings.get("round") else points
    direction = _direction(0 if settings.get("round") else azimuth, elevation)
    centre, distance = fitted(seen, direction, settings["lens"], size)
    if settings.get("round"):
        direction = _direction(azimuth, elevation)
    location = Vector((centre + distance * direction).tolist())
    camera.matrix_world = Matrix.LocRotScale(location, _towards(Vector((-direction).tolist())), None)
    return camera, azimuth


def fitted(
    points: np.ndarray, direction: np.ndarray, lens: float, size: tuple[int, int]
) -> tuple[np.ndarray, float]:
    """What a camera looks at and from how far, so that it sees all points, (3,) and metres.

    `direction` (3,) goes from there to the camera; `lens` in mm for a sensor 36 mm wide.
    """
    turn = np.array(_towards(Vector((-direction).tolist())).to_matrix())
    inside = points @ turn
    half = np.array([SENSOR / 2 / lens, SENSOR / 2 / lens * size[1] / size[0]]) / MARGIN
    centre = (inside.min(0) + inside.max(0)) / 2
    distance = 0.0
    for _ in range(_ROUNDS):
        off = inside - centre
        distance = float((off[:, 2, None] + np.abs(off[:, :2]) / half).max())
        # What is nearer is seen larger: the middle of the picture is not that of the things.
        seen = off[:, :2] / (distance - off[:, 2, None])
        centre[:2] += (seen.min(0) + seen.max(0)) / 2 * distance
    off = inside - centre
    distance = float((off[:, 2, None] + np.abs(off[:, :2]) / half).max())
    return turn @ centre, distance


def _all_round(points: np.ndarray) -> np.ndarray:
    """Two rings that hold all points, however turned about the vertical through their middle."""
    low, high = points.min(0), points.max(0)
    middle = (low + high) / 2
    radius = np.linalg.norm(points[:, :2] - middle[:2], axis=1).max()
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    ring = middle[:2] + radius * np.stack([np.cos(angles), np.sin(angles)], 1)
    return np.concatenate([np.column_stack([ring, np.full(64, height)]) for height in (low[2], high[2])])


def _direction(azimuth: float, elevation: float) -> np.ndarray:
    a, e = math.radians(azimuth), math.radians(elevation)
    return np.array([math.sin(a) * math.cos(e), -math.cos(a) * math.cos(e), math.sin(e)])


def _azimuth(location: Vector, points: np.ndarray) -> float:
    middle = (points.min(0) + points.max(0)) / 2
    return math.degrees(math.atan2(location.x - middle[0], middle[1] - location.y))


def _towards(way: Vector) -> Any:
    return way.to_track_quat("-Z", "Y")


def _own_camera(lens: float) -> bpy.types.Object:
    camera = bpy.data.objects.get("propfield camera")
    if camera is None:
        data = bpy.data.cameras.new("propfield camera")
        camera = bpy.data.objects.new("propfield camera", data)
        bpy.context.scene.collection.objects.link(camera)
    camera.data.lens, camera.data.sensor_width, camera.data.sensor_fit = lens, SENSOR, "HORIZONTAL"
    camera.data.clip_start, camera.data.clip_end = 0.01, 1000
    bpy.context.scene.camera = camera
    return camera
