"""Which field of the library an operator is for, and waiting for what it does."""

from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty
from bpy.types import Context, Operator

from ..client.running import keep_stepping, session
from ..client.shelf_at_hand import shelf
from .types import Outcome
from .waiting import must_wait

NO_CHOICE = "Choose a field of the library first."


def library_of(context: Context) -> Any:
    """The window's list: `ui.properties_library.PropfieldLibrary`."""
    return context.window_manager.propfield_library  # type: ignore[attr-defined]


def chosen_entry(context: Context) -> dict[str, Any] | None:
    """The field that is chosen in the list."""
    library = library_of(context)
    if 0 <= library.active < len(library.rows):
        return shelf.entry(library.rows[library.active].name)
    return None


class LibraryVerb(Operator):
    """A verb on one field of the library; scripts give its name, the panel the chosen one."""

    name: StringProperty(
        name="Field",
        description="Empty: the one that is chosen in the list",
        options={"HIDDEN", "SKIP_SAVE"},
    )
    wait: BoolProperty(
        name="Wait", description="Return once it is done, for scripts", options={"HIDDEN", "SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Needs a choice; a script, which has no list before it, names its own."""
        if not bpy.app.background and chosen_entry(context) is None:
            cls.poll_message_set(NO_CHOICE)
            return False
        return True

    def entry(self, context: Context) -> dict[str, Any] | None:
        """The field that is meant; reports where there is none."""
        if self.name and must_wait(self.wait) and shelf.entry(self.name) is None:
            shelf.refresh()
            keep_stepping()
            session.wait(lambda: not shelf.busy)
        entry = shelf.entry(self.name) if self.name else chosen_entry(context)
        if entry is None:
            self.report({"ERROR"}, f"The library has no field “{self.name}”." if self.name else NO_CHOICE)
        return entry


def followed(operator: Operator, wait: bool) -> Outcome:
    """What an operator gives back once threads work for it: at once, but for scripts."""
    keep_stepping()
    if must_wait(wait):
        session.wait(lambda: not shelf.busy)
        if shelf.problem:
            operator.report({"ERROR"}, shelf.problem)
            return {"CANCELLED"}
    return {"FINISHED"}
