"""Import a rebuilt photo."""

from pathlib import Path

import bpy
from bpy.props import StringProperty
from bpy.types import Context, Operator
from bpy_extras.io_utils import ImportHelper

from ..scene.errors import SceneError
from ..scene.photo import import_scene
from .target import leave_edit_mode
from .types import Outcome


class PROPFIELD_OT_import_scene(Operator, ImportHelper):  # type: ignore[misc]
    """Import the posed body, the object and the camera that “propfield reconstruct” made of a photo"""

    bl_idname = "propfield.import_scene"
    bl_label = "Import Photo Scene"
    bl_options = {"UNDO"}

    filename_ext = ".json"
    filepath: StringProperty(name="File", subtype="FILE_PATH")
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    def execute(self, context: Context) -> Outcome:
        """Takes the folder, or the scene.json in it."""
        leave_edit_mode(context)
        path = Path(bpy.path.abspath(self.filepath)).absolute()
        try:
            import_scene(path if path.is_dir() else path.parent)
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Imported the scene of {path.parent.name if path.is_file() else path.name}.")
        return {"FINISHED"}
