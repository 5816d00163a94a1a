"""Scale a prop to the size of the field."""

from bpy.types import Context, Operator

from ..scene.errors import SceneError
from ..scene.prop_problem import read_now
from ..scene.prop_size import lengths
from .placing import may_place, objects_of, order_of
from .target import leave_edit_mode
from .types import Outcome


class PROPFIELD_OT_size_prop(Operator):
    """Scale the prop to about the size that the field was learned with"""

    bl_idname = "propfield.size_prop"
    bl_label = "Match Size"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        """As for placing."""
        return may_place(cls, context)

    def execute(self, context: Context) -> Outcome:
        """The prop's own scale is what changes."""
        leave_edit_mode(context)
        try:
            order = order_of(context)
            prop, character = objects_of(order)
            there = read_now(order.field, character, prop).prop_and_bones()
            own, likely = lengths(order.field, order.wishes.type_name, *there)
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        prop.scale = prop.scale * (likely / own)
        self.report({"INFO"}, f"{prop.name} was {own:.3g} m long and is {likely:.2g} m now.")
        return {"FINISHED"}
