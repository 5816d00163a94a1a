import numpy as np
import pytest

bpy = pytest.importorskip("bpy")


def _weights(field, points) -> np.ndarray:
    from addon.scene.weights import interpolate_weights

    steps = (points - field.first_centre) / field.voxel
    return interpolate_weights(field.voxel_weights, (field.resolution,) * 3, steps)


def test_a_field_mesh_moves_as_the_backend_poses_its_points(field, learned, character, collection, poses):
    from addon.scene.field_mesh import import_field_mesh
    from addon.scene.measure import deformed_vertices, resting_vertices
    from addon.scene.posing import apply_pose

    from propfield.field.posing import pose_points

    armature, _ = character
    shells = import_field_mesh(field, "all", armature, collection)
    points = resting_vertices(shells).astype(np.float32)
    weights = _weights(field, points)
    for pose in poses:
        apply_pose(armature, pose)
        exact = pose_points(learned, points, weights, pose.astype(np.float32))
        # The requirement is 1 mm; float32 gives a hundredth of that.
        assert np.abs(deformed_vertices(shells) - exact).max() < 1e-5


def test_one_helper_for_a_character_whatever_is_bound(field, character, collection):
    from addon.scene.binding import bind_rig
    from addon.scene.body import make_character
    from addon.scene.field_mesh import import_field_mesh
    from addon.scene.field_object import lattice_of
    from addon.scene.field_volume import import_field_volume

    armature, _ = character
    helper = bind_rig(field, armature)
    shells = import_field_mesh(field, "all", armature, collection)
    fog = import_field_volume(field, "stick", armature, collection)
    assert {lattice_of(shown).modifiers[0].object for shown in (shells, fog)} == {helper}
    assert bind_rig(field, armature) is helper
    assert helper.hide_viewport
    other, _ = make_character(field, collection)
    assert bind_rig(field, other) is not helper


def test_the_helper_rests_in_the_canonical_pose(field, character):
    from addon.scene.axes import points_from_blender
    from addon.scene.binding import bind_rig
    from addon.scene.kinematics import joint_transforms

    helper = bind_rig(field, character[0])
    heads = np.array([helper.data.bones[name].head_local for name in field.joints])
    exact = joint_transforms(field.rest_pose, field.body_joints)[:, :3, 3]
    assert np.abs(points_from_blender(heads) - exact).max() < 1e-6


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_a_foreign_smpl_rig_carries_the_field_the_same(field, character, collection, poses, scale):
    """Bones named, rolled and pointed as in an FBX, y up in its own space, perhaps in centimetres."""
    from addon.scene.edit_bones import edit_bones
    from addon.scene.field_mesh import import_field_mesh
    from addon.scene.posing import apply_pose
    from mathutils import Matrix

    armature, _ = character
    foreign = bpy.data.objects.new("foreign", bpy.data.armatures.new("foreign"))
    collection.objects.link(foreign)
    foreign.matrix_world = (
        armature.matrix_world @ Matrix.Rotation(np.pi / 2, 4, "X") @ Matrix.Scale(1 / scale, 4)
    )
    random = np.random.default_rng(5)
    with edit_bones(foreign) as bones:
        for joint, parent in zip(field.joints, field.parents, strict=True):
            bone = bones.new(joint.replace("left_", "L_").replace("right_", "R_").title())
            bone.head = field.body_joints[field.joints.index(joint)] * scale
            bone.tail = bone.head + type(bone.head)((0, 0.1 * scale, 0))
            bone.roll = random.uniform(-3, 3)
            if parent >= 0:
                bone.parent = bones[parent]
    own = import_field_mesh(field, "all", armature, collection)
    theirs = import_field_mesh(field, "all", foreign, collection)
    for pose in poses:
        apply_pose(armature, pose)
        apply_pose(foreign, pose)
        graph = bpy.context.evaluated_depsgraph_get()
        clouds = []
        for shells in (own, theirs):
            evaluated = shells.evaluated_get(graph)
            points = np.empty(3 * len(evaluated.data.vertices), np.float32)
            evaluated.data.vertices.foreach_get("co", points)
            matrix = np.array(evaluated.matrix_world)
            clouds.append(points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3])
        assert np.abs(clouds[0] - clouds[1]).max() < 5e-5
