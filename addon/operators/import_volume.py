"""Import a field as a volume."""

from bpy.types import Collection, Context, Object

from ..scene.field_file import FieldData
from ..scene.field_volume import import_field_volume
from .field_import import FieldImport


class PROPFIELD_OT_import_volume(FieldImport):
    """Import the field as a volume whose density is the probability, and that follows the character"""

    bl_idname = "propfield.import_volume"
    bl_label = "Import Field as Volume"

    def make(
        self, context: Context, field: FieldData, type_name: str, character: Object, collection: Collection
    ) -> Object:
        """The volume."""
        return import_field_volume(field, type_name, character, collection)
