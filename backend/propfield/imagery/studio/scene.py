"""One scene of the studio: a person in a drawn pose with a drawn prop, in the person's own space."""

import zlib
from dataclasses import dataclass, replace

import numpy as np
import torch
import trimesh
from jaxtyping import Float, Float32

from propfield.body.loaders import open_body
from propfield.body.skeleton import JOINT_INDEX
from propfield.body.skinning import joint_transforms, pose_vertices
from propfield.body.template import BodyTemplate
from propfield.imagery.studio.limits import euler_rotation
from propfield.imagery.studio.posing import Skeleton, jittered, reach
from propfield.imagery.studio.prop import Prop, build_prop, rigid
from propfield.imagery.studio.recipe import PropRecipe, Reach, Recipe

MISHAPS: dict[str, float] = {
    "second person": 0.015,
    "nobody": 0.01,
    "second object": 0.01,
    "no object": 0.01,
    "object apart": 0.02,
}
"""Share of scenes that go wrong as generated pictures do, so that the filters have something to find."""


@dataclass(frozen=True)
class Scene:
    """Who and what a camera sees, in the person's space: metres, y up for a person who stands, facing +z.

    Attributes:
        pose: axis-angle, radians; the pelvis' row is zero.
        joints: posed joints.
        people: vertices of each person there is; the first is the one observed. May be empty.
        props: the objects there are; the first is the one interacted with. May be empty.
        scenery: what else stands there.
        world: rotation from the person's space to the world whose y is up, about the pelvis.
        mishap: a name in MISHAPS, or empty.
    """

    recipe: Recipe
    pose: Float32[np.ndarray, "24 3"]
    joints: Float32[np.ndarray, "24 3"]
    vertices: Float32[np.ndarray, "V 3"]
    people: tuple[Float32[np.ndarray, "V 3"], ...]
    props: tuple[Prop, ...]
    scenery: tuple[Prop, ...]
    world: Float[np.ndarray, "3 3"]
    mishap: str = ""

    @property
    def meshes(self) -> list[trimesh.Trimesh]:
        """People's meshes first, then the props', then the scenery's."""
        faces = open_body().faces
        people = [trimesh.Trimesh(vertices, faces, process=False) for vertices in self.people]
        return people + [prop.mesh for prop in (*self.props, *self.scenery)]


def scene_random(recipe: Recipe, seed: int, index: int, purpose: int = 0) -> np.random.Generator:
    """The random numbers of one scene or view of an interaction: the same for the same arguments, whatever
    else was drawn before."""
    name = zlib.crc32(f"{recipe.category}/{recipe.type.name}".encode())
    return np.random.default_rng([seed, name, index, purpose])


def build_scene(recipe: Recipe, random: np.random.Generator, mishaps: bool = True) -> Scene:
    """Draws a scene. With `mishaps`, some of them go wrong (see MISHAPS)."""
    body = open_body()
    skeleton = jittered(recipe, body.joints, random)
    place = prop_place(recipe.prop, skeleton, body, random)
    for wish in recipe.reaches:
        _fulfil(wish, skeleton, place, body, random)
    person_from_world = about(skeleton.positions[0], skeleton.local[0].T)
    prop = build_prop(recipe.prop.parts, person_from_world @ place)
    scenery = recipe.prop.scenery
    around = (build_prop(scenery, person_from_world @ place),) if scenery else ()
    pose = skeleton.axis_angle().astype(np.float32)
    pose[0] = 0
    vertices, joints = posed(pose, body)
    scene = Scene(recipe, pose, joints, vertices, (vertices,), (prop,), around, skeleton.local[0])
    return _go_wrong(scene, random) if mishaps else scene


def posed(
    pose: Float32[np.ndarray, "24 3"], body: BodyTemplate
) -> tuple[Float32[np.ndarray, "V 3"], Float32[np.ndarray, "24 3"]]:
    """Vertices and joints of a body in a pose."""
    angles, joints = torch.from_numpy(pose), torch.from_numpy(body.joints)
    vertices = pose_vertices(
        angles, torch.from_numpy(body.vertices), torch.from_numpy(body.skin_weights), joints
    )
    return vertices.numpy(), joint_transforms(angles, joints)[:, :3, 3].numpy()


