"""A user's mesh from a .glb file, with its materials, by Blender's own reader."""

from pathlib import Path

import bpy


def own_mesh(
    path: Path, name: str, parent: bpy.types.Object, collection: bpy.types.Collection
) -> bpy.types.Object | None:
    """An empty under `parent` that holds all of the file's meshes, which is in the backend's axes (glTF's are
    the same). None where this Blender has no reader of glTF switched on, or the reader does not take it; then
    nothing was made."""
    before = set(bpy.data.objects)
    try:
        bpy.ops.import_scene.gltf(filepath=str(path))
    except (AttributeError, RuntimeError):
        _remove(set(bpy.data.objects) - before)
        return None
    made = set(bpy.data.objects) - before
    if not any(item.type == "MESH" for item in made):
        _remove(made)
        return None
    root = bpy.data.objects.new(name, None)
    root.empty_display_size = 0.2
    root.parent = parent
    collection.objects.link(root)
    for item in made:
        for other in list(item.users_collection):
            other.objects.unlink(item)
        collection.objects.link(item)
        if item.parent is None:
            item.parent = root
    return root


def _remove(made: set[bpy.types.Object]) -> None:
    for item in made:
        bpy.data.objects.remove(item)
