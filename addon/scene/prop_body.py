"""The character's own posed mesh, which a prop must not go through."""

from dataclasses import dataclass

import bpy
import numpy as np

from .axes import points_from_blender
from .errors import SceneError
from .evaluated import MeshReading, moved, read_mesh
from .field_file import FieldData
from .kinematics import joint_transforms, skin_forward
from .object_ids import object_of

MOST_POINTS = 60_000
"""More say nothing more about where skin is."""


@dataclass(frozen=True)
class BodyMesh:
    """Which vertices of which objects are taken, the same in every frame.

    Attributes:
        own: whether they are of the character's own meshes; else the field's body stands in.
        kept: (B,) which of their vertices are taken.
        faces: (F, 3) int32 over the kept ones.
    """

    own: bool
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


@dataclass(frozen=True)
class BodyReading:
    """The character's meshes as Blender has them in a frame, and their objects' `session_uid`."""

    objects: tuple[int, ...]
    meshes: tuple[MeshReading, ...]


Placed = list[tuple[np.ndarray, np.ndarray]]
"""Of each mesh the (V, 3) float32 points in a frame, in the object's own space, and (4, 4) to the world."""


def read_body(character: bpy.types.Object, prop: bpy.types.Object) -> BodyReading:
    """The character's meshes that have faces, as they are now."""
    read = [(item.session_uid, read_mesh(item)) for item in character_meshes(character, prop)]
    read = [(uid, mesh) for uid, mesh in read if len(mesh.starts)]
    return BodyReading(tuple(uid for uid, _ in read), tuple(mesh for _, mesh in read))


def read_placed(body: BodyReading) -> Placed:
    """Where the meshes' points are now. SceneError where a mesh has other vertices than it had."""
    objects = [item for uid in body.objects if (item := object_of(uid)) is not None]
    read = [read_mesh(item) for item in objects]
    if [len(mesh.points) for mesh in read] != [len(mesh.points) for mesh in body.meshes]:
        raise SceneError("The character's meshes change their vertices between frames: place frame by frame.")
    return [(mesh.points, mesh.matrix) for mesh in read]


def body_mesh(field: FieldData, body: BodyReading, limit: int = MOST_POINTS) -> BodyMesh:
    """The character's meshes as one, with at most `limit` vertices: neighbours are taken together. Touches
    nothing of Blender's data."""
    if not body.meshes:
        return BodyMesh(False, *_thinned(field.body_vertices.astype(float), field.body_faces, limit))
    starts = np.cumsum([0] + [len(mesh.points) for mesh in body.meshes[:-1]])
    faces = [mesh.triangles() + start for mesh, start in zip(body.meshes, starts, strict=True)]
    points = np.concatenate([mesh.in_world() for mesh in body.meshes])
    return BodyMesh(True, *_thinned(points, np.concatenate(faces), limit))


def posed_body(
    field: FieldData, body: BodyMesh, placed: Placed, bones: np.ndarray, unit: float
) -> np.ndarray:
    """(B, 3) float32 the vertices in a frame, in metres and the backend's axes. Touches nothing of Blender's
    data.

    `bones` are (24, 4, 4) canonical → posed, in metres; `unit` is how many of the world's units are a metre.
    """
    if not body.own:
        # From the T-pose, in which the body lies, to the canonical pose and on, joint by joint.
        rest = joint_transforms(field.rest_pose, field.body_joints)
        rest[:, :3, 3] -= np.einsum("jab,jb->ja", rest[:, :3, :3], field.body_joints)
        points = field.body_vertices[body.kept].astype(np.float64)
        return skin_forward(points, field.body_weights.dense(body.kept), bones @ rest).astype(np.float32)
    points = np.concatenate([moved(matrix, points.astype(np.float64)) for points, matrix in placed])
    return (points_from_blender(points[body.kept]) / unit).astype(np.float32)


def _follows(item: bpy.types.Object, character: bpy.types.Object) -> bool:
    deformed = any(
        modifier.type == "ARMATURE" and modifier.object == character and modifier.show_viewport
        for modifier in item.modifiers
    )
    return deformed or (item.parent == character and item.parent_type == "ARMATURE")


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
