"""The panel of the backend: whether it runs, on what, and what is wrong."""

import textwrap
from typing import Any

from bpy.types import Context, Panel, UILayout

from ..client.home import log_file
from ..client.running import session
from ..client.session import RUNNING, STARTING, STOPPED, STOPPING

STATUS: dict[str, tuple[str, Any]] = {
    STOPPED: ("Stopped", "RADIOBUT_OFF"),
    STARTING: ("Starting…", "KEYTYPE_KEYFRAME_VEC"),
    RUNNING: ("Running", "KEYTYPE_JITTER_VEC"),
    STOPPING: ("Stopping…", "KEYTYPE_KEYFRAME_VEC"),
}


class PropfieldPanel:
    """Where all of the add-on's panels are."""

    bl_space_type: Any = "VIEW_3D"
    bl_region_type: Any = "UI"
    bl_category = "Propfield"


class PROPFIELD_PT_backend(PropfieldPanel, Panel):
    """Start, stop, device, log."""

    bl_label = "Backend"

    def draw(self, context: Context) -> None:
        """Status to the left, the one button that makes sense to the right."""
        layout = self.layout
        text, icon = STATUS[session.state]
        split = layout.split(factor=0.4)
        split.label(text=text, icon=icon)
        row = split.row(align=True)
        if session.state in (STOPPED, STOPPING):
            row.operator("propfield.backend_start", text="Start")
        else:
            row.operator("propfield.backend_stop", text="Stop")
        if session.process is not None or (session.problem and log_file().is_file()):
            row.operator("wm.path_open", text="", icon="TEXT").filepath = str(log_file())
        if session.problem:
            draw_sentence(layout, context, session.problem, "ERROR")
        if session.state == RUNNING:
            self._draw_device(layout)

    @staticmethod
    def _draw_device(layout: UILayout) -> None:
        device = session.greeting.get("device") or {}
        column = layout.column(align=True)
        draw_fact(column, "Device", str(device.get("name") or device.get("kind") or "unknown"))
        free = device.get("memory_free")
        if isinstance(free, int | float):
            draw_fact(column, "Free Memory", f"{free / 2**30:.1f} GiB")
        draw_fact(column, "Version", str(session.greeting.get("version", "")))


def draw_fact(layout: UILayout, name: str, value: str) -> None:
    """A name and a value in the columns in which split properties stand."""
    split = layout.split(factor=0.4)
    left = split.row()
    left.alignment = "RIGHT"
    left.label(text=name)
    split.label(text=value)


def draw_sentence(layout: UILayout, context: Context, sentence: str, icon: Any = "NONE") -> None:
    """A sentence over as many lines as the sidebar's width asks for."""
    # Blender's labels do not wrap: 7 points a letter at a scale of 1 is what the default font takes.
    scale = context.preferences.system.ui_scale
    letters = max(16, int((context.region.width - 60 * scale) / (6.6 * scale)))
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(textwrap.wrap(sentence, letters)):
        column.label(text=line, icon=icon if number == 0 else "BLANK1" if icon != "NONE" else "NONE")
