"""Looks at a saved file in a Blender that has no add-on, and poses on. Runs inside Blender.

blender --background FILE.blend --python without_addon.py -- SHELLS CHARACTER OUT.npz
"""

import sys

import bpy
import numpy as np
from mathutils import Quaternion

SHELLS, CHARACTER, OUT = sys.argv[-3:]


def vertices() -> np.ndarray:
    mesh = bpy.data.objects[SHELLS].evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    return points.reshape(-1, 3)


assert not hasattr(bpy.types.Scene, "propfield"), "the add-on is here"
as_saved = vertices()
bone = bpy.data.objects[CHARACTER].pose.bones["spine1"]
bone.rotation_mode = "QUATERNION"
bone.rotation_quaternion = Quaternion((1, 0, 0), 0.6) @ bone.rotation_quaternion
np.savez(OUT, as_saved=as_saved, posed_further=vertices())
