"""End the choice between placements."""

from bpy.types import Context, Operator

from ..scene.placements import keep
from .placing import placed_prop
from .types import Outcome


class PROPFIELD_OT_keep_placement(Operator):
    """Keep the prop where it is, attached, and forget the other placements"""

    bl_idname = "propfield.keep_placement"
    bl_label = "Keep"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Needs a prop with placements."""
        return placed_prop(cls, context) is not None

    def execute(self, context: Context) -> Outcome:
        """What carries the prop is Blender's own from here on."""
        prop = placed_prop(type(self), context)
        assert prop is not None
        keep(prop)
        return {"FINISHED"}
