"""The panels of the backend: whether it runs, on what, what is wrong, and what it can do."""

import textwrap
from typing import Any

from bpy.types import Context, Panel, UILayout

from ..client.running import session
from ..client.session import RUNNING, STARTING, STOPPED, STOPPING
from ..client.version import note_on
from ..operators.backend_settings import ADDON

STATUS: dict[str, tuple[str, Any]] = {
    STOPPED: ("Stopped", "RADIOBUT_OFF"),
    STARTING: ("Starting…", "KEYTYPE_KEYFRAME_VEC"),
    RUNNING: ("Running", "KEYTYPE_JITTER_VEC"),
    STOPPING: ("Stopping…", "KEYTYPE_KEYFRAME_VEC"),
}
SILENT_STATUS: tuple[str, Any] = ("Not Answering", "KEYTYPE_EXTREME_VEC")
# One look without an answer happens on a busy machine.
SILENT = 2


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
        silent = session.state == RUNNING and session.missed >= SILENT
        text, icon = SILENT_STATUS if silent else STATUS[session.state]
        split = layout.split(factor=0.4)
        split.label(text=text, icon=icon)
        row = split.row(align=True)
        if session.state in (STOPPED, STOPPING):
            row.operator("propfield.backend_start", text="Start")
        else:
            row.operator("propfield.backend_stop", text="Stop")
        if session.has_log:
            row.operator("propfield.show_log", text="", icon="TEXT")
        if silent:
            draw_sentence(
                layout,
                context,
                "The backend gives no sign of life: it may be busy. If this lasts, stop and start it.",
                "ERROR",
            )
        self._draw_told(context)

    def _draw_told(self, context: Context) -> None:
        layout = self.layout
        if session.problem:
            draw_sentence(layout, context, session.problem, "ERROR")
            if session.last_words:
                box = layout.box().column(align=True)
                box.scale_y = 0.7
                for line in session.last_words:
                    draw_sentence(box, context, line)
            if session.state == STOPPED:
                layout.operator("preferences.addon_show", text="Preferences…").module = ADDON
        note = session.notice or note_on(str(session.greeting.get("version", "")))
        if note:
            draw_sentence(layout, context, note, "INFO")


class PROPFIELD_PT_details(PropfieldPanel, Panel):
    """On what it runs, which parts from outside are there, and how to get the others."""

    bl_label = "Details"
    bl_parent_id = "PROPFIELD_PT_backend"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Only while it runs: it says so itself."""
        return session.state == RUNNING

    def draw(self, context: Context) -> None:
        """The machine; then who can do each job, or how to get somebody who can."""
        device = session.greeting.get("device") or {}
        column = self.layout.column(align=True)
        draw_fact(column, "Device", str(device.get("name") or device.get("kind") or "unknown"))
        free = device.get("memory_free")
        if isinstance(free, int | float):
            draw_fact(column, "Free Memory", f"{free / 2**30:.1f} GiB")
        draw_fact(column, "Version", str(session.greeting.get("version", "")))
        if session.others:
            draw_fact(column, "Used By", f"{session.others} other Blender{'s'[: session.others > 1]}")
        column = self.layout.column()
        for job, providers in _by_job(session.greeting.get("providers") or []).items():
            there = [str(each.get("name")) for each in providers if each.get("available")]
            if there:
                draw_sentence(column, context, f"{job.capitalize()}: {', '.join(there)}", "CHECKMARK")
                continue
            draw_sentence(column, context, f"{job.capitalize()}: none yet", "X")
            reason = str(providers[0].get("reason") or "")
            draw_sentence(column, context, reason[:1].upper() + reason[1:], "BLANK1")


def _by_job(providers: list[dict]) -> dict[str, list[dict]]:
    """The providers of each job, in their order."""
    jobs: dict[str, list[dict]] = {}
    for provider in providers:
        jobs.setdefault(str(provider.get("job")), []).append(provider)
    return jobs


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
