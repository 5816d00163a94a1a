"""The panel that brings a rebuilt photo into the scene."""

from bpy.types import Context, Panel

from .backend_panel import PropfieldPanel


class PROPFIELD_PT_photo(PropfieldPanel, Panel):
    """A scene of `propfield reconstruct`."""

    bl_label = "Photo Scene"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        """One button."""
        self.layout.operator("propfield.import_scene", text="Import Photo Scene", icon="IMAGE_DATA")