def about(centre: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """The transform that turns about a point."""
    return rigid(rotation, centre - rotation @ centre)


def _floor(skeleton: Skeleton, body: BodyTemplate) -> np.ndarray:
    """The point of the floor between the feet, in the world."""
    vertices, _ = posed(skeleton.axis_angle().astype(np.float32), body)
    feet = [JOINT_INDEX[f"{side}_{name}"] for side in ("left", "right") for name in ("ankle", "foot")]
    x, _, z = skeleton.positions[feet].mean(0)
    return np.array([x, vertices[:, 1].min(), z])


def _anchor(recipe: PropRecipe, skeleton: Skeleton, body: BodyTemplate) -> np.ndarray:
    if recipe.anchor == "ground":
        return rigid(np.eye(3), _floor(skeleton, body))
    if isinstance(recipe.anchor, str):
        joint = JOINT_INDEX[recipe.anchor]
        axes = np.eye(3) if recipe.upright else skeleton.rotations[joint]
        return rigid(axes, skeleton.positions[joint])
    first, second = (skeleton.positions[JOINT_INDEX[name]] for name in recipe.anchor)
    axes = np.eye(3)
    if not recipe.upright:
        across = (first - second) / np.linalg.norm(first - second)
        up = np.array([0.0, 1, 0]) - across[1] * across
        up /= max(np.linalg.norm(up), 1e-9)
        axes = np.stack([across, up, np.cross(across, up)], 1)
    return rigid(axes, (first + second) / 2)


def prop_place(
    recipe: PropRecipe, skeleton: Skeleton, body: BodyTemplate, random: np.random.Generator
) -> np.ndarray:
    """The prop's own space in the world, drawn for a person before limbs reach for it; it varies in size."""
    offset, turn = recipe.offset.draw(random), recipe.turn.draw(random)
    size = 1 + recipe.scale * random.uniform(-1, 1) + np.asarray(recipe.stretch) * random.uniform(-1, 1, 3)
    return _anchor(recipe, skeleton, body) @ rigid(euler_rotation(turn), offset) @ np.diag([*size, 1])


def _fulfil(
    wish: Reach, skeleton: Skeleton, place: np.ndarray, body: BodyTemplate, random: np.random.Generator
) -> None:
    frame = place
    if wish.frame == "ground":
        frame = rigid(np.eye(3), _floor(skeleton, body))
    elif wish.frame == "body":
        frame = rigid(np.eye(3), skeleton.positions[0])
    target = frame[:3, :3] @ np.asarray(wish.to) + frame[:3, 3]
    axes = frame[:3, :3] / np.linalg.norm(frame[:3, :3], axis=0)
    reach(skeleton, wish, axes, target + wish.jitter * random.uniform(-1, 1, 3))


def _go_wrong(scene: Scene, random: np.random.Generator) -> Scene:
    names = list(MISHAPS)
    mishap = random.choice([*names, ""], p=[*MISHAPS.values(), 1 - sum(MISHAPS.values())])
    angle, distance = random.uniform(0, 2 * np.pi), random.uniform(0.8, 1.4)
    aside = about(scene.joints[0].astype(float), euler_rotation(np.array([0, random.uniform(-180, 180), 0])))
    aside[:3, 3] += distance * np.array([np.cos(angle), 0, np.sin(angle)])
    if mishap == "second person":
        other = scene.vertices @ aside[:3, :3].T + aside[:3, 3]
        return replace(scene, mishap=mishap, people=(scene.vertices, other.astype(np.float32)))
    if mishap == "nobody":
        return replace(scene, mishap=mishap, people=())
    if mishap == "no object":
        return replace(scene, mishap=mishap, props=())
    if mishap == "second object":
        return replace(scene, mishap=mishap, props=(scene.props[0], scene.props[0].moved(aside)))
    if mishap == "object apart":
        aside[:3, 3] *= 1.5
        return replace(scene, mishap=mishap, props=(scene.props[0].moved(aside),))
    return scene
