"""A regressor's weak camera as a perspective one: the nearest there is, and from afar the same."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from propfield.body.loaders import open_body
from propfield.body.skinning import joint_transforms
from propfield.perception.camera import usual_intrinsics
from propfield.perception.pose_prior import pose_prior
from propfield.perception.weak_camera import WeakCamera, crop_camera, perspective_camera

SIZE = (640, 480)
K = usual_intrinsics(SIZE)


def random_person(random):
    """Joints of somebody in some pose, and how they are turned to the camera."""
    mean, spread = pose_prior()
    pose = (mean + spread * np.clip(random.normal(size=mean.shape), -2, 2)).astype(np.float32)
    pose[0] = 0
    joints = joint_transforms(torch.from_numpy(pose), torch.from_numpy(open_body().joints))[:, :3, 3].numpy()
    return joints, Rotation.random(random_state=random.integers(2**31)).as_matrix()


def weak_pixels(joints, weak):
    flat = (joints - joints[0]) @ weak.turn.T + joints[0]
    return weak.scale * flat[:, :2] + weak.shift


@pytest.mark.parametrize("distance", [5.0, 30.0, 300.0])
def test_joints_project_to_where_the_weak_camera_puts_them(distance):
    """What the perspective adds falls with the distance: a limb half a metre off the pelvis' depth is half a
    metre / distance larger or smaller, of at most a metre from the pelvis."""
    random = np.random.default_rng(int(distance))
    for _ in range(20):
        joints, turn = random_person(random)
        scale = K[0, 0] / distance
        weak = WeakCamera(turn, scale, random.uniform((250, 180), (390, 300)))
        camera, residual = perspective_camera(joints, weak, K)
        apart = np.linalg.norm(camera.project(joints) - weak_pixels(joints, weak), axis=1)
        assert apart.mean() < 0.2 / distance * scale + 5e-3
        assert apart.max() < 0.8 / distance * scale + 1e-2
        assert residual == pytest.approx(np.linalg.norm(apart) / 24, abs=2e-3)
        assert np.linalg.norm(camera.centre - joints[0]) == pytest.approx(distance, rel=0.15)
        np.testing.assert_array_equal(camera.K, K)
        np.testing.assert_allclose(camera.R @ camera.R.T, np.eye(3), atol=1e-5)


def test_it_is_the_best_camera_there_is():
    """No small change of the camera comes nearer to the weak projection."""
    random = np.random.default_rng(1)
    for _ in range(5):
        joints, turn = random_person(random)
        weak = WeakCamera(turn, K[0, 0] / 3.0, np.array([350.0, 230.0]))
        camera, residual = perspective_camera(joints, weak, K)
        target = weak_pixels(joints.astype(float), weak)

        def error(R, t, joints=joints, target=target):
            seen = (joints.astype(float) @ R.T + t) @ K.T.astype(float)
            return np.linalg.norm(seen[:, :2] / seen[:, 2:] - target) / 24

        R, t = camera.R.astype(float), camera.t.astype(float)
        assert error(R, t) == pytest.approx(residual, rel=1e-3)
        for axis in np.eye(3):
            for step in (-0.01, 0.01):
                nudged = Rotation.from_rotvec(step * axis).as_matrix() @ R
                # Turned about the pelvis, so that nothing else changes.
                moved = R @ joints[0] + t - nudged @ joints[0]
                assert error(nudged, moved) > residual
                assert error(R, t + step * axis) > residual


def test_a_crop_camera_is_the_same_camera():
    joints, turn = random_person(np.random.default_rng(2))
    weak = crop_camera(turn, np.array([0.9, 0.1, -0.2]), np.array([300.0, 200.0]), 224.0)
    flat = ((joints - joints[0]) @ turn.T + joints[0])[:, :2]
    crop = 0.9 * (flat + np.array([0.1, -0.2]))
    np.testing.assert_allclose(weak_pixels(joints, weak), np.array([300.0, 200.0]) + 112 * crop, atol=1e-4)


@pytest.mark.parametrize(
    ("scale", "shift"), [(0.0, 0.0), (-50.0, 0.0), (float("nan"), 0.0), (60.0, float("nan"))]
)
def test_a_camera_that_cannot_be_is_told(scale, shift):
    joints, _ = random_person(np.random.default_rng(3))
    _, residual = perspective_camera(joints, WeakCamera(np.eye(3), scale, np.array([shift, 3.0])), K)
    assert residual == float("inf")
