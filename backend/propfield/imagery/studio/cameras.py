"""Cameras around a scene: the kinds of views that CHORUS asks for in its prompts (Supp. A.1)."""

from dataclasses import dataclass

import numpy as np

from propfield.body.skeleton import JOINT_INDEX
from propfield.imagery.studio.scene import Scene
from propfield.observations.observation import Camera


@dataclass(frozen=True)
class ViewKind:
    """A kind of view.

    Attributes:
        share: how often, against the others.
        aim: "scene" (person and object), "object", or a joint.
        elevation: degrees of the camera above the aim, least and greatest.
        framing: distance as a multiple of the one at which the whole scene just fits.
        wander: how far the aim is off, as a share of the scene's radius.
    """

    share: float
    aim: str
    elevation: tuple[float, float]
    framing: tuple[float, float]
    wander: float = 0.1


VIEW_KINDS: dict[str, ViewKind] = {
    "around": ViewKind(0.34, "scene", (-10.0, 25.0), (0.75, 1.2)),
    "high": ViewKind(0.18, "scene", (25.0, 55.0), (0.75, 1.2)),
    "top": ViewKind(0.09, "scene", (55.0, 85.0), (0.8, 1.3)),
    "low": ViewKind(0.09, "scene", (-45.0, -10.0), (0.8, 1.3)),
    "far": ViewKind(0.10, "scene", (-5.0, 20.0), (1.3, 2.2), 0.25),
    "close": ViewKind(0.08, "spine2", (-10.0, 30.0), (0.4, 0.7)),
    "object": ViewKind(0.05, "object", (-15.0, 40.0), (0.4, 0.8)),
    "hand": ViewKind(0.04, "right_hand", (-20.0, 40.0), (0.16, 0.35)),
    "face": ViewKind(0.03, "head", (-20.0, 25.0), (0.16, 0.35)),
}
FIELD_OF_VIEW = (38.0, 56.0)
"""Degrees; CHORUS's 46.4° lies in the middle."""
ROLL = 6.0


def draw_camera(scene: Scene, kind: str, size: int, random: np.random.Generator) -> Camera:
    """A camera of a kind, all round the scene, for square pictures of `size` pixels.

    It is upright in the world, so that where the recipe turns the person's root, that turn is in the camera.
    """
    view = VIEW_KINDS[kind]
    points = np.concatenate([scene.vertices, *(prop.mesh.vertices for prop in scene.props[:1])])
    low, high = points.min(0), points.max(0)
    middle, radius = (low + high) / 2, np.linalg.norm(high - low) / 2
    aim = middle
    if view.aim == "object" and scene.props:
        aim = scene.props[0].mesh.bounds.mean(0)
    elif view.aim in JOINT_INDEX:
        aim = scene.joints[JOINT_INDEX[view.aim]].astype(float)
    aim = aim + view.wander * radius * random.uniform(-1, 1, 3)
    azimuth, elevation = random.uniform(-180, 180), random.uniform(*view.elevation)
    field = np.radians(random.uniform(*FIELD_OF_VIEW))
    distance = random.uniform(*view.framing) * radius / np.sin(field / 2)
    # Even the closest stays out of the body.
    distance = max(distance, 0.45)
    return look_at(scene, aim, azimuth, elevation, distance, field, size, random.uniform(-ROLL, ROLL))


def look_at(
    scene: Scene,
    aim: np.ndarray,
    azimuth: float,
    elevation: float,
    distance: float,
    field: float,
    size: int,
    roll: float = 0.0,
) -> Camera:
    """The camera `distance` metres from `aim`, in the direction of `azimuth` (0 before the person, 90 at the
    person's left) and `elevation`, degrees in the world; `field` of view in radians."""
    turn, rise, lean = np.radians([azimuth, elevation, roll])
    away = np.array([np.sin(turn) * np.cos(rise), np.sin(rise), np.cos(turn) * np.cos(rise)])
    forward = -away
    right = np.cross(forward, [0.0, 1, 0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    right, down = np.cos(lean) * right + np.sin(lean) * down, np.cos(lean) * down - np.sin(lean) * right
    # Rows in the world's axes; the person's axes are `world` away from them.
    R = np.stack([right, down, forward]) @ scene.world
    centre = aim + scene.world.T @ away * distance
    focal = size / 2 / np.tan(field / 2)
    K = np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]])
    return Camera(K.astype(np.float32), R.astype(np.float32), (-R @ centre).astype(np.float32))


def draw_kind(shares: dict[str, float], random: np.random.Generator) -> str:
    """A kind of view by its share: the recipe's own shares, or the usual ones where it has none."""
    usual = {name: kind.share for name, kind in VIEW_KINDS.items()}
    chosen = shares or usual
    weights = np.array(list(chosen.values()))
    return str(random.choice(list(chosen), p=weights / weights.sum()))
