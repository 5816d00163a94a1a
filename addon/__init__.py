"""propfield's add-on: where a prop belongs on a body, as a mesh and a volume on the character's armature."""

from . import operators, ui
from .client import running


def register() -> None:
    """Makes the add-on known to Blender."""
    ui.register()
    operators.register()
    running.begin()


def unregister() -> None:
    """Takes it all back, and stops the backend that this Blender started."""
    running.end()
    operators.unregister()
    ui.unregister()
