"""The operators in the bpy wheel, on a field file that the backend wrote."""

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh


def opened(blender, field_file: Path):
    assert blender.ops.propfield.open_field(filepath=str(field_file)) == {"FINISHED"}
    return blender.context.scene.propfield


def names(blender) -> set[str]:
    return {one.name for one in blender.data.objects}


def levels_of(shells) -> np.ndarray:
    import bpy

    mesh = shells.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    probability = np.empty(len(mesh.vertices), np.float32)
    mesh.attributes["probability"].data.foreach_get("value", probability)
    return np.unique(probability)


def test_registers_and_unregisters_again_and_again(addon, home):
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    menu = bpy.types.TOPBAR_MT_file_import
    before = (set(dir(bpy.types)), len(menu._dyn_ui_initialize()))
    for _ in range(3):
        addon.register()
        assert hasattr(bpy.types, "PROPFIELD_PT_learn")
        assert hasattr(bpy.context.scene, "propfield")
        assert len(menu._dyn_ui_initialize()) == before[1] + 1
        addon.unregister()
        assert (set(dir(bpy.types)), len(menu._dyn_ui_initialize())) == before
        assert not hasattr(bpy.context.scene, "propfield")


def test_opening_puts_the_field_at_hand(blender, field_file):
    settings = opened(blender, field_file)
    assert settings.field_path == str(field_file)
    assert settings.field_type == "all"
    settings.field_type = "carry"
    with pytest.raises(TypeError, match="carry"):
        settings.field_type = "juggle"


def test_nothing_can_be_imported_without_a_field(blender):
    for verb in ("import_mesh", "import_volume", "make_body", "bind"):
        operator = getattr(blender.ops.propfield, verb)
        assert not operator.poll()
        with pytest.raises(RuntimeError, match="Open a field first, or learn one"):
            operator()


def test_mesh_and_volume_follow_one_character(blender, field_file):
    settings = opened(blender, field_file)
    settings.field_type = "hold"
    settings.levels = (0.3, 0.3, 0.6)
    assert blender.ops.propfield.import_mesh() == {"FINISHED"}
    character = settings.character
    assert character.type == "ARMATURE"
    made = blender.context.view_layer.objects.active
    assert made.select_get()
    assert made.parent == character
    assert np.allclose(levels_of(made), [0.3, 0.6])
    assert blender.ops.propfield.import_volume(type_name="carry") == {"FINISHED"}
    assert settings.character == character
    assert sum(one.type == "ARMATURE" and not one.hide_viewport for one in blender.data.objects) == 1


def test_an_unknown_interaction_is_a_sentence_and_makes_no_field_object(blender, field_file):
    opened(blender, field_file)
    with pytest.raises(RuntimeError, match="no type “juggle”"):
        blender.ops.propfield.import_mesh(type_name="juggle")
    assert not any(one.get("propfield") for one in blender.data.objects)


