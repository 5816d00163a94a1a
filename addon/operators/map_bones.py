"""Map the bones of the character by hand, beginning with a guess."""

from bpy.types import Context, Object, Operator

from ..scene.bone_choice import start_mapping
from ..scene.errors import SceneError
from .target import chosen_armature
from .types import Outcome, settings_of

NO_CHARACTER = "Choose a character's armature first."


def character_of(context: Context) -> Object | None:
    """The panel's character, as long as it is in the scene; else the selected armature."""
    if context.scene is None:
        return None
    character = settings_of(context.scene).character
    if character is not None and character.name in context.scene.objects:
        return character
    return chosen_armature(context)


class PROPFIELD_OT_map_bones(Operator):
    """Guess which bones are which joints, by their names and where they lie, to be corrected below"""

    bl_idname = "propfield.map_bones"
    bl_label = "Map Bones"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Needs an armature."""
        if character_of(context) is None:
            cls.poll_message_set(NO_CHARACTER)
            return False
        return True

    def execute(self, context: Context) -> Outcome:
        """The guess is kept on the armature, which becomes the panel's character."""
        armature = character_of(context)
        try:
            count, wrong = start_mapping(armature)
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        settings_of(context.scene).character = armature
        if wrong:
            self.report({"WARNING"}, wrong)
        else:
            self.report({"INFO"}, f"{count} of 24 joints have a bone: look them through.")
        return {"FINISHED"}
