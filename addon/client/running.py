"""The add-on's one session, and the one timer of Blender that steps it."""

import bpy

from .session import Session

session = Session()


def step() -> float | None:
    """What Blender's timer calls; scripts without a window, where timers never run, call it themselves."""
    return session.step()


def keep_stepping() -> None:
    """Sees to it that the timer runs: call it after any request."""
    if not bpy.app.timers.is_registered(step):
        # Persistent: opening another file must not cut off a job.
        bpy.app.timers.register(step, first_interval=0.05, persistent=True)


def begin() -> None:
    """For the add-on's start."""
    session.changed = _redraw


def end() -> None:
    """For the add-on's end: the timer, and the process that this Blender started."""
    if bpy.app.timers.is_registered(step):
        bpy.app.timers.unregister(step)
    session.leave()
    session.job = None


def _redraw() -> None:
    for manager in bpy.data.window_managers:
        for window in manager.windows:
            for area in window.screen.areas:
                if area.type in ("VIEW_3D", "PREFERENCES"):
                    area.tag_redraw()
