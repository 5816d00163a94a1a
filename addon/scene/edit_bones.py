"""The one place that enters edit mode, the only way by which Blender lets bones be made."""

from collections.abc import Iterator
from contextlib import contextmanager

import bpy


@contextmanager
def edit_bones(armature: bpy.types.Object) -> Iterator[bpy.types.ArmatureEditBones]:
    """The armature's edit bones; mode, active object and selection are afterwards as they were.

    The object must be in the scene; it is linked to the scene's collection meanwhile if the view layer does
    not show it.
    """
    context = bpy.context
    layer = context.view_layer
    before, mode = layer.objects.active, context.mode
    if before is not None and mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    selected = [item for item in layer.objects if item.select_get()]
    borrowed = armature.name not in layer.objects or not armature.visible_get()
    root = context.scene.collection
    borrowed = borrowed and armature.name not in root.objects
    if borrowed:
        root.objects.link(armature)
    layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        yield armature.data.edit_bones
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
        if borrowed:
            root.objects.unlink(armature)
        layer.objects.active = before
        for item in layer.objects:
            item.select_set(item in selected)
        if before is not None and mode == "POSE":
            bpy.ops.object.mode_set(mode="POSE")
