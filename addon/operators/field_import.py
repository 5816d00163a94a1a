"""What importing a field as a mesh and as a volume have in common."""

from bpy.props import StringProperty
from bpy.types import Collection, Context, Event, Object, Operator

from ..scene.errors import SceneError
from ..scene.field_file import FieldData
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


class FieldImport(Operator):
    """A verb that makes one object of the scene's field on the character, as one undo step."""

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
        """Takes over the panel's choices, so that redo shows them."""
        self.type_name = settings_of(context.scene).field_type
        return self.execute(context)

    def execute(self, context: Context) -> Outcome:
        """Makes the object, and the character where there is none."""
        leave_edit_mode(context)
        collection = collection_for(context)
        try:
            field = field_of(context)
            name = self.type_name or settings_of(context.scene).field_type or field.types[0].name
            made = self.make(context, field, name, character_for(context, field, collection), collection)
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        select_only(context, made)
        return {"FINISHED"}

    def make(
        self, context: Context, field: FieldData, type_name: str, character: Object, collection: Collection
    ) -> Object:
        """What the verb makes; each has its own."""
        raise NotImplementedError
