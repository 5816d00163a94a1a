"""Add a field file to the library."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty
from bpy.types import Context, Operator
from bpy_extras.io_utils import ImportHelper

from ..client.shelf_at_hand import shelf
from .library_choice import followed
from .types import Outcome


class PROPFIELD_OT_library_add(Operator, ImportHelper):  # type: ignore[misc]
    """Copy a field file into the library, once all of it was read and found whole"""

    bl_idname = "propfield.library_add"
    bl_label = "Add File to Library"

    filename_ext = ".npz"
    filepath: StringProperty(name="File", subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.npz", options={"HIDDEN"})
    wait: BoolProperty(
        name="Wait", description="Return once it is there, for scripts", options={"HIDDEN", "SKIP_SAVE"}
    )

    def execute(self, context: Context) -> Outcome:
        """Returns at once, but for scripts."""
        path = Path(bpy.path.abspath(self.filepath)).absolute()

        def work(library: Any) -> str:
            return library.add(path)

        shelf.do(work)
        return followed(self, self.wait)
