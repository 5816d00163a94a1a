"""Start the backend, or join the one that runs."""

from bpy.props import BoolProperty
from bpy.types import Context, Operator

from ..client.running import keep_stepping, session
from ..client.session import RUNNING, STARTING, STOPPED
from .backend_settings import backend_settings
from .types import Outcome
from .waiting import must_wait


class PROPFIELD_OT_backend_start(Operator):
    """Start the program that learns fields, or use the one that runs already"""

    bl_idname = "propfield.backend_start"
    bl_label = "Start Backend"

    wait: BoolProperty(
        name="Wait", description="Return once it runs, for scripts", options={"HIDDEN", "SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Not while it runs."""
        if session.state != STOPPED:
            cls.poll_message_set("The backend is running or on its way.")
            return False
        return True

    def execute(self, context: Context) -> Outcome:
        """Returns at once, but for scripts."""
        settings = backend_settings(context)
        session.start(settings.port, settings.command, settings.keep)
        keep_stepping()
        if must_wait(self.wait):
            session.wait(lambda: session.state != STARTING)
            if session.state != RUNNING:
                self.report({"ERROR"}, session.problem)
                return {"CANCELLED"}
        return {"FINISHED"}
