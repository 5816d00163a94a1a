"""A saved file in a Blender that never saw the add-on: posing still moves mesh and volume."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

WITHOUT_ADDON = textwrap.dedent(
    """
    import sys
    import bpy
    import numpy as np
    from mathutils import Quaternion

    bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
    armature = bpy.data.objects["Character"]
    wanted = np.load(sys.argv[2])
    for name, quaternion in zip(wanted["names"], wanted["quaternions"]):
        armature.pose.bones[str(name)].rotation_quaternion = Quaternion(quaternion)
    graph = bpy.context.evaluated_depsgraph_get()
    mesh = bpy.data.objects["umbrella mesh"].evaluated_get(graph).data
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    (corners,) = [
        np.array([corner[:] for corner in instance.object.bound_box])
        for instance in graph.object_instances
        if instance.object.type == "VOLUME"
    ]
    assert not {"addon", "propfield"} & {name.split(".")[0] for name in sys.modules}, "the add-on was loaded"
    np.savez(sys.argv[3], points=points, corners=corners)
    """
)


def test_it_keeps_following_without_the_add_on(field, character, collection, poses, tmp_path):
    from addon.scene.field_mesh import import_field_mesh
    from addon.scene.field_volume import import_field_volume
    from addon.scene.posing import apply_pose

    armature, _ = character
    shells = import_field_mesh(field, "all", armature, collection)
    import_field_volume(field, "all", armature, collection)
    saved = tmp_path / "scene.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(saved))

    def seen() -> tuple[np.ndarray, np.ndarray]:
        graph = bpy.context.evaluated_depsgraph_get()
        mesh = shells.evaluated_get(graph).data
        points = np.empty(3 * len(mesh.vertices), np.float32)
        mesh.vertices.foreach_get("co", points)
        (corners,) = [
            np.array([corner[:] for corner in instance.object.bound_box])
            for instance in graph.object_instances
            if instance.object.type == "VOLUME"
        ]
        return points, corners

    at_rest, box_at_rest = seen()
    apply_pose(armature, poses[1])
    moved, box_moved = seen()
    assert np.abs(moved - at_rest).max() > 0.1
    np.savez(
        tmp_path / "pose.npz",
        names=[bone.name for bone in armature.pose.bones],
        quaternions=[bone.rotation_quaternion[:] for bone in armature.pose.bones],
    )
    script = tmp_path / "without_addon.py"
    script.write_text(WITHOUT_ADDON)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run(
        [sys.executable, str(script), str(saved), str(tmp_path / "pose.npz"), str(tmp_path / "out.npz")],
        check=True,
        cwd=tmp_path,
        env=environment,
        timeout=120,
    )
    with np.load(tmp_path / "out.npz") as found:
        assert np.abs(found["points"] - moved).max() < 1e-6
        assert np.abs(found["corners"] - box_moved).max() < 1e-5
    assert np.abs(box_moved - box_at_rest).max() > 0.05
