"""The panels of the field at hand: what it is, what may be done with it, how it comes into the scene."""

from pathlib import Path

import bpy
from bpy.types import Context, Panel

from ..operators.opened import FieldData, field_at_hand
from ..operators.types import settings_of
from .backend_panel import PropfieldPanel, draw_fact, draw_sentence


class PROPFIELD_PT_field(PropfieldPanel, Panel):
    """Open, and what is open."""

    bl_label = "Field"

    def draw(self, context: Context) -> None:
        """The file, then its facts."""
        layout = self.layout
        settings = settings_of(context.scene)
        layout.operator("propfield.open_field", text="Open", icon="FILE_FOLDER")
        field = field_at_hand(settings.field_path)
        if field is None:
            if settings.field_path:
                layout.label(text=Path(bpy.path.abspath(settings.field_path)).name, icon="FILE")
                reopen = layout.operator("propfield.open_field", text="Open Again", icon="FILE_REFRESH")
                reopen.filepath = settings.field_path
            return
        column = layout.column(align=True)
        draw_fact(column, "Category", field.category.capitalize())
        draw_fact(column, "Interactions", str(sum(kind.name != "all" for kind in field.types)))
        draw_fact(column, "Views", f"{field.types[0].views:,}")
        commercial, _ = licences(field)
        if commercial:
            layout.label(text="Commercial use allowed", icon="CHECKMARK")
        else:
            layout.label(text="Not for commercial use", icon="ERROR")


class _WithField(PropfieldPanel):
    bl_parent_id = "PROPFIELD_PT_field"

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Only with an open field."""
        return field_at_hand(settings_of(context.scene).field_path) is not None


class PROPFIELD_PT_import(_WithField, Panel):
    """Mesh, volume and points."""

    bl_label = "Import"

    def draw(self, context: Context) -> None:
        """What to import, and the buttons."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = settings_of(context.scene)
        layout.prop(settings, "field_type")
        layout.column(align=True).prop(settings, "levels", slider=True)
        row = layout.row(align=True)
        row.scale_y = 1.3
        row.operator("propfield.import_mesh", text="Mesh", icon="MESH_DATA")
        row.operator("propfield.import_volume", text="Volume", icon="VOLUME_DATA")
        row.operator("propfield.import_points", text="Points", icon="POINTCLOUD_DATA")


class PROPFIELD_PT_licences(_WithField, Panel):
    """The licence of every input."""

    bl_label = "Licences"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        """One line an input."""
        field = field_at_hand(settings_of(context.scene).field_path)
        assert field is not None
        for entry in licences(field)[1]:
            text = f"{entry.get('what', 'unknown')}: {entry.get('licence', 'unknown')}"
            draw_sentence(self.layout, context, text, "CHECKMARK" if entry.get("commercial") else "ERROR")


def licences(field: FieldData) -> tuple[bool, list[dict]]:
    """Whether every input may be used commercially, and the inputs. No entry at all counts as no."""
    entries = [entry for entry in field.provenance.get("licences", ()) if isinstance(entry, dict)]
    return bool(entries) and all(entry.get("commercial") is True for entry in entries), entries
