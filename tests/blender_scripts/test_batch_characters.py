"""Characters and motions of the user's: a .blend file with its own action and camera, and motion capture."""

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("bpy")
pytestmark = pytest.mark.blender

MAKE_HERO = textwrap.dedent(
    """
    import sys
    sys.path.insert(0, sys.argv[1])
    import bpy
    import numpy as np
    bpy.ops.wm.read_factory_settings(use_empty=True)
    from addon.scene.body import make_character
    from addon.scene.field_file import read_field
    from addon.scene.posing import apply_pose
    from addon.scene.skeleton import JOINT_INDEX

    scene = bpy.context.scene
    hero, _ = make_character(read_field(sys.argv[2]), scene.collection, name="Hero")
    pose = np.zeros((24, 3))
    apply_pose(hero, pose, frame=1)
    pose[JOINT_INDEX["left_shoulder"]] = 0, 0, -1.2
    pose[JOINT_INDEX["right_hip"]] = -1.0, 0, 0
    pose[JOINT_INDEX["spine1"]] = 0, 0.5, 0
    apply_pose(hero, pose, frame=11)
    hero.animation_data.action.name = "Kick"
    scene.frame_end = 11
    bpy.context.view_layer.objects.active = hero
    hero.select_set(True)
    bpy.ops.export_anim.bvh(filepath=sys.argv[3] + "/kick.bvh", frame_start=1, frame_end=11)
    prop = bpy.data.objects.new("Crate", bpy.data.meshes.new("Crate"))
    prop.data.from_pydata([(-9, 2, 0), (9, 2, 0), (9, 2, 9), (-9, 2, 9)], [], [(0, 1, 2, 3)])
    camera = bpy.data.objects.new("Shot", bpy.data.cameras.new("Shot"))
    camera.location, camera.rotation_euler = (0, -6, 1), (np.pi / 2, 0, 0)
    for found in (prop, camera):
        scene.collection.objects.link(found)
    bpy.ops.wm.save_as_mainfile(filepath=sys.argv[3] + "/hero.blend")

    # The same person half as large again, with bones called as Mixamo calls them.
    import json
    from pathlib import Path
    names = json.loads((Path(sys.argv[1]) / "addon" / "rigs" / "mixamo.json").read_text())["bones"]
    hero.animation_data_clear()
    for joint, bone in names.items():
        hero.data.bones[joint].name = "mixamorig:" + bone
    hero.scale = (1.5, 1.5, 1.5)
    bpy.ops.wm.save_as_mainfile(filepath=sys.argv[3] + "/mixamo.blend")
    """
)
STYLE = {
    "samples": 1,
    "denoise": False,
    "floor": False,
    "show": "body",
    "resolution": [48, 60],
    "transparent": True,
}


@pytest.fixture(scope="module")
def studio(tmp_path_factory, umbrella_file) -> Path:
    """hero.blend, kick.bvh and a field."""
    folder = tmp_path_factory.mktemp("hero")
    shutil.copyfile(umbrella_file, folder / "umbrella.field.npz")
    repository = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", MAKE_HERO, str(repository), str(umbrella_file), str(folder)]
    subprocess.run(command, check=True, timeout=200, stdout=subprocess.DEVNULL)
    return folder


def alpha(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)[..., 3] > 127


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return (one & other).sum() / (one | other).sum()


