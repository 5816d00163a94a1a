"""Save a mapping made by hand for all rigs of its kind."""

from bpy.props import StringProperty
from bpy.types import Context, Event, Operator

from ..scene.bone_choice import bones_by_hand, save_bone_map, what_is_wrong
from ..scene.errors import SceneError
from .map_bones import character_of
from .types import Outcome


class PROPFIELD_OT_save_bone_map(Operator):
    """Save the mapping, so that all armatures with these bone names are recognised"""

    bl_idname = "propfield.save_bone_map"
    bl_label = "Save Bone Map"
    bl_options = {"REGISTER"}

    name: StringProperty(name="Rig", description="What to call rigs of this kind", maxlen=80)

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Needs a mapping that does."""
        armature = character_of(context)
        if armature is None or bones_by_hand(armature) is None:
            cls.poll_message_set("Map the bones first.")
        elif wrong := what_is_wrong(armature):
            cls.poll_message_set(wrong)
        else:
            return True
        return False

    def invoke(self, context: Context, event: Event) -> Outcome:
        """Asks for a name."""
        self.name = character_of(context).name
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: Context) -> Outcome:
        """Writes the file."""
        try:
            path = save_bone_map(character_of(context), self.name)
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Saved as {path.name}: such rigs are known from now on.")
        return {"FINISHED"}
