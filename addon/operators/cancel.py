"""Cancel the job that runs."""

from bpy.types import Context, Operator

from ..client.running import keep_stepping, session
from .types import Outcome


class PROPFIELD_OT_cancel(Operator):
    """Stop what the backend does; nothing unfinished is kept"""

    bl_idname = "propfield.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Only while the backend works."""
        if not session.learning:
            cls.poll_message_set("The backend is at rest.")
            return False
        return True

    def execute(self, context: Context) -> Outcome:
        """The backend's answer shows in the panel."""
        session.cancel()
        keep_stepping()
        return {"FINISHED"}
