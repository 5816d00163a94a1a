"""Learn a field."""

import bpy
from bpy.props import BoolProperty
from bpy.types import Context, Operator

from ..client.http import BackendError
from ..client.running import session
from .arrival import arrive_in, read_arrived
from .opened import field_folder
from .types import Outcome, settings_of
from .waiting import backend_is_free, followed


class PROPFIELD_OT_learn(Operator):
    """Learn where this kind of object is around a person"""

    bl_idname = "propfield.learn"
    bl_label = "Learn"

    wait: BoolProperty(
        name="Wait",
        description="Return once the field is there, for scripts",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Needs a running backend, a category, and no other job."""
        if not backend_is_free(cls):
            return False
        if not settings_of(context.scene).category.strip():
            cls.poll_message_set("Choose a category first.")
            return False
        return True

    def execute(self, context: Context) -> Outcome:
        """Returns at once, but for scripts."""
        settings = settings_of(context.scene)
        interaction = settings.interaction.strip()
        request = {
            "kind": "learn",
            "category": settings.category.strip(),
            "types": [interaction] if interaction else None,
            "source": "studio",
            "views": settings.views,
            "seed": settings.seed,
            "estimator": settings.estimator,
        }
        try:
            job = session.learn(request, field_folder(), read_arrived, arrive_in(context.scene.name))
        except BackendError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return followed(self, job, self.wait, "Learning was cancelled.")


def resume(found: dict) -> None:
    """Follows a learn job that was under way when the backend was joined, for the scene in the window."""
    if bpy.app.background:
        # A script asks for what it wants; nobody waits for what an earlier one left.
        return
    request = dict(found.get("request") or {})
    scene = bpy.context.scene
    session.learn(request, field_folder(), read_arrived, arrive_in(scene.name), identifier=str(found["id"]))
