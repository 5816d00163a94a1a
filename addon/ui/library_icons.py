"""Pictures of the library as icons of Blender's."""

from typing import Any

import bpy.utils.previews

_icons: Any = None


def icon_of(file: str) -> int:
    """The icon of a picture; 0, which shows nothing, for none."""
    global _icons
    if not file:
        return 0
    if _icons is None:
        _icons = bpy.utils.previews.new()
    if file not in _icons:
        try:
            _icons.load(file, file, "IMAGE")
        except (KeyError, RuntimeError):
            return 0
    return _icons[file].icon_id


def forget() -> None:
    """Frees all of them, for the add-on's end."""
    global _icons
    if _icons is not None:
        bpy.utils.previews.remove(_icons)
        _icons = None
