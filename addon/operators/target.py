"""The field and the character that an operator works with, and where what it makes goes."""

import bpy
from bpy.types import Collection, Context, Object

from ..scene.body import make_character
from ..scene.rig import find_rig
from .opened import FieldData, field_at_hand, open_field
from .types import settings_of

NO_FIELD = "Open a field first, or learn one."


def has_field(context: Context) -> bool:
    """Whether a field is at hand; reads nothing."""
    return context.scene is not None and field_at_hand(settings_of(context.scene).field_path) is not None


def field_of(context: Context) -> FieldData:
    """The scene's field. FieldFileError when its file went bad."""
    return open_field(settings_of(context.scene).field_path)


def chosen_armature(context: Context) -> Object | None:
    """The active object, or the armature that deforms or carries it."""
    active = context.view_layer.objects.active
    while active is not None and active.type != "ARMATURE":
        active = active.find_armature() or active.parent
    return active


def character_for(context: Context, field: FieldData, collection: Collection) -> Object:
    """The character of the panel, else the selected SMPL armature, else a new one with the field's own body.

    It becomes the panel's.
    """
    settings = settings_of(context.scene)
    character = settings.character
    # A deleted object stays in the property for as long as something uses it.
    if character is not None and character.name not in context.scene.objects:
        character = None
    if character is None:
        selected = chosen_armature(context)
        if selected is not None and selected.select_get() and find_rig(selected):
            character = selected
        else:
            character, _ = make_character(field, collection)
    settings.character = character
    return character


def collection_for(context: Context) -> Collection:
    """The active collection, as Blender's own Add menu takes it."""
    return context.collection or context.scene.collection


def select_only(context: Context, made: Object) -> None:
    """Selects what was made and makes it active, as Blender's own Add menu does."""
    for other in context.view_layer.objects:
        other.select_set(False)
    if made.name in context.view_layer.objects:
        made.select_set(True)
        context.view_layer.objects.active = made


def leave_edit_mode(context: Context) -> None:
    """Objects are made in object mode, wherever the user was."""
    active = context.view_layer.objects.active
    if active is not None and active.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
