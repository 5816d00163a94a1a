"""How well a field lies about a character: its distances to the body, held against those to the field's own.

Points all around the field's own body, and its surface itself, are carried over to the character as the field
is; each should be as far from the character's skin as it is from the field's body, on the character's scale.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import bpy
import numpy as np

from .axes import points_to_blender
from .binding import units_per_metre
from .bone_motion import canonical_to_world
from .errors import SceneError
from .evaluated import MeshReading, read_mesh
from .field_file import FieldData
from .kinematics import bone_transforms, skin_forward
from .person_model import vertex_normals
from .posing import apply_pose, read_pose
from .rest_match import rest_match
from .skeleton import JOINT_NAMES
from .surface import Surface
from .weights import interpolate_weights

LAYER = 0.05
"""Metres off the field's body at which a limb is looked at."""
LIMIT = 0.02
"""Metres of mean difference beyond which a limb is worth a look."""
SURFACE = "field's surface"
POINTS = 6_000
_PARTS = {
    "head": ("neck", "head"),
    "trunk": ("pelvis", "spine1", "spine2", "spine3", "left_collar", "right_collar"),
    **{
        f"{side} {part}": tuple(f"{side}_{joint}" for joint in joints)
        for part, joints in (
            ("arm", ("shoulder", "elbow")),
            ("hand", ("wrist", "hand")),
            ("leg", ("hip", "knee")),
            ("foot", ("ankle", "foot")),
        )
        for side in ("left", "right")
    },
}


@dataclass(frozen=True)
class PartFit:
    """One part of the body: its name, by how many metres its distances differ on average, and the largest
    difference of nine in ten."""

    part: str
    mean: float
    most: float


@dataclass(frozen=True)
class Stance:
    """A character as it stands to be measured, and its field.

    Attributes:
        pose: (24, 3) the pose, axis-angle in radians.
        scale: units of the scene per metre of the field.
        bones: (24, 4, 4) canonical → posed, metres of the field to the world in the backend's axes.
        bodies: the character's meshes.
    """

    field: FieldData
    pose: np.ndarray
    scale: float
    bones: np.ndarray
    bodies: tuple[MeshReading, ...]


def read_stance(field: FieldData, character: bpy.types.Object, *, as_posed: bool = False) -> Stance:
    """Reads what is to be measured.

    The character takes the canonical pose for it, and has its own again afterwards; `as_posed` leaves it
    as it is. SceneError for bones that are not known, or an armature without a mesh.
    """
    pose = read_pose(character) if as_posed else field.rest_pose
    scale = units_per_metre(field, character) * _object_scale(character)
    bodies = body_meshes(character)
    if not bodies:
        raise SceneError(f"No mesh follows “{character.name}”: there is no body to measure.")
    with _standing(field, character, as_posed):
        bones = canonical_to_world(field, character)
        read = [read_mesh(body) for body in bodies]
    return Stance(field, pose, scale, bones, tuple(mesh for mesh in read if len(mesh.starts)))


def check_fit(stance: Stance) -> list[PartFit]:
    """For each part of the body, and for the field's surface, how its distances to the skin differ from those
    to the field's own body, in metres of the scene. Touches nothing of Blender's data, so any thread may."""
    points, weights, parts = _points(stance.field)
    own = _distances_to_own(stance.field, points, weights, stance.pose)
    carried = points_to_blender(skin_forward(points, weights, stance.bones))
    found = np.full(len(points), np.inf)
    for body in stance.bodies:
        found = np.minimum(found, Surface(body.in_world(), body.triangles()).nearest(carried)[0])
    off = np.abs(found - stance.scale * own)
    return [
        PartFit(part, float(off[parts == part].mean()), float(np.quantile(off[parts == part], 0.9)))
        for part in (*_PARTS, SURFACE)
        if (parts == part).any()
    ]


def body_meshes(character: bpy.types.Object) -> list[bpy.types.Object]:
    """The meshes that the armature deforms or carries, but for fields."""
    # What was linked just now is in the layer only once it is up to date.
    bpy.context.view_layer.update()
    return [
        candidate
        for candidate in bpy.context.view_layer.objects
        if candidate.type == "MESH"
        and candidate.get("propfield") is None
        and (candidate.find_armature() == character or candidate.parent == character)
        and len(candidate.data.polygons)
    ]


def _points(field: FieldData) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(P, 3) canonical points, (P, 24) weights, (P,) the part of each."""
    bones = bone_transforms(field.rest_pose, field.body_joints)
    skin = field.body_weights.dense()
    around = skin_forward(field.body_vertices, skin, bones)
    around = around + LAYER * vertex_normals(around, field.body_faces)
    every = max(1, len(around) // POINTS)
    part_of = {joint: part for part, joints in _PARTS.items() for joint in joints}
    parts = [part_of[JOINT_NAMES[joint]] for joint in skin[::every].argmax(1)]
    surface = _surface(field)
    points = np.concatenate([around[::every], surface])
    in_grid = (points - field.first_centre) / field.voxel
    weights = interpolate_weights(field.voxel_weights, (field.resolution,) * 3, in_grid)
    return points, weights, np.array(parts + [SURFACE] * len(surface))


def _surface(field: FieldData) -> np.ndarray:
    """(S, 3) centres of the voxels at the edge of what is likelier than 0.4 of the peak."""
    occupancy = field.occupancy[0]
    inside = np.pad(occupancy > 0.4 * occupancy.max(), 1)
    core = inside.copy()
    for axis in range(3):
        for step in (-1, 1):
            core &= np.roll(inside, step, axis)
    cells = np.argwhere(inside & ~core) - 1
    cells = cells[:: max(1, len(cells) // POINTS)]
    return field.first_centre + cells * field.voxel


def _distances_to_own(
    field: FieldData, points: np.ndarray, weights: np.ndarray, pose: np.ndarray
) -> np.ndarray:
    bones = bone_transforms(pose, field.body_joints)
    body = skin_forward(field.body_vertices, field.body_weights.dense(), bones)
    points = skin_forward(points, weights, bone_transforms(pose, field.body_joints, field.rest_pose))
    return Surface(body, field.body_faces).nearest(points)[0]


def _object_scale(character: bpy.types.Object) -> float:
    return float(np.cbrt(abs(np.linalg.det(np.array(character.matrix_world)[:3, :3]))))


@contextmanager
def _standing(field: FieldData, character: bpy.types.Object, as_posed: bool) -> Iterator[None]:
    """The character in the field's canonical pose, and afterwards as it was."""
    if as_posed:
        yield
        return
    rig = rest_match(character).rig
    touched = {*rig.bones, *(name for names in rig.controls.values() for name in names), *rig.settings}
    kept = [
        (
            posed := character.pose.bones[name],
            posed.rotation_mode,
            posed.rotation_quaternion.copy(),
            posed.rotation_euler.copy(),
            tuple(posed.rotation_axis_angle),
            {key: posed[key] for key in rig.settings.get(name, ()) if posed.get(key) is not None},
        )
        for name in touched
    ]
    try:
        apply_pose(character, field.rest_pose)
        yield
    finally:
        for posed, mode, quaternion, euler, axis_angle, settings in kept:
            posed.rotation_mode = mode
            posed.rotation_quaternion, posed.rotation_euler = quaternion, euler
            posed.rotation_axis_angle = axis_angle
            for key, value in settings.items():
                posed[key] = value
        character.update_tag()
        bpy.context.view_layer.update()
