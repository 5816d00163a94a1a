"""Show what the backend told."""

from pathlib import Path
from typing import Any

import bpy
from bpy.types import Area, Context, Operator, Text

from ..client.running import keep_stepping, session
from .types import Outcome
from .waiting import must_wait

NAME = "Propfield Log"


class PROPFIELD_OT_show_log(Operator):
    """Show what the backend told of its work, in the text editor"""

    bl_idname = "propfield.show_log"
    bl_label = "Show Log"

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Once there is one."""
        if not session.has_log:
            cls.poll_message_set("There is no log yet: start the backend first.")
            return False
        return True

    def execute(self, context: Context) -> Outcome:
        """The file is read in a thread."""
        session.show_log(_show)
        keep_stepping()
        if must_wait(False):
            session.wait(lambda: not session.pump.busy)
        return {"FINISHED"}


def _show(content: str, log: Path) -> None:
    text = bpy.data.texts.get(NAME) or bpy.data.texts.new(NAME)
    text.from_string(f"# The end of {log}\n{content}")
    text.current_line_index = len(text.lines) - 1
    windows = bpy.context.window_manager.windows
    if windows and not bpy.app.background:
        _bring_up(text)


def _bring_up(text: Text) -> None:
    """Into a text editor that is there, else into a window of its own."""
    manager = bpy.context.window_manager
    editors = [a for window in manager.windows for a in window.screen.areas if a.type == "TEXT_EDITOR"]
    area = editors[0] if editors else _new_editor()
    space: Any = area.spaces.active
    space.text, space.top = text, max(0, len(text.lines) - 40)


def _new_editor() -> Area:
    manager = bpy.context.window_manager
    with bpy.context.temp_override(window=manager.windows[0]):
        bpy.ops.wm.window_new()
    area = manager.windows[-1].screen.areas[0]
    area.type = "TEXT_EDITOR"
    return area
