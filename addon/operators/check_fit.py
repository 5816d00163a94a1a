"""Measure how well the field lies about the character."""

from typing import Any

from bpy.props import BoolProperty
from bpy.types import Context, Operator

from ..client.running import keep_stepping, session
from ..scene.errors import SceneError
from ..scene.fit_check import LIMIT, PartFit, check_fit, read_stance
from ..scene.object_ids import object_of
from .map_bones import NO_CHARACTER, character_of
from .target import NO_FIELD, field_of, has_field, leave_edit_mode
from .types import Outcome
from .undo import push_undo
from .waiting import must_wait

FIT_KEY = "propfield_fit"
"""Custom property of the armature: part of the body → metres of mean difference."""


class PROPFIELD_OT_check_fit(Operator):
    """Compare distances from the field to this body with those to the field's own, limb by limb"""

    bl_idname = "propfield.check_fit"
    bl_label = "Check Fit"

    as_posed: BoolProperty(
        name="As Posed",
        description="Measure in the present pose instead of the one that the field was learned in",
    )
    wait: BoolProperty(
        name="Wait", description="Return once it is measured, for scripts", options={"HIDDEN", "SKIP_SAVE"}
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
        """Returns at once, but for scripts; the figures are kept on the armature, for the panel."""
        leave_edit_mode(context)
        armature = character_of(context)
        try:
            stance = read_stance(field_of(context), armature, as_posed=self.as_posed)
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        uid = armature.session_uid
        outcome: list[Any] = []

        def heard(fits: Any) -> None:
            outcome.append(fits)
            measured = object_of(uid)
            # Deleted meanwhile, there is nobody to tell it of.
            if isinstance(fits, list) and measured is not None:
                measured[FIT_KEY] = {fit.part: fit.mean for fit in fits}
                push_undo("Check Fit")
            session.changed()

        session.pump.work(lambda: check_fit(stance), heard)
        keep_stepping()
        if must_wait(self.wait):
            session.wait(lambda: bool(outcome))
            if not isinstance(outcome[0], list):
                self.report({"ERROR"}, str(outcome[0]))
                return {"CANCELLED"}
            self._tell(outcome[0])
        return {"FINISHED"}

    def _tell(self, fits: list[PartFit]) -> None:
        off = [fit for fit in fits if fit.mean > LIMIT]
        if off:
            worst = max(off, key=lambda fit: fit.mean)
            self.report({"WARNING"}, f"{worst.part.capitalize()}: {100 * worst.mean:.1f} cm off on average.")
        else:
            self.report({"INFO"}, "The field lies about this body as about its own.")
