"""Import a field as points."""

from bpy.types import Collection, Context, Object

from ..scene.field_file import FieldData
from ..scene.field_points import import_field_points
from .field_import import FieldImport


class PROPFIELD_OT_import_points(FieldImport):
    """Import the field as points with attributes for geometry nodes, that follow the character"""

    bl_idname = "propfield.import_points"
    bl_label = "Import Field as Points"

    def make(
        self, context: Context, field: FieldData, type_name: str, character: Object, collection: Collection
    ) -> Object:
        """The points."""
        return import_field_points(field, type_name, character, collection)
