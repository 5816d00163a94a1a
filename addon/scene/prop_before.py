"""Where a prop was before it was placed: noted on its object, and put back."""

from typing import Any

import bpy
from mathutils import Matrix

from .prop_action import give_back, noted_action

KEY = "propfield_before"
_CHANNELS = ("location", "rotation_euler", "rotation_quaternion", "rotation_axis_angle", "scale")


def remember(prop: bpy.types.Object) -> None:
    """Notes where the prop is and whose child, unless that is noted already."""
    if prop.get(KEY) is not None:
        return
    noted: dict[str, Any] = {name: [float(x) for x in getattr(prop, name)] for name in _CHANNELS}
    noted["rotation_mode"] = prop.rotation_mode
    if prop.parent is not None:
        noted |= {"parent": prop.parent, "parent_type": prop.parent_type, "parent_bone": prop.parent_bone}
        noted["inverse"] = [x for row in prop.matrix_parent_inverse for x in row]
    prop[KEY] = noted | noted_action(prop)


def restore(prop: bpy.types.Object) -> None:
    """Puts a prop that nothing holds back to what was noted, and forgets it; else does nothing."""
    noted: Any = prop.get(KEY)
    if noted is None:
        return
    parent = noted.get("parent")
    if parent is not None:
        prop.parent, prop.parent_type, prop.parent_bone = parent, noted["parent_type"], noted["parent_bone"]
        numbers = list(noted["inverse"])
        prop.matrix_parent_inverse = Matrix([numbers[row : row + 4] for row in range(0, 16, 4)])
    prop.rotation_mode = noted["rotation_mode"]
    for name in _CHANNELS:
        setattr(prop, name, list(noted[name]))
    give_back(prop, noted)
    del prop[KEY]


def forget(prop: bpy.types.Object) -> None:
    """The prop stays as it is."""
    if prop.get(KEY) is not None:
        del prop[KEY]
