"""Stop the backend."""

from bpy.props import BoolProperty
from bpy.types import Context, Operator

from ..client.running import keep_stepping, session
from ..client.session import RUNNING, STARTING, STOPPING
from .types import Outcome
from .waiting import must_wait


class PROPFIELD_OT_backend_stop(Operator):
    """Stop the backend; one that was started by hand or that another Blender uses is left running"""

    bl_idname = "propfield.backend_stop"
    bl_label = "Stop Backend"

    wait: BoolProperty(
        name="Wait", description="Return once it ended, for scripts", options={"HIDDEN", "SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Only while it runs or starts."""
        if session.state not in (RUNNING, STARTING):
            cls.poll_message_set("No backend runs.")
            return False
        return True

    def execute(self, context: Context) -> Outcome:
        """Returns at once, but for scripts."""
        session.stop()
        keep_stepping()
        if must_wait(self.wait):
            session.wait(lambda: session.state != STOPPING and not session.pump.busy)
        return {"FINISHED"}
