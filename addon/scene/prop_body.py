"""The character's own posed mesh, which a prop must not go through."""

from dataclasses import dataclass

import bpy
import numpy as np

from .axes import points_from_blender
from .errors import SceneError
from .evaluated import mesh_arrays, moved, world_matrix
from .field_file import FieldData
from .kinematics import joint_transforms, skin_forward
from .object_ids import object_of

MOST_POINTS = 60_000
"""More say nothing more about where skin is."""


@dataclass(frozen=True)
class BodyMesh:
    """Which vertices of which objects are taken, the same in every frame.

    Attributes:
        objects: the character's meshes, by their `session_uid`; empty where the field's own body stands in.
        total: how many vertices they have.
        kept: (B,) which of these are taken.
        faces: (F, 3) int32 over the kept ones.
    """

    objects: tuple[int, ...]
    total: int
    kept: np.ndarray
    faces: np.ndarray


def character_meshes(character: bpy.types.Object, prop: bpy.types.Object) -> list[bpy.types.Object]:
    """The visible meshes that the armature deforms, but for the prop and what hangs on it."""
    hanging = {prop, *prop.children_recursive}
    return [
        item
        for item in bpy.context.view_layer.objects
        if item.type == "MESH" and item not in hanging and item.visible_get() and _follows(item, character)
    ]


def body_mesh(
    field: FieldData, character: bpy.types.Object, prop: bpy.types.Object, limit: int = MOST_POINTS
) -> BodyMesh:
    """The character's meshes as one, with at most `limit` vertices: neighbours are taken together."""
    objects = character_meshes(character, prop)
    parts = [(item, *_in_world(item)) for item in objects]
    parts = [(item, points, faces) for item, points, faces in parts if len(faces)]
    if not parts:
        return BodyMesh(
            (),
            len(field.body_vertices),
            *_thinned(field.body_vertices.astype(float), field.body_faces, limit),
        )
    starts = np.cumsum([0] + [len(points) for _, points, _ in parts[:-1]])
    faces = np.concatenate([faces + start for (_, _, faces), start in zip(parts, starts, strict=True)])
    points = np.concatenate([points for _, points, _ in parts])
    return BodyMesh(
        tuple(item.session_uid for item, _, _ in parts), len(points), *_thinned(points, faces, limit)
    )


def posed_body(field: FieldData, body: BodyMesh, bones: np.ndarray, unit: float) -> np.ndarray:
    """(B, 3) float32 the vertices now, in metres and the backend's axes. SceneError where a mesh has changed.

    `bones` are (24, 4, 4) canonical → posed, in metres; `unit` is how many of the world's units are a metre.
    """
    if not body.objects:
        # From the T-pose, in which the body lies, to the canonical pose and on, joint by joint.
        rest = joint_transforms(field.rest_pose, field.body_joints)
        rest[:, :3, 3] -= np.einsum("jab,jb->ja", rest[:, :3, :3], field.body_joints)
        points = field.body_vertices[body.kept].astype(np.float64)
        return skin_forward(points, field.body_weights.dense(body.kept), bones @ rest).astype(np.float32)
    objects = [item for uid in body.objects if (item := object_of(uid)) is not None]
    points = np.concatenate([np.zeros((0, 3)), *(_in_world(item)[0] for item in objects)])
    if len(points) != body.total:
        raise SceneError("The character's meshes change their vertices between frames: place frame by frame.")
    return (points_from_blender(points[body.kept]) / unit).astype(np.float32)


def _follows(item: bpy.types.Object, character: bpy.types.Object) -> bool:
    deformed = any(
        modifier.type == "ARMATURE" and modifier.object == character and modifier.show_viewport
        for modifier in item.modifiers
    )
    return deformed or (item.parent == character and item.parent_type == "ARMATURE")


def _in_world(item: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    points, faces = mesh_arrays(item)
    return moved(world_matrix(item), points), faces


def _thinned(points: np.ndarray, faces: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Which (B,) vertices stand for all, and (F, 3) faces over them: one of each cell of a grid."""
    used = np.unique(faces)
    if len(used) <= limit:
        stands_for = used
        index = np.searchsorted(used, faces)
    else:
        low = points[used].min(0)
        cell = 0.5 * np.sqrt((np.ptp(points[used], 0) ** 2).sum() / limit)
        while True:
            keys = np.floor((points[used] - low) / cell).astype(np.int64) @ (1, 2**20, 2**40)
            _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
            if len(first) <= limit:
                break
            cell *= 1.2
        stands_for = used[first]
        index = inverse.ravel()[np.searchsorted(used, faces)]
    whole = (np.diff(np.sort(index, 1), axis=1) > 0).all(1)
    return stands_for, index[whole].astype(np.int32)
