"""What an object knows of the field that it shows, and the inputs by which it is animated."""

import hashlib
from collections.abc import Sequence
from typing import Any, Literal, TypeGuard

import bpy

from .errors import SceneError
from .field_file import FieldData
from .nodes import input_items
from .value_nodes import LATTICE

MARK = "propfield"
Kind = Literal["mesh", "volume", "points"]


def describe(object_: bpy.types.Object, field: FieldData, kind: Kind, types: Sequence[str]) -> None:
    """Notes on the object, in the custom property `propfield`, which field it shows and how."""
    object_[MARK] = {
        "category": field.category,
        "kind": kind,
        "types": list(types),
        "fingerprint": fingerprint(field),
    }


def fingerprint(field: FieldData) -> str:
    """The same for the same field, whatever its file is called."""
    digest = hashlib.sha256(field.occupancy.tobytes())
    digest.update(field.category.encode() + "\n".join(kind.name for kind in field.types).encode())
    return digest.hexdigest()[:16]


def is_field_object(object_: bpy.types.Object | None) -> bool:
    """Whether it was made of a field."""
    return object_ is not None and object_.get(MARK) is not None


def field_modifier(object_: bpy.types.Object) -> bpy.types.NodesModifier:
    """The modifier with the inputs, whatever it is called by now. SceneError where it was taken off."""
    for modifier in object_.modifiers:
        if _has_inputs(modifier):
            return modifier
    raise SceneError(f"“{object_.name}” has no Propfield modifier any more: import the field anew.")


def has_field_modifier(object_: bpy.types.Object) -> bool:
    """Whether the modifier with the inputs is still there."""
    return any(_has_inputs(modifier) for modifier in object_.modifiers)


def _has_inputs(modifier: bpy.types.Modifier) -> TypeGuard[bpy.types.NodesModifier]:
    # A nodes modifier may have lost its group.
    return (
        isinstance(modifier, bpy.types.NodesModifier)
        and modifier.node_group is not None
        and "Type" in input_items(modifier.node_group)
    )


def lattice_of(object_: bpy.types.Object) -> bpy.types.Object | None:
    """The hidden object that carries it; points carry themselves."""
    modifier = field_modifier(object_)
    item = input_items(modifier.node_group).get(LATTICE)
    return modifier.get(item.identifier) if item is not None else None


def helper_of(object_: bpy.types.Object) -> bpy.types.Object | None:
    """The helper armature (`binding.bind_rig`) that it follows, None where that was deleted."""
    carrier = lattice_of(object_) or object_
    return next((one.object for one in carrier.modifiers if one.type == "ARMATURE"), None)


def keyable_inputs(object_: bpy.types.Object) -> dict[str, str]:
    """The inputs that are animated, and their data paths from the modifier: all but data-blocks and geometry.

    SceneError where the modifier was taken off.
    """
    items = input_items(field_modifier(object_).node_group)
    blocks = ("NodeSocketGeometry", "NodeSocketMaterial", "NodeSocketObject")
    return {name: f'["{item.identifier}"]' for name, item in items.items() if item.socket_type not in blocks}


def input_path(object_: bpy.types.Object, name: str) -> str:
    """The data path of an input, by which the object keys and drives it: `modifiers["…"]["Socket_2"]`."""
    modifier = field_modifier(object_)
    item = input_items(modifier.node_group).get(name)
    if item is None:
        raise SceneError(f"“{object_.name}” has no input “{name}”.")
    return f'modifiers["{bpy.utils.escape_identifier(modifier.name)}"]["{item.identifier}"]'


def read_input(object_: bpy.types.Object, name: str) -> Any:
    """An input's value; the type as its name."""
    modifier = field_modifier(object_)
    item = input_items(modifier.node_group).get(name)
    if item is None:
        raise SceneError(f"“{object_.name}” has no input “{name}”.")
    value = modifier[item.identifier]
    return object_[MARK]["types"][value] if name == "Type" else value


def write_input(object_: bpy.types.Object, name: str, value: Any, frame: float | None = None) -> None:
    """Sets an input, the type by its name; with `frame` a key is set there."""
    path = input_path(object_, name)
    if name == "Type":
        types = list(object_[MARK]["types"])
        if value not in types:
            raise SceneError(f"“{object_.name}” has no type “{value}”; it has: {', '.join(types)}.")
        value = types.index(value)
    modifier = field_modifier(object_)
    modifier[input_items(modifier.node_group)[name].identifier] = value
    if frame is not None:
        object_.keyframe_insert(path, frame=frame)
    # Values set from Python are seen by the next evaluation only when tagged.
    object_.update_tag()


def take_over(new: bpy.types.Object, old: bpy.types.Object) -> None:
    """Gives an object of the same field and kind the other's inputs, with their keys and drivers."""
    source, target = field_modifier(old), field_modifier(new)
    target.name = source.name
    theirs = input_items(source.node_group)
    for name, item in input_items(target.node_group).items():
        value = source.get(theirs[name].identifier) if name in theirs and name != LATTICE else None
        if value is not None:
            target[item.identifier] = value
    if old.animation_data is not None:
        animation = new.animation_data_create()
        animation.action = old.animation_data.action
        # Since 4.4 an action holds the curves of several data-blocks, each in a slot.
        if getattr(old.animation_data, "action_slot", None) is not None:
            animation.action_slot = old.animation_data.action_slot
        for driver in old.animation_data.drivers:
            animation.drivers.from_existing(src_driver=driver)
    new.update_tag()
