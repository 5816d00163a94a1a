"""The Character panel's operators in the bpy wheel."""

import pytest

bpy = pytest.importorskip("bpy")


@pytest.fixture
def unknown(blender, field_file):
    """The panel's character: the field's own body on bones whose names say nothing, without any map."""
    assert blender.ops.propfield.open_field(filepath=str(field_file)) == {"FINISHED"}
    assert blender.ops.propfield.make_body() == {"FINISHED"}
    character = blender.context.scene.propfield.character
    from addon.scene.skeleton import JOINT_NAMES

    for number, joint in enumerate(JOINT_NAMES):
        character.data.bones[joint].name = f"{number:02d}"
    return character


def test_an_unknown_rig_is_mapped_corrected_bound_and_reopened(blender, addon, unknown, tmp_path):
    from addon.scene.rig import find_rig

    propfield, settings = blender.ops.propfield, blender.context.scene.propfield
    blender.context.view_layer.objects.active = unknown
    with pytest.raises(RuntimeError, match="are of no known rig: map them in the Character panel"):
        propfield.bind()
    assert propfield.map_bones() == {"FINISHED"}
    assert settings.bones.left_elbow == "18"
    assert settings.bones.pelvis == "00"
    assert find_rig(unknown).name == "Mapped by hand"
    assert propfield.bind() == {"FINISHED"}
    # A wrong choice gets one sentence, and is mended in its field.
    settings.bones.left_elbow = "20"
    with pytest.raises(RuntimeError, match="The bone “20” is mapped to two joints"):
        propfield.bind()
    assert not propfield.save_bone_map.poll()
    settings.bones.left_elbow = ""
    with pytest.raises(RuntimeError, match="No bone is mapped to: left elbow"):
        propfield.bind()
    settings.bones.left_elbow = "18"
    assert propfield.bind() == {"FINISHED"}
    # It lies on the armature: saved and opened again, with the add-on or without.
    path = tmp_path / "mapped.blend"
    blender.ops.wm.save_as_mainfile(filepath=str(path))
    blender.ops.wm.open_mainfile(filepath=str(path))
    again = blender.context.scene.propfield
    assert again.bones.left_elbow == "18"
    assert find_rig(again.character).bones[18] == "18"
    assert propfield.forget_bones() == {"FINISHED"}
    assert find_rig(again.character) is None
    assert not propfield.forget_bones.poll()


def test_what_was_imported_moves_over_to_corrected_bones(blender, unknown):
    import numpy as np
    from addon.scene.field_object import helper_of, read_input, write_input
    from addon.scene.measure import deformed_vertices

    propfield, settings = blender.ops.propfield, blender.context.scene.propfield
    propfield.map_bones()
    chest, settings.bones.spine3 = settings.bones.spine3, ""
    assert propfield.import_mesh(type_name="carry") == {"FINISHED"}
    shown = blender.context.view_layer.objects.active
    write_input(shown, "Level 1", 0.25, frame=3)
    first, name = helper_of(shown).name, shown.name
    # What follows the right bones already is left as it is.
    blender.context.view_layer.objects.active = unknown
    assert propfield.bind() == {"FINISHED"}
    assert blender.data.objects[name] == shown

    settings.bones.spine3 = chest
    blender.ops.object.select_all(action="DESELECT")
    assert propfield.bind() == {"FINISHED"}
    moved = blender.data.objects[name]
    assert helper_of(moved).pose.bones["spine3"].constraints[0].subtarget == chest
    assert first not in blender.data.objects
    assert [one for one in unknown.children if one.get("propfield")] == [moved]
    blender.context.scene.frame_set(3)
    assert read_input(moved, "Level 1") == pytest.approx(0.25)
    # In any pose it is what an import would be now.
    bone = unknown.pose.bones[chest]
    bone.rotation_mode, bone.rotation_euler = "XYZ", (0.4, 0.3, 0.2)
    assert propfield.import_mesh(type_name="carry") == {"FINISHED"}
    anew = blender.context.view_layer.objects.active
    for level in ("Level 1", "Level 2", "Level 3"):
        write_input(anew, level, read_input(moved, level))
    assert np.array_equal(deformed_vertices(moved), deformed_vertices(anew))


def test_a_field_object_without_its_modifier_does_not_keep_bind_from_working(blender, unknown):
    propfield, settings = blender.ops.propfield, blender.context.scene.propfield
    propfield.map_bones()
    for type_name in ("carry", "hold"):
        assert propfield.import_mesh(type_name=type_name) == {"FINISHED"}
        blender.context.view_layer.objects.active.name = type_name
    applied = blender.data.objects["hold"]
    applied.modifiers.clear()
    settings.bones.spine3 = ""
    blender.ops.object.select_all(action="DESELECT")
    blender.context.view_layer.objects.active = unknown
    before = blender.data.objects["carry"]
    assert propfield.bind() == {"FINISHED"}
    assert blender.data.objects["carry"] != before
    assert blender.data.objects["hold"] == applied
    # Asked for by name, it is told why not.
    applied.select_set(True)
    with pytest.raises(RuntimeError, match="“hold” has no Propfield modifier any more"):
        propfield.bind()


