"""Solve a prop's place over the frames of an animation."""

from bpy.props import BoolProperty
from bpy.types import Context, Object, Operator

from ..client.here import Tell
from ..client.http import BackendError
from ..scene.errors import SceneError
from ..scene.key_times import key_times
from ..scene.placements import KEY, from_answer, store
from ..scene.prop_attach import attach_over
from ..scene.prop_follow import follow, held
from ..scene.prop_problem import Problem, gather
from ..scene.prop_search import search
from .placing import Order, begin, may_place, objects_of, order_of, worlds
from .target import leave_edit_mode
from .types import Outcome, settings_of
from .waiting import followed


class PROPFIELD_OT_solve_prop(Operator):
    """Find the prop's place in each frame, smoothly, from where it is if it was placed before, and key it"""

    bl_idname = "propfield.solve_prop"
    bl_label = "Solve over Frames"

    wait: BoolProperty(
        name="Wait", description="Return once it is keyed, for scripts", options={"HIDDEN", "SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        """As for placing."""
        return may_place(cls, context)

    def execute(self, context: Context) -> Outcome:
        """Returns at once, but for scripts."""
        leave_edit_mode(context)
        try:
            order = order_of(context)
            prop, character = objects_of(order)
            frames = _frames(context, character)
            started = prop.get(KEY) is not None
            settings_of(context.scene).place.prop = prop

            def work(problem: Problem, order: Order, tell: Tell) -> dict:
                return _solve(problem, order, tell, started)

            pieces = gather(order.field, character, prop, frames)
            job = begin(order, pieces, started, work, _arrive)
        except (SceneError, BackendError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return followed(self, job, self.wait, "Solving was cancelled.")


def _frames(context: Context, character: Object) -> list[int]:
    place = settings_of(context.scene).place
    if place.end < place.start:
        raise SceneError("The last frame comes before the first: set Start and End anew.")
    if place.span == "RANGE":
        frames = list(range(place.start, place.end + 1, place.step))
    else:
        frames = key_times(character, place.start, place.end)
    if len(frames) < 2:
        raise SceneError(
            "There are fewer than two frames to solve: set Start, End and Step, or key the pose."
        )
    return frames


def _solve(problem: Problem, order: Order, tell: Tell, started: bool) -> dict:
    if started:
        first = held(order.field, problem, order.wishes.type_name)
    else:
        first = search(order.field, problem, order.wishes, lambda share, stage: tell(share / 2, stage))[0]
    path = follow(order.field, problem, order.wishes.type_name, first, lambda s, w: tell(0.5 + s / 2, w))
    return {"placements": [first | {"matrix": matrix} for matrix in path], "path": path}


def _arrive(order: Order, problem: Problem, result: dict) -> None:
    prop, character = objects_of(order)
    entries, path = result["placements"], result["path"]
    if not entries or path is None or len(path) != len(problem.frames):
        raise SceneError("The backend did not solve all frames: update the backend.")
    matrices = worlds(problem, path)
    # One list of bones holds the prop throughout: those that hold it in the mean.
    shares: dict[str, float] = {}
    for entry in entries:
        for joint, share in (entry.get("joints") or {}).items():
            shares[joint] = shares.get(joint, 0.0) + share / len(entries)
    what = f"{order.field.category}, {order.wishes.type_name}"
    first = from_answer([entries[0] | {"joints": shares}], matrices[:1], character, problem.rig[0], what)
    attach_over(prop, character, first.found[0].bones, order.how, problem.frames, matrices, problem.rig)
    store(prop, character, first)
