"""Types that Blender's stubs spell out at length or do not know."""

from typing import Any, Literal

from bpy.types import Scene

Outcome = set[Literal["RUNNING_MODAL", "CANCELLED", "FINISHED", "PASS_THROUGH", "INTERFACE"]]
"""What an operator gives back."""


def settings_of(scene: Scene) -> Any:
    """The add-on's settings of a scene: `ui.properties.PropfieldSettings`."""
    return scene.propfield  # type: ignore[attr-defined]
