"""Triangle meshes from .ply files, by Blender's own reader."""

from pathlib import Path

import bpy
import numpy as np

from .axes import points_from_blender
from .errors import SceneError


def read_ply(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(V, 3) vertices and (F, 3) faces of a triangle mesh in the backend's space, by Blender's own reader."""
    before = set(bpy.data.objects)
    try:
        bpy.ops.wm.ply_import(filepath=str(path), forward_axis="NEGATIVE_Z", up_axis="Y")
    except RuntimeError as error:
        raise SceneError(f"{path.name} is not a mesh that Blender can read.") from error
    made = [item for item in bpy.data.objects if item not in before]
    if len(made) != 1 or not isinstance(made[0].data, bpy.types.Mesh):
        raise SceneError(f"{path.name} is not a mesh that Blender can read.")
    mesh: bpy.types.Mesh = made[0].data
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    # The importer may turn the axes by the object's matrix rather than by the vertices.
    matrix = np.array(made[0].matrix_basis)
    points = points.reshape(-1, 3) @ matrix[:3, :3].T.astype(np.float32) + matrix[:3, 3].astype(np.float32)
    mesh.calc_loop_triangles()
    faces = np.empty(3 * len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("vertices", faces)
    bpy.data.objects.remove(made[0])
    bpy.data.meshes.remove(mesh)
    return points_from_blender(points), faces.reshape(-1, 3)
