"""Measure how well the field lies about the character."""

from bpy.props import BoolProperty
from bpy.types import Context, Operator

from ..scene.errors import SceneError
from ..scene.fit_check import LIMIT, check_fit
from .map_bones import NO_CHARACTER, character_of
from .target import NO_FIELD, field_of, has_field, leave_edit_mode
from .types import Outcome

FIT_KEY = "propfield_fit"
"""Custom property of the armature: part of the body → metres of mean difference."""


class PROPFIELD_OT_check_fit(Operator):
    """Compare distances from the field to this body with those to the field's own, limb by limb"""

    bl_idname = "propfield.check_fit"
    bl_label = "Check Fit"
    bl_options = {"REGISTER", "UNDO"}

    as_posed: BoolProperty(
        name="As Posed",
        description="Measure in the present pose instead of the one that the field was learned in",
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Needs a field and a character."""
        if not has_field(context):
            cls.poll_message_set(NO_FIELD)
        elif character_of(context) is None:
            cls.poll_message_set(NO_CHARACTER)
        else:
            return True
        return False

    def execute(self, context: Context) -> Outcome:
        """Keeps the figures on the armature, for the panel."""
        leave_edit_mode(context)
        armature = character_of(context)
        try:
            fits = check_fit(field_of(context), armature, as_posed=self.as_posed)
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        armature[FIT_KEY] = {fit.part: fit.mean for fit in fits}
        off = [fit for fit in fits if fit.mean > LIMIT]
        if off:
            worst = max(off, key=lambda fit: fit.mean)
            self.report({"WARNING"}, f"{worst.part.capitalize()}: {100 * worst.mean:.1f} cm off on average.")
        else:
            self.report({"INFO"}, "The field lies about this body as about its own.")
        return {"FINISHED"}
