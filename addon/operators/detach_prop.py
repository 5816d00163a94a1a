"""Detach a prop from what holds it."""

from bpy.types import Context, Operator

from ..scene.prop_attach import detach, held_by
from .placing import chosen_prop
from .target import leave_edit_mode
from .types import Outcome


class PROPFIELD_OT_detach_prop(Operator):
    """Let go of the prop: it stays where it is now, held by no bone"""

    bl_idname = "propfield.detach_prop"
    bl_label = "Detach"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Needs a prop that a bone holds."""
        prop = chosen_prop(context) if context.scene is not None else None
        if prop is None or held_by(prop)[0] == "NONE":
            cls.poll_message_set("No bone holds the prop.")
            return False
        return True

    def execute(self, context: Context) -> Outcome:
        """Takes parent and constraint away."""
        leave_edit_mode(context)
        prop = chosen_prop(context)
        assert prop is not None
        detach(prop)
        return {"FINISHED"}
