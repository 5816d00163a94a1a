"""Bind the field to the selected character."""

from typing import Any

import bpy
import numpy as np
from bpy.types import Collection, Context, Mesh, Object, Operator

from ..scene.binding import bind_rig
from ..scene.errors import SceneError
from ..scene.field_mesh import import_field_mesh
from ..scene.field_volume import import_field_volume
from .opened import FieldData
from .target import NO_FIELD, chosen_armature, field_of, has_field, leave_edit_mode, select_only
from .types import Outcome, settings_of


class PROPFIELD_OT_bind(Operator):
    """Let the field follow the active SMPL armature; selected field objects move over to it"""

    bl_idname = "propfield.bind"
    bl_label = "Bind to Selected"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Needs an open field and an armature."""
        if not has_field(context):
            cls.poll_message_set(NO_FIELD)
        elif chosen_armature(context) is None:
            cls.poll_message_set("Select a character's armature first.")
        else:
            return True
        return False

    def execute(self, context: Context) -> Outcome:
        """The armature becomes the panel's character."""
        leave_edit_mode(context)
        armature = chosen_armature(context)
        assert armature is not None
        try:
            field = field_of(context)
            bind_rig(field, armature)
            moving = [o for o in context.selected_objects if _moves(o, field, armature)]
            for old in moving:
                _move_over(old, field, armature)
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        settings_of(context.scene).character = armature
        select_only(context, armature)
        self.report({"INFO"}, f"The field follows {armature.name}.")
        return {"FINISHED"}


def _moves(candidate: Object, field: FieldData, armature: Object) -> bool:
    mark = candidate.get("propfield")
    return mark is not None and mark["category"] == field.category and candidate.parent != armature


def _move_over(old: Object, field: FieldData, armature: Object) -> None:
    # The surfaces are made for a character's own rest pose, so they are made anew for another.
    collection: Collection = old.users_collection[0]
    name, data = str(old["propfield"]["type"]), old.data
    assert isinstance(data, Mesh)
    if any(modifier.type == "NODES" for modifier in old.modifiers):
        import_field_volume(field, name, armature, collection)
    else:
        import_field_mesh(field, name, armature, collection, _levels(data))
    bpy.data.objects.remove(old)
    if data.users == 0:
        bpy.data.meshes.remove(data)


def _levels(mesh: Mesh) -> list[float]:
    probability = np.empty(len(mesh.vertices), np.float32)
    attribute: Any = mesh.attributes["probability"]
    attribute.data.foreach_get("value", probability)
    return [round(float(level), 4) for level in np.unique(probability)]
