"""Open a field of the backend's library."""

from bpy.props import BoolProperty, EnumProperty
from bpy.types import Context, Operator

from ..client.http import BackendError
from ..client.running import keep_stepping, session
from .arrival import arrive_in, read_arrived
from .opened import field_folder
from .types import Outcome
from .waiting import must_wait

# Blender keeps no copy of a dynamic enum's strings, so Python must.
_items: list[tuple[str, str, str]] = []


def _list_library(self: Operator, context: Context | None) -> list[tuple[str, str, str]]:
    _items[:] = [
        (entry["name"], entry["name"], f"{entry.get('category', '')}, {entry.get('views', 0)} views")
        for entry in session.library
    ]
    return _items


class PROPFIELD_OT_fetch_field(Operator):
    """Open a field that the backend has learned before"""

    bl_idname = "propfield.fetch_field"
    bl_label = "Open from Library"

    name: EnumProperty(name="Field", items=_list_library)
    wait: BoolProperty(
        name="Wait",
        description="Return once the field is there, for scripts",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Needs a backend that has learned something."""
        if not session.library:
            cls.poll_message_set("Start the backend and learn a field first.")
            return False
        return True

    def execute(self, context: Context) -> Outcome:
        """Returns at once, but for scripts."""
        try:
            session.fetch(self.name, field_folder(), read_arrived, arrive_in(context.scene.name))
        except BackendError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        keep_stepping()
        if must_wait(self.wait):
            session.wait(lambda: not session.pump.busy)
            if session.problem:
                self.report({"ERROR"}, session.problem)
                return {"CANCELLED"}
        return {"FINISHED"}
