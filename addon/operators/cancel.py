"""Cancel the job that runs."""

from bpy.types import Context, Operator

from ..client.running import keep_stepping, session
from .types import Outcome


class PROPFIELD_OT_cancel(Operator):
    """Stop learning; nothing of the unfinished field is kept"""

    bl_idname = "propfield.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Only while something is learned."""
        if not session.learning:
            cls.poll_message_set("Nothing is being learned.")
            return False
        return True

    def execute(self, context: Context) -> Outcome:
        """The backend's answer shows in the panel."""
        session.cancel()
        keep_stepping()
        return {"FINISHED"}
