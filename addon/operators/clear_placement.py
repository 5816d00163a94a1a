"""Take a placement back."""

from bpy.types import Context, Operator

from ..scene.placements import clear
from .placing import placed_prop
from .target import leave_edit_mode
from .types import Outcome


class PROPFIELD_OT_clear_placement(Operator):
    """Put the prop back to where it was before it was placed, with its own parent and key frames"""

    bl_idname = "propfield.clear_placement"
    bl_label = "Clear"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Needs a prop with placements."""
        return placed_prop(cls, context) is not None

    def execute(self, context: Context) -> Outcome:
        """All that placing did is undone."""
        leave_edit_mode(context)
        prop = placed_prop(type(self), context)
        assert prop is not None
        clear(prop)
        return {"FINISHED"}
