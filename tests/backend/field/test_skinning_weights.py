import numpy as np
import pytest

from propfield.body.skeleton import MIRROR, canonical_pose
from propfield.field.grid import Grid
from propfield.field.skinning_weights import voxel_weights, weights_at


def test_rows_sum_to_one_and_are_no_less_than_zero(weights):
    assert weights.shape == (48**3, 24)
    assert weights.data.min() > 0
    assert weights.sum(1) == pytest.approx(1, abs=1e-5)


def test_far_from_the_body_the_pelvis_alone_holds(weights, grid):
    corner = grid.voxel_of(np.full((1, 3), 1.45, np.float32))[0]
    assert weights[[corner]].toarray()[0] == pytest.approx(np.eye(24)[0])


def test_near_a_hand_the_hand_holds(weights, grid, body):
    at_hand = weights_at(body.joints[22:23], weights, grid)[0]
    assert at_hand[[20, 22]].sum() > 0.7


def test_left_and_right_are_mirror_images(weights, grid):
    cube = weights.toarray().reshape(*grid.shape, 24)
    mirrored = cube[::-1, :, :, list(MIRROR)]
    # The body's halves mirror to a few micrometres; 30 neighbours may be picked otherwise at a tie.
    assert np.abs(cube - mirrored).max() < 0.01


def test_weights_at_voxel_centres_are_the_voxels_own(weights, grid):
    chosen = np.random.default_rng(0).integers(0, 48**3, 500)
    found = weights_at(grid.centres()[chosen], weights, grid)
    assert found == pytest.approx(weights[chosen].toarray(), abs=1e-5)


def test_weights_between_voxels_are_their_mean(weights, grid, body):
    index = grid.voxel_of(body.joints[18:19])[0]
    pair = np.array([index, index + 1])
    middle = grid.centres()[pair].mean(0, keepdims=True)
    assert weights_at(middle, weights, grid)[0] == pytest.approx(weights[pair].toarray().mean(0), abs=1e-5)


def test_a_coarse_and_a_fine_grid_say_nearly_the_same(body, weights, grid):
    """The weights belong to the space around the body; smoothing alone depends on the voxel's size."""
    coarse = Grid(resolution=24)
    at_joints = weights_at(body.joints, voxel_weights(body, coarse), coarse)
    assert np.abs(at_joints - weights_at(body.joints, weights, grid)).mean() < 0.05


def test_the_canonical_pose_spreads_the_legs_outward():
    pose = canonical_pose()
    assert pose[1, 2] == pytest.approx(np.pi / 6)
    assert pose[2, 2] == pytest.approx(-np.pi / 6)
    assert np.count_nonzero(pose) == 2