def test_undo_takes_the_mapping_back(blender, unknown):
    from addon.scene.bone_choice import bones_by_hand

    name = unknown.name
    blender.ops.ed.undo_push(message="before")
    assert blender.ops.propfield.map_bones() == {"FINISHED"}
    blender.ops.ed.undo_push(message="Map Bones")
    assert bones_by_hand(blender.data.objects[name])
    blender.ops.ed.undo()
    assert bones_by_hand(blender.data.objects[name]) is None


def test_a_mapping_is_saved_for_all_rigs_of_its_kind(blender, unknown, tmp_path, monkeypatch):
    from addon.scene import bone_choice, rig

    for module in (rig, bone_choice):
        monkeypatch.setattr(module, "user_rigs", lambda: tmp_path / "rigs")
    propfield = blender.ops.propfield
    assert not propfield.save_bone_map.poll()
    propfield.map_bones()
    assert propfield.save_bone_map(name="our studio's/rig") == {"FINISHED"}
    assert [path.name for path in (tmp_path / "rigs").iterdir()] == ["our studio_s_rig.json"]
    propfield.forget_bones()
    assert rig.find_rig(unknown).name == "our studio's/rig"


def test_the_character_takes_the_pose_of_use_and_faces_where_it_did(blender, field_file):
    import numpy as np
    from addon.scene.posing import apply_pose, read_pose

    propfield, settings = blender.ops.propfield, blender.context.scene.propfield
    assert not propfield.pose_as_used.poll()
    propfield.open_field(filepath=str(field_file))
    propfield.make_body()
    character, before = settings.character, np.zeros((24, 3))
    before[0], before[5] = (0, 0.7, 0), (0.4, 0, 0)
    apply_pose(character, before)
    wanted = np.zeros((24, 3))
    wanted[0], wanted[18] = (0, 0.7, 0), (0, -1.2, 0)
    # The mix has the pose of its first interaction that knows one.
    for kind in ("carry", "all"):
        apply_pose(character, before)
        settings.field_type = kind
        assert propfield.pose_as_used() == {"FINISHED"}
        assert np.allclose(read_pose(character), wanted, atol=1e-5)
    settings.field_type = "hold"
    with pytest.raises(RuntimeError, match="does not say in which pose people hold it"):
        propfield.pose_as_used()
    assert np.allclose(read_pose(character), wanted, atol=1e-5)
    assert character.animation_data is None
    blender.context.scene.tool_settings.use_keyframe_insert_auto = True
    settings.field_type = "carry"
    assert propfield.pose_as_used() == {"FINISHED"}
    assert character.animation_data.action is not None


def test_a_field_of_one_interaction_is_taken_for_that_one(blender, field_file, tmp_path):
    """Its mix is the same field, but only the interaction itself says what touches the object."""
    from dataclasses import replace

    from propfield.field.file import load_field, save_field

    whole = load_field(field_file)
    alone = tmp_path / "alone.field.npz"
    save_field(replace(whole, types=whole.types[:2]), alone)
    settings = blender.context.scene.propfield
    blender.ops.propfield.open_field(filepath=str(alone))
    assert settings.field_type == "hold"
    blender.ops.propfield.open_field(filepath=str(field_file))
    assert settings.field_type == "all"


def test_the_fit_is_measured_and_told(blender, field_file):
    propfield = blender.ops.propfield
    assert not propfield.check_fit.poll()
    propfield.open_field(filepath=str(field_file))
    propfield.make_body()
    character = blender.context.scene.propfield.character
    assert propfield.check_fit() == {"FINISHED"}
    assert propfield.check_fit(as_posed=True) == {"FINISHED"}
    assert max(character["propfield_fit"].to_dict().values()) < 1e-3


def test_a_body_without_a_skeleton_gets_one(blender, field_file):
    propfield = blender.ops.propfield
    assert not propfield.fit_skeleton.poll()
    propfield.open_field(filepath=str(field_file))
    propfield.make_body()
    made = blender.context.scene.propfield.character
    body = made.children[0]
    body.modifiers.clear()
    world = body.matrix_world.copy()
    body.parent = None
    body.matrix_world = world
    blender.data.objects.remove(made)
    with pytest.raises(RuntimeError, match="Select the mesh of a body first"):
        propfield.fit_skeleton()
    blender.context.view_layer.objects.active = body
    assert propfield.fit_skeleton() == {"FINISHED"}
    character = blender.context.scene.propfield.character
    assert body.parent == character
    assert body.find_armature() == character
    assert propfield.import_mesh() == {"FINISHED"}
    assert propfield.check_fit() == {"FINISHED"}
    assert max(character["propfield_fit"].to_dict().values()) < 0.01
