"""Give a body that has no skeleton one."""

from bpy.props import BoolProperty
from bpy.types import Context, Operator

from ..scene.errors import SceneError
from ..scene.fitted_character import make_fitted_character
from .target import NO_FIELD, collection_for, field_of, has_field, leave_edit_mode, select_only
from .types import Outcome, settings_of


class PROPFIELD_OT_fit_skeleton(Operator):
    """Fit the field's skeleton to the active mesh, which stands upright in an A- or T-pose"""

    bl_idname = "propfield.fit_skeleton"
    bl_label = "Fit Skeleton"
    bl_options = {"REGISTER", "UNDO"}

    skin: BoolProperty(
        name="Skin",
        description="Let the mesh bend with the bones as well, with the weights of the field's own body",
        default=True,
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Needs an open field, whose body is fitted, and a mesh without an armature."""
        active = context.view_layer.objects.active
        if not has_field(context):
            cls.poll_message_set(NO_FIELD)
        elif active is None or active.type != "MESH":
            cls.poll_message_set("Select the mesh of a body first.")
        elif active.find_armature() is not None:
            cls.poll_message_set("This mesh has an armature: choose that as the character.")
        else:
            return True
        return False

    def execute(self, context: Context) -> Outcome:
        """The armature becomes the panel's character."""
        leave_edit_mode(context)
        mesh = context.view_layer.objects.active
        try:
            armature, fitted = make_fitted_character(
                field_of(context), mesh, collection_for(context), skin=self.skin
            )
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        settings_of(context.scene).character = armature
        select_only(context, armature)
        share = fitted.distance / max(mesh.dimensions.z, 1e-9)
        self.report({"INFO"}, f"The skeleton fits; the surfaces are {share:.1%} of the height apart.")
        return {"FINISHED"}
