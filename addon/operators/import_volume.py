"""Import a field as a volume."""

from bpy.props import StringProperty
from bpy.types import Context, Event, Operator

from ..scene.errors import SceneError
from ..scene.field_volume import import_field_volume
from .target import (
    NO_FIELD,
    character_for,
    collection_for,
    field_of,
    has_field,
    leave_edit_mode,
    select_only,
)
from .types import Outcome, settings_of


class PROPFIELD_OT_import_volume(Operator):
    """Import the field as a volume whose density is the probability, and that follows the character"""

    bl_idname = "propfield.import_volume"
    bl_label = "Import Field as Volume"
    bl_options = {"REGISTER", "UNDO"}

    type_name: StringProperty(name="Interaction", description="Empty: the one in the panel")

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Needs an open field."""
        if not has_field(context):
            cls.poll_message_set(NO_FIELD)
            return False
        return True

    def invoke(self, context: Context, event: Event) -> Outcome:
        """Takes over the panel's choice, so that redo shows it."""
        self.type_name = settings_of(context.scene).field_type
        return self.execute(context)

    def execute(self, context: Context) -> Outcome:
        """Makes the volume on the character."""
        leave_edit_mode(context)
        collection = collection_for(context)
        try:
            field = field_of(context)
            name = self.type_name or settings_of(context.scene).field_type or field.types[0].name
            character = character_for(context, field, collection)
            made = import_field_volume(field, name, character, collection)
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        select_only(context, made)
        return {"FINISHED"}
