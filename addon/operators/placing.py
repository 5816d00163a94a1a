"""What Place and Solve over Frames have in common: what they work on, who searches, and how it arrives."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from bpy.types import Context, Object, Operator

from ..client.here import Tell, in_slices, teller, work_here
from ..client.http import Backend, BackendError
from ..client.jobs import Job
from ..client.placing import placements_of, send_problem
from ..client.running import session
from ..client.session import RUNNING
from ..scene.errors import SceneError
from ..scene.field_file import FieldData
from ..scene.object_ids import object_of
from ..scene.placements import KEY
from ..scene.prop_attach import How, refuse_prop
from ..scene.prop_problem import Problem, Reading
from ..scene.prop_search import Wishes
from ..scene.prop_size import refuse_size
from .target import NO_FIELD, field_of, has_field
from .types import settings_of
from .undo import push_undo


@dataclass(frozen=True)
class Order:
    """What the user wants placed. Objects by `session_uid`: undo and other files may come in between."""

    prop: int
    character: int
    field: FieldData
    field_path: Path
    wishes: Wishes
    how: How
    title: str


Work = Callable[[Problem, Order, Tell], dict]
"""The search in this Blender; gives the result as the backend does."""
Arrive = Callable[[Order, Problem, dict], None]
"""Takes the result into the scene; SceneError says why it cannot."""


def chosen_prop(context: Context) -> Object | None:
    """The panel's prop, else the active mesh object."""
    prop = settings_of(context.scene).place.prop
    if prop is not None and prop.name in context.scene.objects:
        return prop
    active = context.view_layer.objects.active
    return active if active is not None and active.type == "MESH" else None


def placed_prop(cls: type[Operator], context: Context) -> Object | None:
    """The chosen prop if it has placements; says why not."""
    prop = chosen_prop(context) if context.scene is not None else None
    if prop is None or prop.get(KEY) is None:
        cls.poll_message_set("Place a prop first.")
        return None
    return prop


def may_place(cls: type[Operator], context: Context) -> bool:
    """Whether there are a field, a character, a prop, and no other work; says what is missing."""
    if not has_field(context):
        cls.poll_message_set(NO_FIELD)
    elif chosen_character(context) is None:
        cls.poll_message_set("Choose a character first.")
    elif chosen_prop(context) is None:
        cls.poll_message_set("Choose a prop, a mesh object, first.")
    elif session.learning:
        cls.poll_message_set("There is work under way: wait for it, or cancel it.")
    else:
        return True
    return False


def chosen_character(context: Context) -> Object | None:
    """The panel's character, while it is in the scene."""
    character = settings_of(context.scene).character
    return character if character is not None and character.name in context.scene.objects else None


def order_of(context: Context) -> Order:
    """What the panel says. SceneError where that cannot be done."""
    settings = settings_of(context.scene)
    place, prop, character = settings.place, chosen_prop(context), chosen_character(context)
    if character is None:
        raise SceneError("Choose a character first.")
    if prop is None:
        raise SceneError("Choose a prop, a mesh object, first.")
    refuse_prop(prop, character)
    field = field_of(context)
    kind = field.types[field.type_index(settings.field_type or field.types[0].name)]
    least, most = sorted(place.scale_range)
    wishes = Wishes(
        type_name=kind.name,
        count=place.count,
        scale=(least, most) if place.allow_scale else None,
        ground=place.ground if place.on_ground else None,
    )
    return Order(
        prop=prop.session_uid,
        character=character.session_uid,
        field=field,
        field_path=Path(bpy.path.abspath(settings.field_path)),
        wishes=wishes,
        how=place.attach,
        title=f"{prop.name}, {kind.name}",
    )


def begin(order: Order, pieces: Iterator[float | Reading], started: bool, work: Work, arrive: Arrive) -> Job:
    """Goes through the frames, has the backend search, or this Blender where none runs, and takes the result.

    Only reading and taking the result hold the window; what was read is packed up in the thread. `started`:
    search near to where the prop is. BackendError where other work is under way.
    """
    job = Job(title=order.title, kind="place")
    gathered: list[Problem] = []

    def problem() -> Problem:
        if not gathered:
            reading = in_slices(session, job, _told(pieces), "read the pose", 0.2)
            try:
                packed = reading.problem()
                if not started:
                    refuse_size(order.field, packed, order.wishes)
            except SceneError as error:
                raise BackendError(str(error)) from error
            gathered.append(packed)
        return gathered[0]

    def done(result: dict) -> None:
        try:
            arrive(order, problem(), result)
        except SceneError as error:
            job.state, job.error = "failed", str(error)
            return
        push_undo("Place Prop")

    if session.state != RUNNING:

        def search(tell: Tell) -> dict:
            try:
                return work(problem(), _in_metres(order, problem().unit), tell)
            except SceneError as error:
                raise BackendError(str(error)) from error

        return work_here(session, job, search, done)

    def ask(backend: Backend) -> dict:
        packed = problem().packed(started)
        wishes = _in_metres(order, problem().unit).wishes
        choices = {
            "type": wishes.type_name,
            "count": wishes.count,
            "scale": wishes.scale,
            "ground": wishes.ground,
        }
        teller(session, job)(0.2, "send the prop")
        return send_problem(backend, packed, order.field_path, choices)

    return session.follow(
        job, ask, lambda _, answer: (Path(), placements_of(answer)), lambda _, result: done(result)
    )


def objects_of(order: Order) -> tuple[Object, Object]:
    """The prop and the character. SceneError when one is gone."""
    prop, character = object_of(order.prop), object_of(order.character)
    if prop is None:
        raise SceneError("The prop is gone: its placements were dropped.")
    if character is None:
        raise SceneError("The character is gone: the placements were dropped.")
    return prop, character


def worlds(problem: Problem, matrices: list[Any]) -> list[np.ndarray]:
    """The (4, 4) matrices of the prop's object in Blender's world, of a result's matrices."""
    return [problem.prop.to_world(np.array(matrix, dtype=float), problem.unit) for matrix in matrices]


def _in_metres(order: Order, unit: float) -> Order:
    ground = order.wishes.ground
    return order if ground is None else replace(order, wishes=replace(order.wishes, ground=ground / unit))


def _told(pieces: Iterator[float | Reading]) -> Iterator[float | Reading]:
    try:
        yield from pieces
    except SceneError as error:
        raise BackendError(str(error)) from error
