"""People of the studio to be seen: their true pose, camera and landmarks, and the picture they are in."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import trimesh
from jaxtyping import Bool, Float32, UInt8

from propfield.body.loaders import open_body
from propfield.body.skeleton import JOINT_INDEX
from propfield.imagery.studio.cameras import VIEW_KINDS, draw_camera, draw_kind
from propfield.imagery.studio.interaction_file import recipes
from propfield.imagery.studio.keypoints import ON_SKIN, UNDER_SKIN, keypoint_positions
from propfield.imagery.studio.picture import shade
from propfield.imagery.studio.rays import Caster, visible_points
from propfield.imagery.studio.scene import Scene, build_scene, posed, scene_random
from propfield.observations.observation import Camera
from propfield.perception.landmarks import LANDMARK_INDEX, LANDMARK_NAMES

SHARES = {kind: VIEW_KINDS[kind].share for kind in ("around", "high", "far", "low", "close")}
"""Kinds of views that show a torso; the others are of hands, faces and objects."""
SHAPE_SPREAD = 0.7
VIEWS = ("front", "side", "back", "above or below")
_STEEP = 45.0
"""Degrees of the line of sight over the person's own horizon from which a view is above or below."""
_PURPOSE = 3
"""Of the random numbers, so that nobody here is in a view that fields are learned from."""
_TORSO = [LANDMARK_INDEX[f"{side}_{name}"] for side in ("left", "right") for name in ("shoulder", "hip")]
# How far a landmark of the feet and hands lies under the skin, metres.
_AT_THE_ENDS = {"toe": 0.05, "heel": 0.06, "knuckle": 0.05}


@dataclass(frozen=True)
class StudioPerson:
    """Somebody with an object before a camera.

    Attributes:
        pose_name: category and type, such as "surfboard, ride".
        caster: for rays into the scene.
        camera: the true one, to a square picture of `size` pixels a side.
        shape: the body's shape numbers.
        points: LANDMARK_NAMES in the person's space, metres.
        framed, clear: which landmarks lie in the picture, and which have nothing before them.
    """

    pose_name: str
    scene: Scene
    caster: Caster
    camera: Camera
    size: int
    shape: Float32[np.ndarray, "10"]
    points: Float32[np.ndarray, "23 3"]
    framed: Bool[np.ndarray, "23"]
    clear: Bool[np.ndarray, "23"]
    seed: int

    @property
    def view(self) -> str:
        """One of VIEWS: where the camera stands, in the person's own axes."""
        x, y, z = self.camera.centre - self.scene.joints[0]
        if np.degrees(np.arctan2(abs(y), np.hypot(x, z))) > _STEEP:
            return VIEWS[3]
        azimuth = abs(np.degrees(np.arctan2(x, z)))
        return VIEWS[0] if azimuth < 45 else VIEWS[1] if azimuth < 135 else VIEWS[2]

    @property
    def landmarks(self) -> Float32[np.ndarray, "23 2"]:
        """True pixels of LANDMARK_NAMES."""
        return self.camera.project(self.points)

    @property
    def joints(self) -> Float32[np.ndarray, "24 3"]:
        """In the camera's axes, metres."""
        return (self.scene.joints @ self.camera.R.T + self.camera.t).astype(np.float32)

    @property
    def mesh(self) -> trimesh.Trimesh:
        """The person alone."""
        return trimesh.Trimesh(self.scene.vertices, open_body().faces, process=False)

    @property
    def visible_mask(self) -> Bool[np.ndarray, "H W"]:
        """The person without what is hidden."""
        return self.caster.things(self.camera, self.size) == 0

    def picture(self) -> UInt8[np.ndarray, "H W 3"]:
        """The colour picture: light, clothes and surroundings are drawn for each, and a camera's noise."""
        random = np.random.default_rng([self.seed, 1])
        shaded = shade(self.scene, self.caster, self.camera, self.size, random).astype(float)
        noisy = shaded + random.normal(0, random.uniform(2, 7), shaded.shape)
        return np.clip(noisy, 0, 255).astype(np.uint8)


def studio_people(count: int, seed: int, size: int) -> Iterator[StudioPerson]:
    """`count` people, in all of the studio's interactions by turns, of varied shape, from all sides; the same
    for the same seed. At least three corners of the torso lie in the picture."""
    known = [recipe for each in recipes().values() for recipe in each]
    for index in range(count):
        recipe = known[index % len(known)]
        random = scene_random(recipe, seed, index, purpose=_PURPOSE)
        scene = build_scene(recipe, random, mishaps=False)
        shape = np.clip(random.normal(0, SHAPE_SPREAD, 10), -2, 2).astype(np.float32)
        scene = _shaped(scene, shape)
        caster, points = Caster(scene), np.concatenate([keypoint_positions(scene), _ends(scene)])
        while True:
            camera = draw_camera(scene, draw_kind(SHARES, random), size, random)
            framed, clear = _seen(caster, points, camera, size)
            if framed[_TORSO].sum() >= 3:
                break
        name, number = f"{recipe.category}, {recipe.type.name}", int(random.integers(2**31))
        yield StudioPerson(name, scene, caster, camera, size, shape, points, framed, clear, number)


def _shaped(scene: Scene, shape: Float32[np.ndarray, "10"]) -> Scene:
    """The same scene with a person of another shape, the pelvis where it was."""
    body = open_body()
    body = body.shaped(shape[: body.shape_directions.shape[2]])
    vertices, joints = posed(scene.pose, body)
    off = scene.joints[0] - joints[0]
    vertices, joints = vertices + off, joints + off
    return replace(scene, vertices=vertices, joints=joints, people=(vertices,))


def _seen(
    caster: Caster, points: Float32[np.ndarray, "23 3"], camera: Camera, size: int
) -> tuple[Bool[np.ndarray, "23"], Bool[np.ndarray, "23"]]:
    """Which points lie in the picture, and which of them have nothing before them."""
    names = [name.split("_")[-1] for name in LANDMARK_NAMES]
    margin = np.array([{**UNDER_SKIN, **_AT_THE_ENDS}.get(name, ON_SKIN) for name in names])
    clear, _ = visible_points(caster, camera, points.astype(float), margin)
    pixels = camera.project(points)
    depth = points @ camera.R[2] + camera.t[2]
    framed = ((pixels >= 0) & (pixels < size)).all(1) & (depth > 0)
    return framed, clear & framed


def _ends(scene: Scene) -> Float32[np.ndarray, "6 3"]:
    """Toes, heels and knuckles: the foremost and rearmost of the foot's vertices, and the hand's joint."""
    body = open_body()
    points = []
    for pick in (np.argmax, np.argmin):
        for side in ("left", "right"):
            of_foot = body.part_vertices(f"{side} foot")
            points.append(scene.vertices[of_foot[pick(body.vertices[of_foot, 2])]])
    points += [scene.joints[JOINT_INDEX[f"{side}_hand"]] for side in ("left", "right")]
    return np.array(points, dtype=np.float32)
