"""Go to the next or the previous placement of a prop."""

from bpy.props import EnumProperty
from bpy.types import Context, Operator

from ..scene.errors import SceneError
from ..scene.placements import current, show, stored
from ..scene.prop_action import is_solved
from .placing import placed_prop
from .target import leave_edit_mode
from .types import Outcome, settings_of


class PROPFIELD_OT_step_placement(Operator):
    """Try another of the places that were found for the prop"""

    bl_idname = "propfield.step_placement"
    bl_label = "Next Placement"
    bl_options = {"REGISTER", "UNDO"}

    to: EnumProperty(
        name="To",
        items=[
            ("NEXT", "Next", "The next best place"),
            ("PREVIOUS", "Previous", "The place before"),
            ("SAME", "Same", "The same place anew, attached as the panel says"),
        ],
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Needs a prop with placements."""
        return placed_prop(cls, context) is not None

    def execute(self, context: Context) -> Outcome:
        """Puts the prop there, on the pose as it is now, and attaches it."""
        leave_edit_mode(context)
        prop = placed_prop(type(self), context)
        assert prop is not None
        if is_solved(prop):
            self.report({"ERROR"}, f"“{prop.name}” is solved over frames: clear that, or place it anew.")
            return {"CANCELLED"}
        step = {"NEXT": 1, "PREVIOUS": -1, "SAME": 0}[self.to]
        try:
            placement = show(prop, current(prop) + step, settings_of(context.scene).place.attach)
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        placements = stored(prop)
        assert placements is not None
        number = f"{current(prop) + 1} of {len(placements.found)}"
        self.report({"INFO"}, f"{placements.what}: {number}, on {', '.join(placement.bones)}.")
        return {"FINISHED"}
