"""Undo steps for what arrives when no operator runs."""

import bpy


def push_undo(message: str) -> None:
    """One step for what a job brought: else the user's next undo would take it away with something else."""
    windows = bpy.context.window_manager.windows
    if windows and not bpy.app.background:
        with bpy.context.temp_override(window=windows[0]):
            bpy.ops.ed.undo_push(message=message)
    else:
        bpy.ops.ed.undo_push(message=message)
