"""Make a character with the field's own body."""

from bpy.types import Context, Operator

from ..scene.body import make_character
from ..scene.errors import SceneError
from .target import NO_FIELD, collection_for, field_of, has_field, leave_edit_mode, select_only
from .types import Outcome, settings_of


class PROPFIELD_OT_make_body(Operator):
    """Add the body that the field was learned on, with its armature"""

    bl_idname = "propfield.make_body"
    bl_label = "Make Body"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Needs an open field, which holds the body."""
        if not has_field(context):
            cls.poll_message_set(NO_FIELD)
            return False
        return True

    def execute(self, context: Context) -> Outcome:
        """Makes armature and body; the armature becomes the panel's character."""
        leave_edit_mode(context)
        try:
            armature, _ = make_character(field_of(context), collection_for(context))
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        settings_of(context.scene).character = armature
        select_only(context, armature)
        return {"FINISHED"}
