"""Bind the field to the selected character."""

import bpy
from bpy.types import Collection, Context, Mesh, Object, Operator

from ..scene.binding import bind_rig
from ..scene.errors import SceneError
from ..scene.field_mesh import import_field_mesh
from ..scene.field_object import (
    field_modifier,
    fingerprint,
    has_field_modifier,
    helper_of,
    is_field_object,
    lattice_of,
    read_input,
    take_over,
)
from ..scene.field_points import import_field_points
from ..scene.field_volume import import_field_volume
from ..scene.nodes import input_items
from .opened import FieldData
from .target import NO_FIELD, chosen_armature, field_of, has_field, leave_edit_mode, select_only
from .types import Outcome, settings_of


class PROPFIELD_OT_bind(Operator):
    """Let the field follow the active armature; selected field objects move over to it, and its own to the \
bones that it has now"""

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
            helper = bind_rig(field, armature)
            # Of its own, those whose modifier was applied or taken off are the animator's by now.
            own = [child for child in armature.children if has_field_modifier(child)]
            candidates = dict.fromkeys([*context.selected_objects, *own])
            moving = [old for old in candidates if _shows(old, field) and helper_of(old) != helper]
            for old in moving:
                _move_over(old, field, armature)
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        settings_of(context.scene).character = armature
        select_only(context, armature)
        self.report({"INFO"}, f"The field follows {armature.name}.")
        return {"FINISHED"}


def _shows(candidate: Object, field: FieldData) -> bool:
    return is_field_object(candidate) and bool(candidate["propfield"]["fingerprint"] == fingerprint(field))


def _move_over(old: Object, field: FieldData, armature: Object) -> None:
    # It is made for a character's own rest pose, so it is made anew for another; its inputs and keys stay.
    collection: Collection = old.users_collection[0]
    data, name, group = old.data, old.name, field_modifier(old).node_group
    carrier, helper = lattice_of(old), helper_of(old)
    assert isinstance(data, Mesh)
    new = _made_like(old, field, armature, collection)
    take_over(new, old)
    bpy.data.objects.remove(old)
    new.name = name
    if data.users == 0:
        bpy.data.meshes.remove(data)
    if group.users == 0:
        bpy.data.node_groups.remove(group)
    # Duplicates of the old one, or other fields, may still be carried by these.
    for one in filter(None, (carrier, helper)):
        if one.users == len(one.users_collection):
            bones_or_points = one.data
            bpy.data.objects.remove(one)
            if bones_or_points.users == 0:
                bpy.data.batch_remove([bones_or_points])


def _made_like(old: Object, field: FieldData, armature: Object, collection: Collection) -> Object:
    kind, shown = old["propfield"]["kind"], read_input(old, "Type")
    if kind == "volume":
        return import_field_volume(field, shown, armature, collection)
    if kind == "points":
        return import_field_points(field, shown, armature, collection)
    # As many levels as it has; what they are is taken over.
    shells = sum(name.startswith("Level ") for name in input_items(field_modifier(old).node_group))
    levels = [(number + 1) / (shells + 1) for number in range(shells)]
    return import_field_mesh(field, shown, armature, collection, levels)