@pytest.mark.parametrize("spoil", ["cut", "text", "missing"])
def test_a_bad_file_is_a_sentence_and_changes_nothing(blender, field_file, tmp_path, spoil):
    settings = opened(blender, field_file)
    bad = tmp_path / "bad.field.npz"
    if spoil == "cut":
        bad.write_bytes(field_file.read_bytes()[: field_file.stat().st_size // 2])
    elif spoil == "text":
        bad.write_text("an umbrella")
    with pytest.raises(RuntimeError) as caught:
        blender.ops.propfield.open_field(filepath=str(bad))
    sentence = str(caught.value).strip()
    assert "bad.field.npz" in sentence
    assert "Traceback" not in sentence
    assert len(sentence.splitlines()) == 1
    assert settings.field_path == str(field_file)


def test_make_body_and_bind_to_another_character(blender, field_file):
    from addon.scene import field_object

    settings = opened(blender, field_file)
    assert blender.ops.propfield.make_body() == {"FINISHED"}
    first = settings.character
    assert blender.ops.propfield.import_mesh(type_name="hold", levels=(0.2, 0.4, 0.8)) == {"FINISHED"}
    mesh = blender.context.view_layer.objects.active
    field_object.write_input(mesh, "Type", "carry")
    field_object.write_input(mesh, "Level 2", 0.5, frame=1)
    field_object.write_input(mesh, "Level 2", 0.6, frame=9)
    assert blender.ops.propfield.make_body() == {"FINISHED"}
    second = settings.character
    assert second != first
    mesh.select_set(True)
    blender.context.view_layer.objects.active = second
    assert blender.ops.propfield.bind() == {"FINISHED"}
    [moved] = [one for one in blender.data.objects if one.get("propfield")]
    assert moved.parent == second
    assert np.allclose(levels_of(moved), [0.2, 0.5, 0.8])
    assert field_object.read_input(moved, "Type") == "carry"
    blender.context.scene.frame_set(9)
    assert np.allclose(levels_of(moved), [0.2, 0.6, 0.8])
    assert len([group for group in blender.data.node_groups if group.name.startswith("Propfield mesh")]) == 1


def test_bind_refuses_an_armature_whose_bones_are_not_known(blender, field_file):
    opened(blender, field_file)
    stranger = blender.data.objects.new("Stranger", blender.data.armatures.new("Stranger"))
    blender.context.scene.collection.objects.link(stranger)
    blender.context.view_layer.objects.active = stranger
    with pytest.raises(RuntimeError, match="bones of “Stranger” are of no known rig"):
        blender.ops.propfield.bind()
    assert blender.context.scene.propfield.character is None


def test_a_selected_smpl_armature_is_taken(blender, field_file):
    settings = opened(blender, field_file)
    blender.ops.propfield.make_body()
    armature, settings.character = settings.character, None
    assert blender.context.view_layer.objects.active == armature
    blender.ops.propfield.import_mesh(type_name="hold")
    assert settings.character == armature


def test_a_deleted_character_is_replaced(blender, field_file):
    settings = opened(blender, field_file)
    blender.ops.propfield.make_body()
    for one in list(blender.data.objects):
        blender.context.scene.collection.objects.unlink(one)
    blender.ops.propfield.import_mesh(type_name="hold")
    assert settings.character.name in blender.context.scene.objects


def test_each_import_is_one_undo_step(blender, field_file):
    settings = opened(blender, field_file)
    blender.ops.ed.undo_push(message="Opened")
    before = names(blender)
    # Undo steps are pushed by the window manager, which does so for calls with the undo flag.
    assert blender.ops.propfield.import_mesh("EXEC_DEFAULT", True, type_name="hold") == {"FINISHED"}
    assert len(names(blender)) > len(before)
    assert blender.ops.ed.undo() == {"FINISHED"}
    assert names(blender) == before
    assert blender.context.scene.propfield.field_path == str(field_file)
    assert blender.ops.ed.redo() == {"FINISHED"}
    assert "umbrella mesh" in names(blender)
    del settings


def test_a_saved_scene_keeps_its_field(blender, field_file, tmp_path):
    settings = opened(blender, field_file)
    settings.field_type = "carry"
    blender.ops.propfield.import_mesh()
    saved = str(tmp_path / "saved.blend")
    blender.ops.wm.save_as_mainfile(filepath=saved)
    blender.ops.wm.read_factory_settings(use_empty=True)
    blender.ops.wm.open_mainfile(filepath=saved)
    settings = blender.context.scene.propfield
    assert settings.field_path == str(field_file)
    assert settings.field_type == "carry"
    assert settings.character.type == "ARMATURE"
    assert blender.ops.propfield.import_volume.poll()


def test_a_folder_without_a_scene_is_a_sentence(blender, tmp_path):
    with pytest.raises(RuntimeError) as caught:
        blender.ops.propfield.import_scene(filepath=str(tmp_path))
    assert len(str(caught.value).strip().splitlines()) == 1
    assert not blender.data.objects


def test_a_photo_scene_comes_in_as_one_undo_step_from_folder_or_file(blender, field_file, tmp_path):
    (tmp_path / "thing.field.npz").write_bytes(field_file.read_bytes())
    picture = blender.data.images.new("photo", 64, 48)
    picture.filepath_raw, picture.file_format = str(tmp_path / "photo.png"), "PNG"
    picture.save()
    blender.data.images.remove(picture)
    camera = {
        "K": [[70, 0, 32], [0, 70, 24], [0, 0, 1]],
        "R": [[1, 0, 0], [0, -1, 0], [0, 0, -1]],
        "t": [0, 0, 4],
    }
    with np.load(field_file) as arrays:
        body = trimesh.Trimesh(arrays["body_vertices"], arrays["body_faces"], process=False)
    (tmp_path / "body.ply").write_bytes(trimesh.exchange.ply.export_ply(body, vertex_normal=False))
    person = {"pose": [[0, 0, 0]] * 24, "camera": camera, "category": "umbrella", "body": "body.ply"}
    scene = {"format": "propfield.scene", "version": 1, "photo": "photo.png", "size": [64, 48]}
    text = json.dumps(scene | {"people": [person], "field": "thing.field.npz"})
    (tmp_path / "scene.json").write_text(text)
    blender.ops.ed.undo_push(message="Before")
    verb = blender.ops.propfield.import_scene
    assert verb("EXEC_DEFAULT", True, filepath=str(tmp_path / "scene.json")) == {"FINISHED"}
    made = names(blender)
    assert blender.context.scene.camera is not None
    blender.ops.ed.undo()
    assert names(blender) == set()
    assert verb(filepath=str(tmp_path)) == {"FINISHED"}
    assert names(blender) == made
