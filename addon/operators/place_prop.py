"""Place a prop on the character in the pose of the current frame."""

from bpy.props import BoolProperty
from bpy.types import Context, Operator

from ..client.here import Tell
from ..client.http import BackendError
from ..scene.errors import SceneError
from ..scene.placements import from_answer, show, store
from ..scene.prop_problem import Problem, read_now
from ..scene.prop_search import DEEPEST, search
from .placing import Order, begin, may_place, objects_of, order_of, worlds
from .target import leave_edit_mode
from .types import Outcome, settings_of
from .waiting import followed


class PROPFIELD_OT_place_prop(Operator):
    """Find where the prop belongs on the character in this pose, and attach it to the right bones"""

    bl_idname = "propfield.place_prop"
    bl_label = "Place"

    wait: BoolProperty(
        name="Wait", description="Return once it is placed, for scripts", options={"HIDDEN", "SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Needs a field, a character, a prop, and no other work."""
        return may_place(cls, context)

    def execute(self, context: Context) -> Outcome:
        """Returns at once, but for scripts."""
        leave_edit_mode(context)
        try:
            order = order_of(context)
            prop, character = objects_of(order)
            reading = read_now(order.field, character, prop)
            settings_of(context.scene).place.prop = prop
            job = begin(order, iter([reading]), False, _search, _arrive)
        except (SceneError, BackendError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return followed(self, job, self.wait, "Placing was cancelled.")


def _search(problem: Problem, order: Order, tell: Tell) -> dict:
    return {"placements": search(order.field, problem, order.wishes, tell), "path": None}


def _arrive(order: Order, problem: Problem, result: dict) -> None:
    prop, character = objects_of(order)
    found = result["placements"]
    if not found:
        raise SceneError("The prop fits nowhere in this pose: allow scale, or change the pose.")
    # What goes through the body is offered only where nothing else is; the panel says so then.
    found = [entry for entry in found if float(entry.get("penetration_m") or 0) <= DEEPEST] or found[:1]
    matrices = worlds(problem, [entry["matrix"] for entry in found])
    what = f"{order.field.category}, {order.wishes.type_name}"
    store(prop, character, from_answer(found, matrices, character, problem.rig[0], what))
    show(prop, 0, order.how)
