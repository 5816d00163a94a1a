"""Import a field as nested iso-surfaces."""

from bpy.props import FloatVectorProperty
from bpy.types import Collection, Context, Event, Object

from ..scene.field_file import FieldData
from ..scene.field_mesh import LEVELS, LOWEST, import_field_mesh
from .field_import import FieldImport
from .types import Outcome, settings_of


class PROPFIELD_OT_import_mesh(FieldImport):
    """Import the field as nested surfaces of equal probability that follow the character"""

    bl_idname = "propfield.import_mesh"
    bl_label = "Import Field as Mesh"

    levels: FloatVectorProperty(
        name="Levels",
        description="Probabilities of the surfaces, relative to the interaction's highest",
        size=3,
        default=LEVELS,
        min=LOWEST,
        max=0.99,
    )

    def invoke(self, context: Context, event: Event) -> Outcome:
        """Takes over the panel's choices, so that redo shows them."""
        self.levels = settings_of(context.scene).levels
        return super().invoke(context, event)

    def make(
        self, context: Context, field: FieldData, type_name: str, character: Object, collection: Collection
    ) -> Object:
        """The mesh."""
        given = self.properties.is_property_set("levels")
        levels = self.levels if given else settings_of(context.scene).levels
        return import_field_mesh(field, type_name, character, collection, list(levels))
