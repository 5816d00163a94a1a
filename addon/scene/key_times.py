"""When an object has key frames."""

from collections.abc import Iterator
from typing import Any

import bpy


def key_times(item: bpy.types.Object, start: int, end: int) -> list[int]:
    """The frames in [start, end] in which the object, or a bone of it, has a key; whole and in order."""
    times = {round(point.co.x) for curve in _curves(item) for point in curve.keyframe_points}
    return sorted(time for time in times if start <= time <= end)


def _curves(item: bpy.types.Object) -> Iterator[Any]:
    data = item.animation_data
    action: Any = data.action if data is not None else None
    if action is None:
        return
    # Since 4.4 an action's curves lie in layers, by slots; 5.0 has no other way to them.
    if not hasattr(action, "layers"):
        yield from action.fcurves
        return
    slot: Any = data.action_slot
    for layer in action.layers if slot is not None else ():
        for strip in layer.strips:
            bag = strip.channelbag(slot)
            if bag is not None:
                yield from bag.fcurves
