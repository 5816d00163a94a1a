"""Pose the character as people do who use the object."""

from bpy.types import Context, Operator

from ..scene.errors import SceneError
from ..scene.posing import apply_pose, read_pose
from ..scene.typical_pose import knows_poses, typical_pose
from .map_bones import NO_CHARACTER, character_of
from .opened import field_at_hand
from .target import NO_FIELD, field_of, has_field
from .types import Outcome, settings_of


class PROPFIELD_OT_pose_as_used(Operator):
    """Turn the character's bones to the pose in which people typically use the object"""

    bl_idname = "propfield.pose_as_used"
    bl_label = "Pose as Used"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Needs a character, and a field that knows poses."""
        if not has_field(context):
            cls.poll_message_set(NO_FIELD)
        elif not knows_poses(field_at_hand(settings_of(context.scene).field_path)):
            cls.poll_message_set("This field keeps no poses: learn it anew.")
        elif character_of(context) is None:
            cls.poll_message_set(NO_CHARACTER)
        else:
            return True
        return False

    def execute(self, context: Context) -> Outcome:
        """Where the character faces stays; with auto keying on, keys are set."""
        armature = character_of(context)
        keyed = context.scene.tool_settings.use_keyframe_insert_auto
        try:
            field = field_of(context)
            pose = typical_pose(field, settings_of(context.scene).field_type or field.types[0].name)
            pose[0] = read_pose(armature)[0]
            apply_pose(armature, pose, context.scene.frame_current if keyed else None)
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}
