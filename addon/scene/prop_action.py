"""Key frames of a placed prop, in an action of their own; an action that the prop had is kept aside."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import bpy
from mathutils import Matrix

OURS = "propfield_placed"


def key_transforms(prop: bpy.types.Object, frames: Sequence[float], bases: Iterable[Matrix]) -> None:
    """Keys location, rotation and scale in the frames, by the prop's own matrices (`matrix_basis`).

    Rotations go the short way from key to key, also through the signs of quaternions and full turns.
    """
    action = bpy.data.actions.new(f"{prop.name} placed")
    action[OURS] = True
    data = prop.animation_data_create()
    if data.action is not None:
        # Nobody else may use it, and it is to be found again.
        data.action.use_fake_user = True
    data.action = action
    if prop.rotation_mode == "AXIS_ANGLE":
        prop.rotation_mode = "QUATERNION"
    channel = "rotation_quaternion" if prop.rotation_mode == "QUATERNION" else "rotation_euler"
    last: Any = None
    for frame, basis in zip(frames, bases, strict=True):
        prop.matrix_basis = basis
        turn: Any = getattr(prop, channel).copy()
        if last is not None:
            turn.make_compatible(last)
            setattr(prop, channel, turn)
        last = turn
        for path in ("location", channel, "scale"):
            prop.keyframe_insert(path, frame=frame, group="Placed")


def let_go_of_keys(prop: bpy.types.Object) -> None:
    """Takes key frames of ours off the prop; others stay."""
    if is_solved(prop):
        action = prop.animation_data.action
        prop.animation_data.action = None
        if action is not None and action.users == 0:
            bpy.data.actions.remove(action)


def noted_action(prop: bpy.types.Object) -> dict[str, Any]:
    """The action that a prop has now, for `give_back`."""
    data = prop.animation_data
    if data is None or data.action is None:
        return {}
    # Since 4.4 an action has slots, of which one is the object's.
    slot = getattr(data, "action_slot", None)
    return {"action": data.action} | ({"slot": slot.identifier} if slot is not None else {})


def give_back(prop: bpy.types.Object, noted: Mapping[str, Any]) -> None:
    """The action that was noted, unless it was deleted since."""
    action = noted.get("action")
    if action is None:
        return
    data: Any = prop.animation_data_create()
    data.action = action
    slot = noted.get("slot")
    if slot is not None and slot in [each.identifier for each in action.slots]:
        data.action_slot = action.slots[slot]


def is_solved(prop: bpy.types.Object) -> bool:
    """Whether key frames of ours move the prop."""
    data = prop.animation_data
    return data is not None and data.action is not None and bool(data.action.get(OURS))


def moves_by_itself(prop: bpy.types.Object) -> bool:
    """Whether the prop has key frames or drivers that are not ours."""
    data = prop.animation_data
    if data is None:
        return False
    return bool(data.drivers) or (data.action is not None and not data.action.get(OURS))
