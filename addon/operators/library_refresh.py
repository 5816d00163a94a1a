"""Read the library again."""

from bpy.props import BoolProperty
from bpy.types import Context, Operator

from ..client.shelf_at_hand import shelf
from .library_choice import followed
from .types import Outcome


class PROPFIELD_OT_library_refresh(Operator):
    """Read the list of fields again"""

    bl_idname = "propfield.library_refresh"
    bl_label = "Refresh Library"

    wait: BoolProperty(
        name="Wait", description="Return once it is read, for scripts", options={"HIDDEN", "SKIP_SAVE"}
    )

    def execute(self, context: Context) -> Outcome:
        """Returns at once, but for scripts."""
        shelf.problem = ""
        shelf.refresh()
        return followed(self, self.wait)
