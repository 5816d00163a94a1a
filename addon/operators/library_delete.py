"""Delete a field of the library."""

from typing import Any

from bpy.types import Context, Event

from ..client.shelf_at_hand import shelf
from .library_choice import LibraryVerb, followed
from .types import Outcome


class PROPFIELD_OT_library_delete(LibraryVerb):
    """Delete the field from the library, with its tags and pictures; copies in use stay"""

    bl_idname = "propfield.library_delete"
    bl_label = "Delete Field from Library"

    def invoke(self, context: Context, event: Event) -> Outcome:
        """Asks first: there is no undo for files."""
        entry = self.entry(context)
        if entry is None:
            return {"CANCELLED"}
        self.name = entry["name"]
        return context.window_manager.invoke_confirm(
            self,
            event,
            title="Delete Field from Library",
            message=f"{self.name}: its file, tags and pictures; this cannot be undone",
            confirm_text="Delete",
            icon="WARNING",
        )

    def execute(self, context: Context) -> Outcome:
        """Returns at once, but for scripts."""
        entry = self.entry(context)
        if entry is None:
            return {"CANCELLED"}
        name = entry["name"]

        def work(library: Any) -> None:
            library.delete(name)

        shelf.do(work)
        return followed(self, self.wait)
