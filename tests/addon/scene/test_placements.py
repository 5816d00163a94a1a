"""The list of placements on a prop: stepping, other poses, saving, keeping and clearing."""

import json
import subprocess
import sys

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from mathutils import Matrix  # noqa: E402


def entry(joints, **told):
    return {"joints": joints, "score": 0.5, "fill": 0.25, "contact_m": None, "penetration_m": 0.002} | told


@pytest.fixture
def placed(character):
    """(prop, character, worlds): a cube with three placements, in a hand, between the feet, in a hand."""
    from addon.scene.placements import from_answer, show, store
    from addon.scene.prop_anchor import rig_pose

    armature, _ = character
    armature.location.x = 2
    bpy.ops.mesh.primitive_cube_add(size=0.2, location=(5, 5, 5))
    prop = bpy.context.object
    worlds = [
        np.array(Matrix.Translation((0, index, 1)) @ Matrix.Rotation(index, 4, "X")) for index in range(3)
    ]
    answer = [
        entry({"right_wrist": 1.0}, contact_m=0.01, scale=2.0),
        entry({"left_foot": 0.5, "right_foot": 0.5}),
        entry({"left_hand": 0.9, "head": 0.1}),
    ]
    store(prop, armature, from_answer(answer, worlds, armature, rig_pose(armature), "umbrella, hold"))
    show(prop, 0, "AUTO")
    return prop, armature, worlds


def test_steps_go_round_and_each_is_attached_to_its_own_bones(placed):
    from addon.scene.evaluated import world_matrix
    from addon.scene.placements import current, show, stored
    from addon.scene.prop_attach import held_by

    prop, _, worlds = placed
    holders = [
        ("BONE", ("right_wrist",)),
        ("ARMATURE", ("left_ankle", "right_ankle")),
        ("BONE", ("left_wrist",)),
    ]
    for index in (0, 1, 2, 3, 4, -1, -2):
        shown = show(prop, index, "AUTO")
        assert current(prop) == index % 3
        assert held_by(prop) == holders[index % 3]
        assert np.allclose(world_matrix(prop), worlds[index % 3], atol=1e-5)
        assert tuple(shown.bones) == holders[index % 3][1]
    placements = stored(prop)
    assert placements.what == "umbrella, hold"
    assert [each.contact for each in placements.found] == [0.01, None, None]
    assert placements.found[0].scale == 2.0


def test_in_another_pose_they_go_with_the_bones(placed):
    from addon.scene.evaluated import world_matrix
    from addon.scene.placements import show
    from addon.scene.posing import apply_pose
    from addon.scene.prop_anchor import rig_pose

    prop, armature, worlds = placed
    before = rig_pose(armature).bones
    apply_pose(armature, np.random.default_rng(1).normal(0, 0.4, (24, 3)))
    now = rig_pose(armature).bones
    for index, bone in ((0, "right_wrist"), (2, "left_wrist")):
        show(prop, index, "AUTO")
        expected = now[bone] @ np.linalg.inv(before[bone]) @ worlds[index]
        assert np.allclose(world_matrix(prop), expected, atol=1e-5)


def test_keep_leaves_blenders_own_and_clear_what_was(placed):
    from addon.scene.evaluated import world_matrix
    from addon.scene.placements import clear, keep, show, stored

    prop, _, worlds = placed
    keep(prop)
    assert stored(prop) is None
    assert not [key for key in prop.keys() if key.startswith("propfield")]  # noqa: SIM118
    assert prop.parent_bone == "right_wrist"
    assert np.allclose(world_matrix(prop), worlds[0], atol=1e-5)
    clear(prop)
    assert prop.parent_bone == "right_wrist", "what was kept is not taken back"
    from addon.scene.errors import SceneError

    with pytest.raises(SceneError, match="has no placements"):
        show(prop, 0, "AUTO")


def test_clear_takes_back_all_that_was_done(placed):
    from addon.scene.placements import clear, show, stored

    prop, _, _ = placed
    show(prop, 1, "CHILD_OF")
    clear(prop)
    assert stored(prop) is None
    assert prop.parent is None
    assert not len(prop.constraints)
    assert prop.location[:] == (5, 5, 5)


def test_a_character_or_a_bone_that_is_gone_is_a_sentence(placed):
    from addon.scene.edit_bones import edit_bones
    from addon.scene.errors import SceneError
    from addon.scene.placements import show

    prop, armature, _ = placed
    with edit_bones(armature) as bones:
        bones["left_wrist"].name = "Hand.L"
    show(prop, 0, "AUTO")
    with pytest.raises(SceneError, match="no bone “left_wrist”"):
        show(prop, 2, "AUTO")
    bpy.data.objects.remove(armature)
    with pytest.raises(SceneError, match="is gone"):
        show(prop, 0, "AUTO")


def test_a_list_that_somebody_broke_counts_as_none(placed):
    from addon.scene.placements import KEY, stored

    prop, _, _ = placed
    for broken in ("", "[]", '{"found": [{"world": 1}], "posed": {}, "what": ""}', '{"found": []}'):
        prop[KEY]["list"] = broken
        assert stored(prop) is None


def test_saved_it_opens_without_the_addon_where_it_was_and_steps_on_with_it(placed, tmp_path):
    from addon.scene.placements import current, show, stored

    prop, armature, worlds = placed
    show(prop, 1, "AUTO")
    name, file = prop.name, str(tmp_path / "placed.blend")
    bpy.ops.wm.save_as_mainfile(filepath=file)
    script = (
        "import bpy, json, sys\n"
        f"bpy.ops.wm.open_mainfile(filepath={file!r})\n"
        f"print('MATRIX', json.dumps([list(row) for row in bpy.data.objects[{name!r}].matrix_world]))\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    [line] = [line for line in ran.stdout.splitlines() if line.startswith("MATRIX")]
    assert np.allclose(json.loads(line[6:]), worlds[1], atol=1e-5)
    bpy.ops.wm.open_mainfile(filepath=file)
    prop = bpy.data.objects[name]
    assert current(prop) == 1
    assert len(stored(prop).found) == 3
    show(prop, 2, "AUTO")
    assert prop.parent_bone == "left_wrist"
    del armature


def test_numbers_that_are_none_are_refused(character):
    from addon.scene.errors import SceneError
    from addon.scene.placements import from_answer
    from addon.scene.prop_anchor import rig_pose

    for bad in (np.full((4, 4), np.nan), np.zeros((4, 4))):
        with pytest.raises(SceneError, match="update the backend"):
            from_answer([entry({})], [bad], character[0], rig_pose(character[0]), "")
