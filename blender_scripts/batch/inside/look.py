"""What Blender says of itself and of .blend files, before anything is rendered."""

from typing import Any

import bpy
from propfield_addon.scene.errors import SceneError


def about() -> dict[str, Any]:
    """{"blender"}: the version and the build, which pictures depend on."""
    return {"blender": f"{bpy.app.version_string} {bpy.app.build_hash.decode()}"}


def look(path: str) -> dict[str, Any]:
    """{"armatures": {name: action or None}, "actions": {name: [first, last]}, "cameras": [names]}, or
    {"error"}."""
    try:
        open_blend(path)
    except SceneError as error:
        return {"error": str(error).rstrip(".")}
    armatures, cameras = {}, []
    for found in bpy.context.scene.objects:
        if found.type == "ARMATURE":
            moved = found.animation_data
            armatures[found.name] = moved.action.name if moved and moved.action else None
        elif found.type == "CAMERA":
            cameras.append(found.name)
    actions = {one.name: [round(end) for end in one.frame_range] for one in bpy.data.actions}
    return {"armatures": armatures, "actions": actions, "cameras": sorted(cameras)}


def open_blend(path: str) -> None:
    """Opens a file without running its scripts. SceneError for one that Blender cannot read."""
    try:
        bpy.ops.wm.open_mainfile(filepath=path, load_ui=False, use_scripts=False)
    except RuntimeError as error:
        raise SceneError(f"Blender cannot open {path}: {str(error).strip()}") from None
