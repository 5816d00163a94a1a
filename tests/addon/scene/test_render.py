"""What a renderer sees: in a process of its own, since one process renders one Blender."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
Image = pytest.importorskip("PIL.Image")

SCRIPT = textwrap.dedent(
    """
    import sys
    sys.path.insert(0, sys.argv[1])
    import bpy
    import numpy as np

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    from addon.scene.body import make_character
    from addon.scene.field_file import read_field
    from addon.scene.field_mesh import import_field_mesh
    from addon.scene.field_volume import import_field_volume
    from addon.scene.posing import apply_pose

    field, scene = read_field(sys.argv[2]), bpy.context.scene
    armature, body = make_character(field, scene.collection, standing=False)
    make = {"mesh": import_field_mesh, "volume": import_field_volume}[sys.argv[4]]
    make(field, "stick", armature, scene.collection)
    body.hide_render = True
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.type, camera.data.ortho_scale = "ORTHO", 3
    camera.location, camera.rotation_euler = (0, -9, 0), (np.pi / 2, 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.world = bpy.data.worlds.new("white")
    scene.render.engine, scene.cycles.device = "CYCLES", "CPU"
    scene.cycles.samples, scene.cycles.use_denoising = 8, False
    scene.render.resolution_x = scene.render.resolution_y = 60
    scene.render.film_transparent = True
    for number, turn in enumerate((0.0, -1.2)):
        pose = np.zeros((24, 3))
        pose[field.joints.index("right_shoulder")] = 0, 0, turn
        apply_pose(armature, pose)
        scene.render.filepath = f"{sys.argv[3]}/{number}.png"
        bpy.ops.render.render(write_still=True)
    """
)


@pytest.mark.parametrize("kind", ["mesh", "volume"])
def test_the_stick_is_seen_where_the_hand_carries_it(kind, field, field_path, tmp_path):
    from addon.scene.kinematics import joint_transforms

    script = tmp_path / "render.py"
    script.write_text(SCRIPT)
    repository = Path(__file__).resolve().parents[3]
    subprocess.run(
        [sys.executable, str(script), str(repository), str(field_path), str(tmp_path), kind],
        check=True,
        cwd=tmp_path,
        env={**os.environ},
        timeout=200,
        stdout=subprocess.DEVNULL,
    )
    for number, turn in enumerate((0.0, -1.2)):
        pose = np.zeros((24, 3))
        pose[field.joints.index("right_shoulder")] = 0, 0, turn
        with Image.open(tmp_path / f"{number}.png") as picture:
            opacity = np.asarray(picture)[..., 3] / 255.0
        rows, columns = np.mgrid[:60, :60]
        centre = np.array([(columns * opacity).sum(), (rows * opacity).sum()]) / opacity.sum()
        seen = np.array([centre[0] + 0.5 - 30, 30 - centre[1] - 0.5]) * 3 / 60
        # The stick's middle is 13 cm above the right hand in the rest pose and turns with it.
        hand = joint_transforms(pose, field.body_joints)[field.joints.index("right_hand")]
        middle = hand[:3, :3] @ np.array([0, 0.13, 0]) + hand[:3, 3]
        assert np.linalg.norm(seen - middle[:2]) < 0.15
