"""Use a field of the library in the scene."""

from pathlib import Path
from typing import Any

from bpy.types import Context

from ..client.shelf_at_hand import shelf
from .arrival import arrive_in, read_arrived
from .library_choice import LibraryVerb, followed
from .opened import FieldData, field_folder
from .types import Outcome


class PROPFIELD_OT_library_use(LibraryVerb):
    """Put a copy of the field beside this file, and open it"""

    bl_idname = "propfield.library_use"
    bl_label = "Use Field"

    def execute(self, context: Context) -> Outcome:
        """Returns at once, but for scripts."""
        entry = self.entry(context)
        if entry is None:
            return {"CANCELLED"}
        name, folder, arrive = entry["name"], field_folder(), arrive_in(context.scene.name)

        def work(library: Any) -> tuple[Path, FieldData]:
            path = library.fetch(name, folder)
            return path, read_arrived(path)

        shelf.do(work, lambda arrived: arrive(*arrived))
        return followed(self, self.wait)
