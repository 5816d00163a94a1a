import numpy as np
import pytest
import torch

from propfield.body.loaders import open_body
from propfield.body.skinning import pose_vertices
from propfield.body.solid import distance_outside, farthest_reach, winding_number

BODY = open_body()


def posed(pose):
    arrays = (np.float32(pose), BODY.vertices, BODY.skin_weights, BODY.joints)
    return pose_vertices(*map(torch.from_numpy, arrays)).numpy()


@pytest.mark.parametrize("seed", range(3))
def test_the_joints_are_inside_whatever_the_pose_and_what_is_before_the_skin_is_not(seed):
    pose = np.random.default_rng(seed).normal(size=(24, 3)).astype(np.float32) * 0.2
    pose[0] = 0
    vertices = posed(pose)
    # The pelvis has no parent that a pose could turn it about.
    assert distance_outside(BODY.joints[0], BODY, pose) == 0
    highest = vertices[vertices[:, 1].argmax()]
    assert distance_outside(highest + np.float32([0, 0.4, 0]), BODY, pose) == pytest.approx(0.4, abs=1e-5)


def test_a_mesh_winds_once_around_what_is_inside():
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    assert winding_number(np.float32([0.2, 0.2, 0.2]), corners, faces) == pytest.approx(1)
    assert winding_number(np.float32([0.4, 0.4, 0.4]), corners, faces) == pytest.approx(0, abs=1e-9)
    assert winding_number(np.float32([0.2, 0.2, 0.2]), corners, faces[:, ::-1].copy()) == pytest.approx(-1)


def test_no_pose_reaches_farther_than_the_reach():
    reach = farthest_reach(BODY)
    random = np.random.default_rng(0)
    for _ in range(20):
        pose = random.normal(size=(24, 3)) * random.uniform(0, 2)
        pose[0] = 0
        assert np.linalg.norm(posed(pose) - BODY.joints[0], axis=1).max() <= reach
    # The arms stretched up come close to it.
    raised = np.zeros((24, 3))
    raised[[16, 17], 2] = np.pi / 2, -np.pi / 2
    assert np.linalg.norm(posed(raised) - BODY.joints[0], axis=1).max() > reach - 0.3
