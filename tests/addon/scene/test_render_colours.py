"""The inputs' colours in each engine's pictures: in a process of its own, since without libEGL Workbench and
EEVEE end the process."""

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
    from addon.scene.field_object import write_input
    from addon.scene.field_points import import_field_points
    from addon.scene.field_volume import import_field_volume

    field, scene = read_field(sys.argv[2]), bpy.context.scene
    armature, body = make_character(field, scene.collection, standing=False)
    makers = {"mesh": import_field_mesh, "volume": import_field_volume, "points": import_field_points}
    shown = makers[sys.argv[4]](field, "stick", armature, scene.collection)
    write_input(shown, "Colour", (0.0, 0.1, 1.0, 1.0))
    if sys.argv[4] == "points":
        write_input(shown, "Radius", 0.05)
    write_input(shown, "Tint", 0.0, frame=1)
    write_input(shown, "Tint", 1.0, frame=2)
    body.hide_render = True
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.type, camera.data.ortho_scale = "ORTHO", 3
    camera.location, camera.rotation_euler = (0, -9, 0), (np.pi / 2, 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.world = bpy.data.worlds.new("white")
    engine = scene.render.engine = sys.argv[5]
    if engine == "CYCLES":
        scene.cycles.device, scene.cycles.samples, scene.cycles.use_denoising = "CPU", 2, False
    elif engine == "BLENDER_WORKBENCH":
        scene.display.shading.color_type = "VERTEX"
    else:
        scene.eevee.taa_render_samples = 1
    scene.view_settings.view_transform = "Standard"
    # EEVEE sees volumes in cells of 8 × 8 pixels: of a small picture it shows none.
    scene.render.resolution_x = scene.render.resolution_y = 96 if "EEVEE" in engine else 24
    scene.render.film_transparent = True
    for frame in (1, 2):
        scene.frame_set(frame)
        scene.render.filepath = f"{sys.argv[3]}/{frame}.png"
        bpy.ops.render.render(write_still=True)
    """
)


@pytest.mark.parametrize(
    ("kind", "engine"),
    [
        ("mesh", "CYCLES"),
        ("mesh", "BLENDER_WORKBENCH"),
        pytest.param("mesh", "EEVEE", marks=pytest.mark.slow),
        ("volume", "CYCLES"),
        pytest.param("volume", "EEVEE", marks=pytest.mark.slow),
        ("points", "CYCLES"),
    ],
)
def test_a_keyed_tint_turns_the_ramp_into_the_colour(kind, engine, field_path, tmp_path):
    if engine == "EEVEE":
        engine = "BLENDER_EEVEE" if bpy.app.version >= (5, 0) else "BLENDER_EEVEE_NEXT"
    script = tmp_path / "render.py"
    script.write_text(SCRIPT)
    repository = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, str(script), str(repository), str(field_path), str(tmp_path), kind, engine],
        cwd=tmp_path,
        env={**os.environ},
        timeout=500,
        capture_output=True,
    )
    if done.returncode < 0 and engine != "CYCLES":
        pytest.skip("this machine has no OpenGL without a window (libEGL)")
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    warm = []
    for frame in (1, 2):
        with Image.open(tmp_path / f"{frame}.png") as picture:
            pixels = np.asarray(picture.convert("RGBA")).astype(float) / 255
        weight = pixels[..., 3]
        assert weight.sum() > 1
        red, _, blue = ((pixels[..., :3] * weight[..., None]).sum((0, 1)) / weight.sum()).tolist()
        warm.append(red - blue)
    # Violet to yellow before, the blue after.
    assert warm[0] > 0.05
    assert warm[1] < -0.2
