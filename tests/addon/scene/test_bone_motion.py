import numpy as np
import pytest

bpy = pytest.importorskip("bpy")


def test_the_maps_of_the_bones_blend_to_where_the_mesh_is(field, character, collection, poses):
    """The character stands turned, moved and scaled; the maps say where in the world its field's mesh is."""
    from addon.scene.axes import points_from_blender
    from addon.scene.bone_motion import canonical_to_world
    from addon.scene.field_mesh import import_field_mesh
    from addon.scene.kinematics import skin_forward
    from addon.scene.measure import resting_vertices
    from addon.scene.posing import apply_pose
    from addon.scene.weights import interpolate_weights

    armature, _ = character
    shells = import_field_mesh(field, "all", armature, collection)
    canonical = resting_vertices(shells)
    in_grid = (canonical - field.first_centre) / field.voxel
    weights = interpolate_weights(field.voxel_weights, (field.resolution,) * 3, in_grid)
    armature.location, armature.rotation_euler, armature.scale = (1, 2, 0.3), (0.2, -0.1, 2), (1.2, 1.2, 1.2)
    for pose in poses:
        apply_pose(armature, pose)
        maps = canonical_to_world(field, armature)
        evaluated = shells.evaluated_get(bpy.context.evaluated_depsgraph_get())
        matrix = np.array(evaluated.matrix_world)
        shown = np.array([vertex.co for vertex in evaluated.data.vertices]) @ matrix[:3, :3].T + matrix[:3, 3]
        predicted = skin_forward(canonical, weights.astype(np.float64), maps)
        assert maps.dtype == np.float64
        assert np.abs(predicted - points_from_blender(shown)).max() < 2e-5


def test_on_another_rig_the_maps_say_where_the_body_s_surroundings_are(field, collection):
    """A mesh is carried over and posed in two blends, the maps blend once: near joints they differ a bit."""
    from addon.scene.axes import points_from_blender
    from addon.scene.bone_motion import canonical_to_world
    from addon.scene.kinematics import skin_forward
    from addon.scene.posing import apply_pose
    from tests.addon.scene.rig_samples import (
        SAMPLES,
        import_layer,
        layer,
        make_sample,
        ten_poses,
        world_points,
    )

    armature, _ = make_sample(field, SAMPLES["Unreal 4"], collection)
    around = import_layer(field, armature, collection)
    points, weights = layer(field)
    for pose in ten_poses()[:2]:
        apply_pose(armature, pose)
        predicted = skin_forward(points, weights.astype(np.float64), canonical_to_world(field, armature))
        off = np.linalg.norm(predicted - points_from_blender(world_points(around)), axis=1)
        assert off.mean() < 1e-3
        assert off.max() < 0.02
