"""The add-on's preferences: how to start the backend, and where it listens."""

from bpy.props import BoolProperty, IntProperty, StringProperty
from bpy.types import AddonPreferences, Context

from ..client.running import session
from ..operators.backend_settings import ADDON, DEFAULT_PORT


class PropfieldPreferences(AddonPreferences):
    """Shown in Preferences > Add-ons."""

    bl_idname = ADDON

    command: StringProperty(
        name="Program",
        description="The propfield program, or a Python that has it. Empty: the one on the PATH",
        subtype="FILE_PATH",
    )
    port: IntProperty(
        name="Port",
        description="Where the backend listens on this computer",
        default=DEFAULT_PORT,
        min=1024,
        max=65535,
    )
    keep: BoolProperty(
        name="Keep Running after Blender Closes",
        description="Leave the backend at work when Blender closes, so that a long job goes on",
        update=lambda self, _: session.set_keep(self.keep),
    )

    def draw(self, context: Context) -> None:
        """One column, as in Blender's own preferences."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "command")
        layout.prop(self, "port")
        layout.prop(self, "keep")
