"""The fields that were opened in this Blender, so that panels and redo need not read files again."""

from pathlib import Path

import bpy
from bpy.types import Scene

from ..client.home import home_folder
from ..scene.field_file import FieldData, FieldFileError, read_field
from .types import settings_of

__all__ = [
    "FieldData",
    "FieldFileError",
    "field_at_hand",
    "field_folder",
    "open_field",
    "put_at_hand",
    "remember",
]

_opened: dict[str, FieldData] = {}


def field_at_hand(stored_path: str) -> FieldData | None:
    """The field of a scene's `field_path` if it was opened before; reads nothing, so panels may ask."""
    return _opened.get(bpy.path.abspath(stored_path)) if stored_path else None


def open_field(path: str) -> FieldData:
    """Reads a field file, or gives the one that was read. FieldFileError for what is none."""
    absolute = bpy.path.abspath(path)
    if absolute not in _opened:
        _opened[absolute] = read_field(Path(absolute))
    return _opened[absolute]


def remember(path: Path, field: FieldData) -> None:
    """Keeps a field that was read elsewhere, or anew."""
    _opened[str(path)] = field


def put_at_hand(scene: Scene, path: Path) -> None:
    """Makes an opened field the scene's own. Beside the .blend its path is kept relative."""
    folder = Path(bpy.data.filepath).parent if bpy.data.filepath else None
    inside = folder is not None and path.is_relative_to(folder)
    settings_of(scene).field_path = bpy.path.relpath(str(path)) if inside else str(path)
    types = _opened[str(path)].types
    # The mix stands first; where there is one interaction alone, that one also says what touches the object.
    settings_of(scene).field_type = types[1 if len(types) == 2 else 0].name


def field_folder() -> Path:
    """Where learned fields are put: beside the .blend, or among the user's data while it is not saved."""
    if bpy.data.filepath:
        return Path(bpy.data.filepath).parent / "propfield"
    return home_folder() / "blender"
