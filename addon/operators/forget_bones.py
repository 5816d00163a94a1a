"""Give the mapping made by hand up."""

from bpy.types import Context, Operator

from ..scene.bone_choice import bones_by_hand, forget_bones
from .map_bones import character_of
from .types import Outcome


class PROPFIELD_OT_forget_bones(Operator):
    """Take the mapping off the armature, so that it is recognised by its bones' names again"""

    bl_idname = "propfield.forget_bones"
    bl_label = "Remove Mapping"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Needs a mapping."""
        armature = character_of(context)
        if armature is None or bones_by_hand(armature) is None:
            cls.poll_message_set("The bones are not mapped by hand.")
            return False
        return True

    def execute(self, context: Context) -> Outcome:
        """Takes the custom property away."""
        forget_bones(character_of(context))
        return {"FINISHED"}
