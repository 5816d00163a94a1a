import numpy as np
import pytest

bpy = pytest.importorskip("bpy")


def test_the_person_s_left_up_and_front_are_where_blender_has_them():
    from addon.scene.axes import points_to_blender

    assert points_to_blender(np.eye(3)).tolist() == [[1, 0, 0], [0, 0, 1], [0, -1, 0]]


def test_points_and_rotations_come_back():
    from addon.scene.axes import (
        points_from_blender,
        points_to_blender,
        rotations_from_blender,
        rotations_to_blender,
    )
    from addon.scene.kinematics import rotation_matrices

    random = np.random.default_rng(0)
    points = random.normal(size=(5, 7, 3))
    rotations = rotation_matrices(random.normal(size=(5, 3)))
    assert np.allclose(points_from_blender(points_to_blender(points)), points)
    assert np.allclose(rotations_from_blender(rotations_to_blender(rotations)), rotations)
    # Turning, then changing axes, is changing axes, then turning.
    turned = points_to_blender(np.einsum("nij,nkj->nki", rotations, points))
    assert np.allclose(
        turned, np.einsum("nij,nkj->nki", rotations_to_blender(rotations), points_to_blender(points))
    )


@pytest.mark.parametrize("size", [(640, 480), (300, 500)])
@pytest.mark.parametrize("focal", [(500.0, 500.0), (420.0, 510.0), (510.0, 420.0)])
def test_a_blender_camera_sees_each_point_at_the_pixel_of_the_opencv_camera(size, focal, collection):
    from addon.scene.axes import camera_from_blender, camera_to_blender, points_to_blender
    from addon.scene.kinematics import rotation_matrices
    from bpy_extras.object_utils import world_to_camera_view
    from mathutils import Matrix, Vector

    random = np.random.default_rng(1)
    intrinsics = np.array([[focal[0], 0, 0.4 * size[0]], [0, focal[1], 0.57 * size[1]], [0, 0, 1]])
    rotation = rotation_matrices(np.array([2.9, 0.3, -0.2]))
    translation = np.array([0.2, -0.1, 3.0])
    matched = camera_to_blender(intrinsics, rotation, translation, size)
    data = bpy.data.cameras.new("camera")
    data.sensor_fit, data.sensor_width = "HORIZONTAL", 36
    data.lens, data.shift_x, data.shift_y = matched.lens, matched.shift_x, matched.shift_y
    camera = bpy.data.objects.new("camera", data)
    camera.matrix_world = Matrix(matched.matrix_world.tolist())
    collection.objects.link(camera)
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = matched.pixel_aspect
    bpy.context.view_layer.update()
    # Blender's own projection of a frame: it knows sensor fit, shift and pixel aspect.
    projection = np.array(
        camera.calc_matrix_camera(
            bpy.context.evaluated_depsgraph_get(),
            x=size[0],
            y=size[1],
            scale_x=matched.pixel_aspect[0],
            scale_y=matched.pixel_aspect[1],
        )
    )
    points = random.uniform(-0.5, 0.5, (20, 3))
    in_camera = points @ rotation.T + translation
    wanted = in_camera @ intrinsics.T
    wanted = wanted[:, :2] / wanted[:, 2:]
    view = np.array(camera.matrix_world.inverted())
    world = np.c_[points_to_blender(points), np.ones(20)]
    clip = world @ view.T @ projection.T
    device = clip[:, :2] / clip[:, 3:]
    seen = np.c_[(device[:, 0] + 1) / 2 * size[0], (1 - device[:, 1]) / 2 * size[1]]
    assert np.abs(seen - wanted).max() < 1e-2
    assert world_to_camera_view(scene, camera, Vector(world[0, :3])).z == pytest.approx(
        in_camera[0, 2], abs=1e-4
    )
    back = camera_from_blender(matched, size)
    for found, given in zip(back, (intrinsics, rotation, translation), strict=True):
        assert np.allclose(found, given)
