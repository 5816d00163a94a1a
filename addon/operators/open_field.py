"""Open a field file."""

from pathlib import Path

import bpy
from bpy.props import StringProperty
from bpy.types import Context, Operator
from bpy_extras.io_utils import ImportHelper

from .opened import FieldFileError, put_at_hand, read_field, remember
from .types import Outcome


class PROPFIELD_OT_open_field(Operator, ImportHelper):  # type: ignore[misc]
    """Open a field file, to import it as a mesh or a volume"""

    bl_idname = "propfield.open_field"
    bl_label = "Open Field"
    bl_options = {"UNDO"}

    filename_ext = ".npz"
    filepath: StringProperty(name="File", subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.npz", options={"HIDDEN"})

    def invoke(self, context: Context, event: bpy.types.Event) -> Outcome:  # type: ignore[override]
        """Asks for a file, unless a button gave one."""
        if self.properties.is_property_set("filepath") and self.filepath:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Context) -> Outcome:
        """Reads the file anew and puts it at hand."""
        path = Path(bpy.path.abspath(self.filepath)).absolute()
        try:
            field = read_field(path)
        except FieldFileError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        remember(path, field)
        put_at_hand(context.scene, path)
        self.report({"INFO"}, f"Opened the field of {field.category}.")
        return {"FINISHED"}
