"""What Blender's own evaluation makes of an object, for tests and reports."""

import bpy
import numpy as np

from .axes import points_from_blender
from .field_object import is_field_object, lattice_of


def deformed_vertices(object_: bpy.types.Object) -> np.ndarray:
    """(V, 3) vertices of the evaluated mesh in the backend's axes, relative to the character's armature that
    the object is parented to (the world without one), so that they compare with the backend's skinning."""
    graph = bpy.context.evaluated_depsgraph_get()
    evaluated = object_.evaluated_get(graph)
    mesh = evaluated.to_mesh()
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    evaluated.to_mesh_clear()
    matrix = evaluated.matrix_world
    character = object_.parent
    while character is not None and character.type != "ARMATURE":
        character = character.parent
    if character is not None:
        matrix = character.evaluated_get(graph).matrix_world.inverted() @ matrix
    turn = np.array(matrix)
    local = points.reshape(-1, 3).astype(np.float64) @ turn[:3, :3].T + turn[:3, 3]
    return points_from_blender(local)


def resting_vertices(object_: bpy.types.Object) -> np.ndarray:
    """As `deformed_vertices`, before the armature moves them: in the canonical pose, for a field."""
    carrier = (lattice_of(object_) if is_field_object(object_) else None) or object_
    modifiers = [modifier for modifier in carrier.modifiers if modifier.type == "ARMATURE"]
    shown = [modifier.show_viewport for modifier in modifiers]
    try:
        for modifier in modifiers:
            modifier.show_viewport = False
        return deformed_vertices(object_)
    finally:
        for modifier, was in zip(modifiers, shown, strict=True):
            modifier.show_viewport = was
