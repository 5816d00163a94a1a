"""Import a field as nested iso-surfaces."""

from bpy.props import FloatVectorProperty, StringProperty
from bpy.types import Context, Event, Operator

from ..scene.errors import SceneError
from ..scene.field_mesh import LEVELS, LOWEST, import_field_mesh
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


class PROPFIELD_OT_import_mesh(Operator):
    """Import the field as nested surfaces of equal probability that follow the character"""

    bl_idname = "propfield.import_mesh"
    bl_label = "Import Field as Mesh"
    bl_options = {"REGISTER", "UNDO"}

    type_name: StringProperty(name="Interaction", description="Empty: the one in the panel")
    levels: FloatVectorProperty(
        name="Levels",
        description="Probabilities of the surfaces, relative to the interaction's highest",
        size=3,
        default=LEVELS,
        min=LOWEST,
        max=0.99,
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Needs an open field."""
        if not has_field(context):
            cls.poll_message_set(NO_FIELD)
            return False
        return True

    def invoke(self, context: Context, event: Event) -> Outcome:
        """Takes over the panel's choices, so that redo shows them."""
        settings = settings_of(context.scene)
        self.type_name, self.levels = settings.field_type, settings.levels
        return self.execute(context)

    def execute(self, context: Context) -> Outcome:
        """Makes the mesh on the character."""
        leave_edit_mode(context)
        settings, collection = settings_of(context.scene), collection_for(context)
        levels = self.levels if self.properties.is_property_set("levels") else settings.levels
        try:
            field = field_of(context)
            name = self.type_name or settings.field_type or field.types[0].name
            character = character_for(context, field, collection)
            made = import_field_mesh(field, name, character, collection, list(levels))
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        select_only(context, made)
        return {"FINISHED"}
