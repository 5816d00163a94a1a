"""Rigify as it comes with Blender: its metarig drawn into the open body, and the rig that it generates.

A program of its own, since Rigify does not bear being switched on twice in one process:
`python rigify_samples.py FIELD METARIG.blend GENERATED.blend`. It ends with 3 where there is no Rigify.
"""

import os
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from tests.addon.scene.rig_samples import Sample, make_sample

STANDING = Sample("rigify_metarig", lowered=40, bent=10, apart=3, lacks=("left_hand", "right_hand"))


def make_metarig(data, collection: bpy.types.Collection):
    """The basic human metarig with its bones on the joints of the body, and the body in that stance."""
    from addon.scene.edit_bones import edit_bones

    stance, body = make_sample(data, STANDING, collection)
    heads = {bone.name: bone.head_local.copy() for bone in stance.data.bones}
    heads["spine.005"] = heads["spine.004"].lerp(heads["spine.006"], 0.5)
    bpy.ops.object.armature_basic_human_metarig_add()
    armature = bpy.context.object
    armature.matrix_world = stance.matrix_world
    with edit_bones(armature) as bones:
        offsets = {bone.name: bone.tail - bone.head for bone in bones}
        for bone in bones:
            bone.head = heads.get(bone.name, bone.head)
        for bone in bones:
            if bone.name in heads:
                child = next((one for one in bone.children if one.use_connect and one.name in heads), None)
                bone.tail = heads[child.name] if child else bone.head + offsets[bone.name]
        bones["spine.003"].tail = heads["spine.004"]
    body.parent = armature
    body.modifiers[0].object = armature
    bpy.data.objects.remove(stance)
    return armature, body


def generate(metarig: bpy.types.Object, body: bpy.types.Object) -> bpy.types.Object:
    """The rig that Rigify makes of it; the body follows the bones that the limbs' controls move."""
    bpy.context.view_layer.objects.active = metarig
    metarig.select_set(True)
    bpy.ops.pose.rigify_generate()
    rig = bpy.context.object
    for group in body.vertex_groups:
        # Rigify has its limbs in several twisting pieces, the spine in one a joint.
        group.name = f"{'DEF' if 'spine' in group.name else 'ORG'}-{group.name}"
        rig.data.bones[group.name].use_deform = True
    body.parent = rig
    body.modifiers[0].object = rig
    return rig


def main(field_path: str, metarig_path: str, generated_path: str) -> None:
    """Makes both files, each with one armature named "rig" and one mesh named "body"."""
    import addon_utils
    from addon.scene.field_file import read_field

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    if addon_utils.enable("rigify", default_set=True) is None:
        sys.exit(3)
    metarig, body = make_metarig(read_field(field_path), bpy.context.scene.collection)
    metarig.name, body.name = "rig", "body"
    bpy.ops.wm.save_as_mainfile(filepath=metarig_path)
    metarig.name = "metarig"
    generate(metarig, body).name = "rig"
    bpy.ops.wm.save_as_mainfile(filepath=generated_path)


if __name__ == "__main__":
    main(*sys.argv[1:])
    # The wheel of Blender 4.2 crashes as Python ends once any class with a dynamic enum was there.
    os._exit(0)
