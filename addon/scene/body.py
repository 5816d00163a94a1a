"""A character to bind fields to: the field file's own body, skinned to an armature."""

import bpy
import numpy as np

from .armature import make_armature
from .axes import points_to_blender
from .field_file import FieldData
from .materials import body_material
from .mesh_data import follow_armature, make_mesh, set_skin


def make_character(
    field: FieldData,
    collection: bpy.types.Collection,
    *,
    name: str = "Character",
    standing: bool = True,
    vertices: np.ndarray | None = None,
    joints: np.ndarray | None = None,
) -> tuple[bpy.types.Object, bpy.types.Object]:
    """(armature, body) in the T-pose, made from the body in a field file.

    `standing` puts the soles on the ground; otherwise the armature's space is the backend's, around the
    origin. `vertices` (V, 3) and `joints` (24, 3) replace the template's by those of another shape.
    """
    vertices = field.body_vertices if vertices is None else vertices
    joints = field.body_joints if joints is None else joints
    height = -float(vertices[:, 1].min()) if standing else 0.0
    armature = make_armature(name, joints, collection, height)
    mesh = make_mesh(f"{name} body", points_to_blender(vertices), field.body_faces)
    mesh.materials.append(body_material())
    body = bpy.data.objects.new(f"{name} body", mesh)
    body.parent = armature
    collection.objects.link(body)
    set_skin(body, field.body_weights.dense())
    follow_armature(body, armature)
    return armature, body
