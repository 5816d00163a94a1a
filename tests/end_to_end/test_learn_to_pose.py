"""The main job as a user does it: learn in the terminal, import in Blender, pose; both programs agree."""

import json
import subprocess
import sys

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

VIEWS = 80


@pytest.fixture(scope="module")
def field_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("learned") / "umbrella.field.npz"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "propfield", "learn", "umbrella", "--type", "hold"),
            *("--views", str(VIEWS), "--out", str(path), "--json"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return path, json.loads(done.stdout)


def test_an_umbrella_is_learned_above_the_head_and_follows_the_pose(field_file, tmp_path):
    from addon.scene.body import make_character
    from addon.scene.field_file import read_field
    from addon.scene.field_mesh import import_field_mesh
    from addon.scene.measure import deformed_vertices, resting_vertices
    from addon.scene.posing import apply_pose

    from propfield.field.file import load_field
    from propfield.field.posing import pose_field, pose_points
    from propfield.field.skinning_weights import weights_at
    from propfield.imagery.studio import StudioSource

    path, told = field_file
    assert told["views_kept"] + sum(told["views_rejected"].values()) == VIEWS
    field = load_field(path)
    pose = StudioSource().view("umbrella", "hold", 0, seed=0).pose

    # In the pose that it was learned in, the likeliest voxels are above the head.
    posed = pose_field(field, "hold", pose)
    likely = field.grid.centres()[posed.ravel() >= 0.8 * posed.max()]
    head = field.body.joints[15]
    assert likely[:, 1].mean() > head[1] + 0.2
    assert np.abs(likely[:, [0, 2]].mean(0) - head[[0, 2]]).max() < 0.4

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    collection = bpy.context.scene.collection
    at_hand = read_field(path)
    armature, _ = make_character(at_hand, collection)
    shells = import_field_mesh(at_hand, "hold", armature, collection)
    canonical = resting_vertices(shells).astype(np.float32)
    apply_pose(armature, pose)
    ours = pose_points(field, canonical, weights_at(canonical, field.weights, field.grid), pose)
    assert np.abs(deformed_vertices(shells) - ours).max() < 1e-3
