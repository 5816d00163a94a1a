"""When a field arrives from the backend: it is read in the thread, and put at hand by the pump."""

from collections.abc import Callable
from pathlib import Path

import bpy

from ..client.http import BackendError
from .opened import FieldData, FieldFileError, put_at_hand, read_field, remember


def read_arrived(path: Path) -> FieldData:
    """Reads a downloaded field, in the thread. BackendError for a bad file."""
    try:
        return read_field(path)
    except FieldFileError as error:
        raise BackendError(str(error)) from error


def arrive_in(scene_name: str) -> Callable[[Path, FieldData], None]:
    """Gives what puts an arrived field at hand in that scene, as an undo step of its own."""

    def arrive(path: Path, field: FieldData) -> None:
        remember(path, field)
        scene: bpy.types.Scene | None = bpy.data.scenes.get(scene_name)
        if scene is None:
            return
        put_at_hand(scene, path)
        windows = bpy.context.window_manager.windows
        # Without its own step, the user's next undo would take the field away as well.
        if windows and not bpy.app.background:
            with bpy.context.temp_override(window=windows[0]):
                bpy.ops.ed.undo_push(message="Receive Field")

    return arrive
