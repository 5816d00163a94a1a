"""What is done with a field object: baked, marked as an asset; and its panel."""

import time
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

needs_openvdb = pytest.mark.skipif(bpy.app.version < (4, 4), reason="the 4.2 wheel has no openvdb module")


@pytest.fixture
def fog(blender, field_file):
    """A volume on a new character, active and selected; small, so that baking a frame takes a second."""
    assert blender.ops.propfield.open_field(filepath=str(field_file)) == {"FINISHED"}
    assert blender.ops.propfield.import_volume(type_name="hold") == {"FINISHED"}
    scene = blender.context.scene
    scene.frame_start, scene.frame_end = 3, 5
    return blender.context.view_layer.objects.active


@needs_openvdb
def test_baking_shows_a_sequence_in_place_of_the_live_volume(blender, fog, tmp_path):
    assert blender.ops.propfield.bake(directory=str(tmp_path), wait=True) == {"FINISHED"}
    names = [f"umbrella_volume_{frame:04d}.vdb" for frame in (3, 4, 5)]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    baked = blender.data.objects["umbrella volume baked"]
    assert (baked.data.frame_start, baked.data.frame_duration) == (3, 3)
    assert Path(baked.data.filepath) == tmp_path / names[0]
    assert fog.hide_render
    assert not baked.hide_render
    # Again: nothing is computed, and there is still one baked object.
    before = [(tmp_path / name).stat().st_mtime_ns for name in names]
    assert blender.ops.propfield.bake(directory=str(tmp_path), wait=True) == {"FINISHED"}
    assert [(tmp_path / name).stat().st_mtime_ns for name in names] == before
    assert [one.name for one in blender.data.objects if one.type == "VOLUME"] == ["umbrella volume baked"]


@needs_openvdb
def test_a_step_of_the_bake_never_waits_for_a_frame_and_it_can_be_stopped(blender, fog, tmp_path, addon):
    from addon.operators.bake_run import BakeRun
    from addon.operators.opened import open_field

    field = open_field(blender.context.scene.propfield.field_path)
    blender.context.scene.frame_set(4)
    run = BakeRun(fog, field, tmp_path, list(range(1, 41)))
    assert run.step()
    assert run.done == 0, "a frame takes far longer than reading the next"
    run.stop()
    assert run.state == "stopped"
    assert not run.step()
    assert blender.context.scene.frame_current == 4
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and any(name.name.startswith(".") for name in tmp_path.iterdir()):
        time.sleep(0.1)
    assert len(list(tmp_path.glob("*.vdb"))) < 10


@needs_openvdb
def test_a_bake_whose_object_is_gone_ends_with_a_sentence(blender, fog, tmp_path, addon):
    from addon.operators.bake_run import BakeRun
    from addon.operators.opened import open_field

    run = BakeRun(fog, open_field(blender.context.scene.propfield.field_path), tmp_path, [1, 2])
    blender.data.objects.remove(fog)
    assert not run.step()
    assert (run.state, run.error) == (
        "failed",
        "“umbrella volume” is no longer in the scene that is shown: bake it again.",
    )


def test_baking_and_marking_need_a_field_object(blender, fog):
    blender.context.view_layer.objects.active = fog.parent
    for verb in (blender.ops.propfield.bake, blender.ops.propfield.mark_asset):
        with pytest.raises(RuntimeError, match="Select a field's mesh, volume or points first"):
            verb()


def test_frames_the_wrong_way_round_are_a_sentence(blender, fog, tmp_path):
    with pytest.raises(RuntimeError, match="The last frame comes before the first"):
        blender.ops.propfield.bake(first=5, last=4, directory=str(tmp_path), wait=True)


def test_an_asset_is_whole_in_another_file_with_picture_tags_and_notes(blender, fog, tmp_path):
    noted = {"author": "A. Nimator", "licence": "CC0-1.0", "description": "An umbrella"}
    assert blender.ops.propfield.mark_asset(**noted) == {"FINISHED"}
    # Marked twice it is still one.
    assert blender.ops.propfield.mark_asset(**noted) == {"FINISHED"}
    (collection,) = [one for one in blender.data.collections if one.asset_data]
    data = collection.asset_data
    assert (data.author, data.license, data.description) == ("A. Nimator", "CC0-1.0", "An umbrella")
    assert [tag.name for tag in data.tags] == ["propfield", "umbrella", "all", "hold", "carry"]
    saved = tmp_path / "library.blend"
    blender.ops.wm.save_as_mainfile(filepath=str(saved))
    blender.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(saved), assets_only=True) as (there, wanted):
        assert there.collections == ["Umbrella field, volume"]
        wanted.collections = list(there.collections)
    (collection,) = wanted.collections
    bpy.context.scene.collection.children.link(collection)
    picture = np.empty(256 * 256 * 4, np.float32)
    collection.preview.image_pixels_float.foreach_get(picture)
    picture = picture.reshape(256, 256, 4)
    assert 0.05 < picture[..., 3].mean() < 0.7
    # The body's grey in the middle, the fog's colours above it.
    reddish = (picture[..., 0] > picture[..., 2] + 0.2) & (picture[..., 3] > 0.3)
    assert reddish.sum() > 200
    assert np.argwhere(reddish)[:, 0].mean() > 128

    fog = next(one for one in collection.objects if one.get("propfield"))
    armature, carrier = fog.parent, fog.modifiers[0]["Socket_3"]
    (helper,) = [modifier.object for modifier in carrier.modifiers]
    assert {armature, carrier, helper} <= set(collection.objects)
    assert any(one.type == "MESH" and one.find_armature() == armature for one in collection.objects)

    def corners():
        graph = bpy.context.evaluated_depsgraph_get()
        boxes = [o.object.bound_box for o in graph.object_instances if o.object.type == "VOLUME"]
        return np.array([corner[:] for corner in boxes[0]])

    at_rest = corners()
    armature.pose.bones["spine1"].rotation_quaternion = (0.9, 0.43, 0, 0)
    assert np.abs(corners() - at_rest).max() > 0.05


def test_points_come_in_beside_mesh_and_volume(blender, fog):
    settings = blender.context.scene.propfield
    assert blender.ops.propfield.import_points(type_name="carry") == {"FINISHED"}
    points = blender.context.view_layer.objects.active
    assert points.parent == settings.character
    assert set(points.data.attributes.keys()) >= {"probability", "type"}
    # And over to another character.
    blender.ops.propfield.make_body()
    points.select_set(True)
    assert blender.ops.propfield.bind() == {"FINISHED"}
    moved = next(one for one in blender.data.objects if one.get("propfield", {}).get("kind") == "points")
    assert moved.parent == settings.character != fog.parent


def test_the_panel_shows_every_input_that_can_be_keyed(blender, fog):
    from addon.scene.field_object import keyable_inputs

    panel = blender.types.PROPFIELD_PT_field_object
    assert panel.poll(blender.context)
    inputs = keyable_inputs(fog)
    assert list(inputs) == ["Type", "Threshold", "Density", "Resolution", "Colour", "Tint"]
    for frame, path in enumerate(inputs.values()):
        assert fog.keyframe_insert(f'modifiers["Propfield volume"]{path}', frame=frame)
    blender.context.view_layer.objects.active = fog.parent
    assert not panel.poll(blender.context)
