"""Looks at a saved file in a Blender that has no add-on, and poses on. Runs inside Blender.

blender --background FILE.blend --python without_addon.py -- SHELLS CHARACTER PROP OUT.npz
"""

import sys

import bpy
import numpy as np
from mathutils import Quaternion

SHELLS, CHARACTER, PROP, OUT = sys.argv[-4:]


def vertices() -> np.ndarray:
    mesh = bpy.data.objects[SHELLS].evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    return points.reshape(-1, 3)


assert not hasattr(bpy.types.Scene, "propfield"), "the add-on is here"
as_saved, prop_as_saved = vertices(), np.array(bpy.data.objects[PROP].matrix_world)
bone = bpy.data.objects[CHARACTER].pose.bones["spine1"]
bone.rotation_mode = "QUATERNION"
bone.rotation_quaternion = Quaternion((1, 0, 0), 0.6) @ bone.rotation_quaternion
bpy.context.view_layer.update()
moved = np.array(bpy.data.objects[PROP].matrix_world)
np.savez(OUT, as_saved=as_saved, posed_further=vertices(), prop_as_saved=prop_as_saved, prop=moved)
