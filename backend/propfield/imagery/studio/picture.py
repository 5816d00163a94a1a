"""Colour pictures of a scene, for people to look at; learning itself never pays for them."""

from collections.abc import Sequence

import numpy as np
import trimesh
from jaxtyping import Float, UInt8

from propfield.body.loaders import open_body
from propfield.body.skeleton import JOINT_INDEX
from propfield.imagery.studio.palette import GROUNDS, HAIRS, SKIES, SKINS, cloth, materials
from propfield.imagery.studio.prop import Prop
from propfield.imagery.studio.rays import Caster, pixel_rays
from propfield.imagery.studio.recipe import Part
from propfield.imagery.studio.scene import Scene
from propfield.observations.observation import Camera

SAMPLES = 2
"""Rays a pixel, along each side."""
GROUND_REACH = 12.0
"""Metres over which the ground fades into the sky."""

TOP = ("spine1", "spine2", "spine3", "left_collar", "right_collar", "left_shoulder", "right_shoulder")
TROUSERS = ("pelvis", "left_hip", "right_hip", "left_knee", "right_knee")


def shade(
    scene: Scene,
    caster: Caster,
    camera: Camera,
    size: int,
    random: np.random.Generator,
) -> UInt8[np.ndarray, "size size 3"]:
    """The picture: one sun with shadows, light from the sky, a floor; colours and light drawn anew."""
    ground, sky = random.choice(GROUNDS), random.choice(SKIES)
    turn, rise = random.uniform(0, 2 * np.pi), np.radians(random.uniform(35, 65))
    sun = np.array([np.cos(turn) * np.cos(rise), np.sin(rise), np.sin(turn) * np.cos(rise)])
    strength, ambient = random.uniform(0.65, 0.95), random.uniform(0.35, 0.5)
    colours = np.concatenate(
        [_person_colours(scene, random) for _ in scene.people]
        + [_prop_colours(scene.recipe.prop.parts, prop, random) for prop in scene.props]
        + [_prop_colours(scene.recipe.prop.scenery, prop, random) for prop in scene.scenery]
    )
    normals = _normals(scene)

    fine = size * SAMPLES
    v, u = np.divmod(np.arange(fine * fine), fine)
    origins, directions = pixel_rays(camera, (np.stack([u, v], 1) + 0.5) / SAMPLES)
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    faces = caster.first_faces(origins, directions)
    depth = caster.depths(origins, directions, faces)
    # The world's axes, whose y is up, about the pelvis.
    up = scene.world.T @ np.array([0.0, 1, 0])
    light = scene.world.T @ sun

    image = _background(directions @ up, sky)
    floor = min(float((mesh.vertices @ up).min()) for mesh in scene.meshes)
    falls = directions @ up
    to_floor = np.where(falls < -1e-4, (floor - origins @ up) / np.where(falls < -1e-4, falls, -1), np.inf)
    on_floor = (to_floor > 0) & (to_floor < depth) & np.isfinite(to_floor)
    points = origins[on_floor] + directions[on_floor] * to_floor[on_floor, None]
    lit = _lit(caster, points + up * 1e-3, light)
    fade = np.exp(-to_floor[on_floor] / GROUND_REACH)[:, None]
    image[on_floor] = (
        fade * ground * (ambient + strength * sun[1] * lit)[:, None] + (1 - fade) * image[on_floor]
    )

    hit = np.flatnonzero((faces >= 0) & ~on_floor)
    points = origins[hit] + directions[hit] * depth[hit, None]
    corners = caster.mesh.vertices[caster.mesh.faces[faces[hit]]]
    shares = trimesh.triangles.points_to_barycentric(corners, points)
    normal = (normals[faces[hit]] * shares[..., None]).sum(1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    normal[(normal * directions[hit]).sum(1) > 0] *= -1
    lit = _lit(caster, points + normal * 2e-3, light)
    direct = np.clip(normal @ light, 0, None) * lit * strength
    from_sky = ambient * (0.75 + 0.25 * (normal @ up))
    gloss = np.clip((normal * _unit(light - directions[hit])).sum(1), 0, 1) ** 24 * lit * 0.12
    image[hit] = colours[faces[hit]] * (direct + from_sky)[:, None] + gloss[:, None]

    image = image.reshape(size, SAMPLES, size, SAMPLES, 3).mean((1, 3))
    return (np.clip(image, 0, 1) ** (1 / 1.6) * 255).astype(np.uint8)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _lit(caster: Caster, points: np.ndarray, light: np.ndarray) -> np.ndarray:
    """1 where the sun reaches a point, 0 in shadow."""
    if not len(points):
        return np.zeros(0)
    return (caster.first_faces(points, np.broadcast_to(light, points.shape)) < 0).astype(float)


def _background(rise: np.ndarray, sky: np.ndarray) -> Float[np.ndarray, "N 3"]:
    return sky * (1 - 0.25 * np.clip(rise, -1, 1))[:, None]


def _normals(scene: Scene) -> Float[np.ndarray, "F 3 3"]:
    """Normals at each face's corners: smooth on people, and on props where the surface bends little."""
    corners = []
    for index, mesh in enumerate(scene.meshes):
        smooth = np.asarray(mesh.vertex_normals)[mesh.faces]
        flat = np.repeat(np.asarray(mesh.face_normals)[:, None], 3, 1)
        bends = (smooth * flat).sum(-1, keepdims=True) < 0.8
        corners.append(smooth if index < len(scene.people) else np.where(bends, flat, smooth))
    return np.concatenate(corners)


def _person_colours(scene: Scene, random: np.random.Generator) -> Float[np.ndarray, "F 3"]:
    """Colour of each face of a person: skin, hair, top and trousers by where it is on the body."""
    body = open_body()
    joint = body.skin_weights.argmax(1)
    colours = np.tile(random.choice(SKINS), (len(body.vertices), 1))
    for names, colour in (
        (TOP, cloth(random)),
        (TROUSERS, cloth(random) * 0.7),
    ):
        colours[np.isin(joint, [JOINT_INDEX[name] for name in names])] = colour
    _, y, z = body.vertices.T
    middle = body.joints[JOINT_INDEX["head"]]
    # Hair: the back of the skull and above the forehead's line.
    scalp = (
        (joint == JOINT_INDEX["head"])
        & (z - middle[2] < 0.95 * (y - middle[1]) - 0.055)
        & (y > middle[1] - 0.05)
    )
    colours[scalp] = random.choice(HAIRS)
    return colours[body.faces].mean(1)


def _prop_colours(parts: Sequence[Part], prop: Prop, random: np.random.Generator) -> Float[np.ndarray, "F 3"]:
    drawn = materials(random)
    return np.array([drawn[part.colour] for part in parts])[prop.face_part]
