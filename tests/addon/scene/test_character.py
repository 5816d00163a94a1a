import numpy as np
import pytest

bpy = pytest.importorskip("bpy")


def _agrees(field, body, pose, tolerance):
    from addon.scene.kinematics import bone_transforms, skin_forward
    from addon.scene.measure import deformed_vertices

    bones = bone_transforms(pose, field.body_joints)
    exact = skin_forward(field.body_vertices, field.body_weights.dense(), bones)
    assert np.abs(deformed_vertices(body) - exact).max() < tolerance


def test_the_body_moves_as_the_backend_s(field, character, poses):
    from addon.scene.kinematics import rotation_matrices
    from addon.scene.posing import apply_pose, read_pose

    armature, body = character
    assert len(armature.data.bones) == 24
    for joint, parent in zip(field.joints, field.parents, strict=True):
        above = armature.data.bones[joint].parent
        assert (above.name if above else None) == (field.joints[parent] if parent >= 0 else None)
    for pose in poses:
        apply_pose(armature, pose)
        _agrees(field, body, pose, 2e-5)
        assert np.abs(rotation_matrices(read_pose(armature)) - rotation_matrices(pose)).max() < 2e-5


def test_it_stands_on_the_ground_facing_the_viewer_of_the_front_view(field, character):
    armature, body = character
    bpy.context.view_layer.update()
    world = np.array([body.matrix_world @ vertex.co for vertex in body.data.vertices])
    assert world[:, 2].min() == pytest.approx(0, abs=1e-5)
    assert 1.5 < world[:, 2].max() < 2.0
    heads = {bone.name: armature.matrix_world @ bone.head_local for bone in armature.data.bones}
    assert heads["left_wrist"].x > 0.5
    assert heads["left_foot"].y < heads["left_ankle"].y
    normals = np.array([polygon.normal for polygon in body.data.polygons])
    centres = np.array([polygon.center for polygon in body.data.polygons])
    # A closed surface turned outward encloses a positive volume.
    areas = np.array([polygon.area for polygon in body.data.polygons])
    assert (np.einsum("ij,ij->i", normals, centres) * areas).sum() / 3 == pytest.approx(0.06, abs=0.03)


def test_key_frames_turn_the_short_way(field, character):
    from addon.scene.posing import apply_pose, read_pose

    armature, _ = character
    pose = np.zeros((24, 3))
    for frame, angle in ((1, -2.0), (11, 2.0), (21, 3.5)):
        pose[16, 2] = angle
        apply_pose(armature, pose, frame=frame)
    scene = bpy.context.scene
    scene.frame_set(6)
    # Halfway from −2 to 2 the short way, which passes π, not 0.
    assert abs(read_pose(armature)[16, 2]) == pytest.approx(np.pi, abs=0.02)
    scene.frame_set(16)
    assert read_pose(armature)[16, 2] == pytest.approx(2.75, abs=0.02)


def test_a_pose_of_another_shape_is_refused(character):
    from addon.scene.errors import SceneError
    from addon.scene.posing import apply_pose

    for pose in (np.zeros((23, 3)), np.full((24, 3), np.nan)):
        with pytest.raises(SceneError, match="24 finite rotations"):
            apply_pose(character[0], pose)


NAMINGS = {
    "SMPL": lambda name: "_".join(
        {"left": "L", "right": "R"}.get(part, part.capitalize()) for part in name.split("_")
    ),
    "SMPL of an FBX": lambda name: "f_avg_" + NAMINGS["SMPL"](name),
    "SMPL-X": lambda name: name.replace("hand", "middle1"),
}


@pytest.mark.parametrize("naming", NAMINGS)
def test_rigs_of_the_smpl_family_are_known(naming, character, poses):
    from addon.scene.posing import apply_pose, read_pose
    from addon.scene.rig import find_rig

    armature, _ = character
    for bone in armature.data.bones:
        bone.name = NAMINGS[naming](bone.name)
    rig = find_rig(armature)
    assert rig is not None
    assert [armature.data.bones[name].name for name in rig.bones] == list(rig.bones)
    apply_pose(armature, poses[1])
    assert np.abs(read_pose(armature) - poses[1]).max() < 1e-4


def test_another_armature_gets_one_sentence(character):
    from addon.scene.errors import SceneError
    from addon.scene.rig import find_rig, rig_of

    armature, body = character
    assert find_rig(body) is None
    armature.data.bones["left_hip"].name = "thigh.L"
    assert find_rig(armature) is None
    with pytest.raises(SceneError, match="are of no known rig: map them in the Character panel"):
        rig_of(armature)


def test_making_bones_leaves_mode_and_selection_alone(field, character, collection):
    from addon.scene.body import make_character

    armature, body = character
    layer = bpy.context.view_layer
    layer.objects.active = armature
    body.select_set(True)
    armature.select_set(False)
    bpy.ops.object.mode_set(mode="POSE")
    make_character(field, collection)
    assert layer.objects.active == armature
    assert bpy.context.mode == "POSE"
    assert [item.name for item in layer.objects if item.select_get()] == [body.name]
