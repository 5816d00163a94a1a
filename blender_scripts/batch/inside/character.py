"""The character of a frame: the open body, in a shape, or what a .blend file holds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from propfield_addon.scene.body import make_character
from propfield_addon.scene.errors import SceneError
from propfield_addon.scene.evaluated import mesh_arrays, moved, world_matrix
from propfield_addon.scene.field_file import FieldData

from .look import open_blend

OPEN_BODY = (
    Path(__file__).resolve().parents[3] / "backend" / "propfield" / "body" / "assets" / "open_body.npz"
)


@dataclass(frozen=True)
class Character:
    """An armature, and the meshes that it moves."""

    armature: bpy.types.Object
    meshes: list[bpy.types.Object]


def new_character(settings: dict[str, Any], field: FieldData) -> Character:
    """Empties Blender, and brings the character in: by opening its file, or by making the body."""
    if "blend" not in settings:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        shaped = _shaped(settings.get("shape") or [], field)
        armature, body = make_character(field, bpy.context.scene.collection, **shaped)
        return Character(armature, [body])
    open_blend(settings["blend"])
    return Character(*_from_scene(settings.get("armature")))


def chosen_armature(name: str | None) -> bpy.types.Object:
    """The scene's armature of that name; the only one if there is no name."""
    armatures = [found for found in bpy.context.scene.objects if found.type == "ARMATURE"]
    chosen = next((found for found in armatures if name in (None, found.name)), None)
    if chosen is None:
        raise SceneError(f"The file has no armature {name or ''} in its scene.")
    return chosen


def _from_scene(name: str | None) -> tuple[bpy.types.Object, list[bpy.types.Object]]:
    armature = chosen_armature(name)
    meshes = [found for found in bpy.context.scene.objects if found.type == "MESH" and _on(found, armature)]
    if not any(not found.hide_render for found in meshes):
        raise SceneError(f"Nothing that is rendered follows the armature “{armature.name}”.")
    return armature, [found for found in meshes if not found.hide_render]


def _on(mesh: bpy.types.Object, armature: bpy.types.Object) -> bool:
    if any(one.type == "ARMATURE" and one.object == armature for one in mesh.modifiers):
        return True
    above = mesh.parent
    while above is not None and above != armature:
        above = above.parent
    return above is not None


def _shaped(shape: list[float], field: FieldData) -> dict[str, np.ndarray]:
    """The T-pose of the open body with shape numbers (SMPL Eq. 8), which the field's body must be."""
    if not any(shape):
        return {}
    with np.load(OPEN_BODY, allow_pickle=False) as data:
        template = data["vertices"]
        if template.shape != field.body_vertices.shape or np.abs(template - field.body_vertices).max() > 1e-4:
            raise SceneError(
                f"Shape numbers are the open body's; this field has the {field.body.get('name')}."
            )
        vertices = template + data["shape_directions"][:, :, : len(shape)] @ np.asarray(shape, np.float32)
        return {"vertices": vertices, "joints": data["joint_regressor"] @ vertices}


def world_points(object_: bpy.types.Object) -> np.ndarray:
    """(P, 3) vertices in the world of an object as it is evaluated now."""
    return moved(world_matrix(object_), mesh_arrays(object_)[0])