def test_one_motion_looks_the_same_played_lent_and_captured(studio, run_batch):
    spec = {
        "characters": {"hero": {"blend": "hero.blend"}, "maya": "body"},
        "poses": {
            "own": {"action": "Kick", "frames": {"start": 1, "end": 11, "step": 10}},
            "lent": {"action": "Kick", "blend": "hero.blend", "frames": {"step": 10}, "ground": False},
            "captured": {"bvh": "kick.bvh", "frames": {"start": 11}, "ground": False},
        },
        "fields": {"umbrella": "umbrella.field.npz"},
        "types": ["hold"],
        "cameras": {"place": {"location": [0, -6, 1], "lens": 60}, "shot": {"object": "Shot"}},
        "styles": {"alpha": STYLE, "all": {**STYLE, "set": "own"}},
        "include": [
            {"character": "hero", "pose": "own", "camera": "place", "style": "alpha"},
            {"character": "hero", "pose": "own", "camera": "shot", "style": "all"},
            {"character": "maya", "pose": ["lent", "captured"], "camera": "place", "style": "alpha"},
        ],
    }
    path = studio / "motions.json"
    path.write_text(json.dumps(spec))
    run_batch(path)
    out = studio / "motions"
    rest, kick = (out / f"hero/umbrella-hold/own/place-alpha.{number}.png" for number in ("0001", "0011"))
    assert overlap(alpha(rest), alpha(kick)) < 0.75, "the kick is seen"
    lent = out / "maya/umbrella-hold/lent/place-alpha.{}.png"
    assert overlap(alpha(Path(str(lent).format("0011"))), alpha(kick)) > 0.98
    assert overlap(alpha(Path(str(lent).format("0001"))), alpha(rest)) > 0.98
    captured = out / "maya/umbrella-hold/captured/place-alpha.0011.png"
    assert overlap(alpha(captured), alpha(kick)) > 0.95
    # In a set of its own the crate fills the picture; in ours it is not there.
    assert alpha(out / "hero/umbrella-hold/own/shot-all.0011.png").mean() > 0.6
    assert alpha(kick).mean() < 0.3
    told = json.loads((out / "manifest.json").read_text())
    assert told["commercial"] is None, "nobody said under which licence hero.blend is"
    assert {one["path"] for one in told["inputs"]} == {"umbrella.field.npz", "hero.blend", "kick.bvh"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"poses": {"k": {"action": "Kik"}}},
            "poses.k.action: no action is called “Kik”; did you mean Kick?",
        ),
        ({"characters": {"h": {"blend": "hero.blend", "armature": "Her"}}}, "did you mean Hero?"),
        ({"characters": {"h": {"blend": "umbrella.field.npz"}}}, "characters.h.blend: Blender cannot open"),
        ({"cameras": {"c": {"object": "Shto"}}}, "“hero” has no camera “Shto”; did you mean Shot?"),
    ],
)
def test_what_a_file_lacks_is_said_before_anything_is_rendered(change, said, studio, run_batch, tmp_path):
    spec = {
        "characters": {"hero": {"blend": "hero.blend"}},
        "poses": {"kick": {"action": "Kick"}},
        "fields": {"umbrella": "umbrella.field.npz"},
        "cameras": {"shot": {"object": "Shot"}},
        "styles": {"alpha": STYLE},
    }
    path = studio / "wrong.json"
    path.write_text(json.dumps({**spec, **change}))
    done = run_batch(path, "--out", str(tmp_path / "out"), code=2)
    assert said in done.stderr
    assert not (tmp_path / "out").exists()


def test_another_rig_of_another_size_takes_the_same_pose(studio, run_batch):
    turns = {"left_shoulder": [0, 0, -60], "right_shoulder": [0, 0, 60], "left_hip": [-70, 0, 0]}
    spec = {
        "characters": {"mixamo": {"blend": "mixamo.blend"}, "maya": "body"},
        "poses": {"kick": {"joints": turns}},
        "fields": {"umbrella": "umbrella.field.npz"},
        "types": ["hold"],
        "cameras": {"front": "front"},
        "styles": {"body": STYLE, "shells": {**STYLE, "show": "mesh"}},
    }
    path = studio / "rigs.json"
    path.write_text(json.dumps(spec))
    run_batch(path)
    # The camera fits, so that the larger one fills as much of the picture.
    for style in ("body", "shells"):
        pictures = [
            alpha(studio / f"rigs/{who}/umbrella-hold/kick/front-{style}.png") for who in ("mixamo", "maya")
        ]
        assert overlap(*pictures) > 0.93, style


def test_a_shape_and_a_camera_that_fits(studio, run_batch):
    spec = {
        "characters": {"maya": "body", "other": {"shape": [3, -2]}},
        "poses": {"stand": {"joints": {"neck": [0, 0, 1]}}},
        "fields": {"umbrella": "umbrella.field.npz"},
        "types": ["hold"],
        "cameras": {"front": "front", "near": {"preset": "front", "zoom": 2}, "round": {"turntable": 3}},
        "styles": {"alpha": STYLE},
    }
    path = studio / "shapes.json"
    path.write_text(json.dumps(spec))
    run_batch(path)
    out = studio / "shapes"
    seen = {name: alpha(out / f"maya/umbrella-hold/stand/{name}-alpha.png")
            for name in ("front", "near", "round-01", "round-02", "round-03")}  # fmt: skip
    for name in ("front", "round-01", "round-02", "round-03"):
        rows, columns = np.nonzero(seen[name])
        margins = [rows.min(), columns.min(), 59 - rows.max(), 47 - columns.max()]
        assert min(margins) >= 1, name
    rows, columns = np.nonzero(seen["front"])
    margins = [min(rows.min(), 59 - rows.max()), min(columns.min(), 47 - columns.max())]
    assert min(margins) <= 4, "it fills the picture"
    assert seen["near"].sum() > 2 * seen["front"].sum()
    other = alpha(out / "other/umbrella-hold/stand/front-alpha.png")
    assert overlap(other, seen["front"]) < 0.97
