"""Posing by forward skinning: the inverse of the warp that learning used."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from propfield.body.skeleton import JOINT_INDEX, canonical_pose
from propfield.errors import PropfieldError
from propfield.field.canonical_voxels import CanonicalVoxels
from propfield.field.forward_posing import TETRAHEDRA, carried_forward
from propfield.field.grid import Grid
from propfield.field.learning import ALL
from propfield.field.occupancy import OccupancyField, TypeField
from propfield.field.posing import pose_field
from propfield.field.skinning_weights import voxel_weights


def field_of(occupancy, body, grid, weights):
    kind = TypeField(ALL, occupancy.astype(np.float32), np.ones(grid.shape, np.uint32), 1)
    return OccupancyField("thing", grid, (kind,), weights, body, canonical_pose(), skinning="forward")


@pytest.fixture(scope="module")
def coarse():
    return Grid(20)


@pytest.fixture(scope="module")
def coarse_weights(body, coarse):
    return voxel_weights(body, coarse)


def any_pose(seed, scale=0.4):
    pose = np.random.default_rng(seed).normal(scale=scale, size=(24, 3)).astype(np.float32)
    pose[0] = 0
    return pose


def bones_of(body, pose):
    from propfield.body.skinning import bone_transforms

    joints, rest = torch.from_numpy(body.joints), torch.from_numpy(canonical_pose())
    return bone_transforms(torch.from_numpy(pose), joints, rest)[:, :3].reshape(24, 12).numpy()


def by_the_book(occupancy, body, grid, weights, pose):
    """Each voxel centre against every tetrahedron, by a general solve."""
    posed = CanonicalVoxels(body, grid, weights).posed(pose).numpy().astype(float).reshape(*grid.shape, 3)
    size = grid.resolution
    starts = np.stack(np.meshgrid(*[np.arange(size - 1)] * 3, indexing="ij"), -1).reshape(-1, 3)
    corners = np.array([[c >> 2, c >> 1 & 1, c & 1] for c in range(8)])
    cubes = starts[:, None] + corners
    likely = occupancy[tuple(cubes.T)].T
    cubes, likely = cubes[likely.max(1) >= 0.01], likely[likely.max(1) >= 0.01]
    centres = grid.centres().astype(float)
    result = np.zeros(len(centres))
    for cube, values in zip(cubes, likely, strict=True):
        for tetrahedron in TETRAHEDRA:
            places = posed[tuple(cube[tetrahedron].T)]
            low, high = places.min(0), places.max(0)
            near = np.flatnonzero(((centres >= low) & (centres <= high)).all(1))
            edges = (places[1:] - places[0]).T
            if not len(near) or abs(np.linalg.det(edges)) < 1e-9:
                continue
            shares = np.linalg.solve(edges, (centres[near] - places[0]).T).T
            shares = np.concatenate([1 - shares.sum(1, keepdims=True), shares], 1)
            inside = (shares >= 0).all(1)
            carried = shares[inside] @ values[tetrahedron]
            result[near[inside]] = np.maximum(result[near[inside]], carried)
    return result.reshape(grid.shape)


def test_in_the_rest_pose_the_field_is_as_learned(body, grid, weights):
    occupancy = np.random.default_rng(0).uniform(0.01, 1, grid.shape).astype(np.float32)
    posed = pose_field(field_of(occupancy, body, grid, weights), "all", canonical_pose())
    # A centre on a face may be taken a rounding's way to the next voxel's value.
    assert np.abs(posed - occupancy).max() < 1e-3


@pytest.mark.parametrize("seed", range(3))
def test_it_is_by_the_book(body, coarse, coarse_weights, seed):
    random = np.random.default_rng(seed)
    occupancy = np.where(random.uniform(size=coarse.shape) < 0.02, random.uniform(size=coarse.shape), 0)
    occupancy = occupancy.astype(np.float32)
    pose = any_pose(seed)
    found = carried_forward(occupancy, coarse_weights, bones_of(body, pose), coarse)
    expected = by_the_book(occupancy, body, coarse, coarse_weights, pose)
    assert (expected > 0.1).sum() > 50
    # In single precision thin tetrahedra are off by a little.
    assert np.abs(found - expected).max() < 0.02
    assert np.abs(found - expected).mean() < 1e-4


def test_threads_change_nothing(body, coarse, coarse_weights):
    occupancy = np.random.default_rng(5).uniform(size=coarse.shape).astype(np.float32)
    bones = bones_of(body, any_pose(5))
    one = carried_forward(occupancy, coarse_weights, bones, coarse, threads=1)
    assert np.array_equal(one, carried_forward(occupancy, coarse_weights, bones, coarse, threads=3))


def test_what_the_hand_holds_goes_with_the_hand(body, grid, weights):
    """A ball at the left hand, and the arm turned down beside the hip, where backward skinning looks for some
    of it at the hip's own place."""
    centre = body.joints[JOINT_INDEX["left_hand"]]
    distance = np.linalg.norm(grid.centres() - centre, axis=1).reshape(grid.shape)
    field = field_of(distance < 0.2, body, grid, weights)
    pose = canonical_pose()
    pose[JOINT_INDEX["left_shoulder"]] = 0, 0, -1.35
    posed = pose_field(field, "all", pose)
    voxels = CanonicalVoxels(body, grid, weights).posed(pose).numpy()
    expected = voxels[(distance < 0.2).reshape(-1)].mean(0)
    found = grid.centres()[posed.reshape(-1) > 0.5]
    assert np.linalg.norm(found.mean(0) - expected) < 0.05
    backward = pose_field(replace(field, skinning="backward"), "all", pose)
    assert (posed > 0.5).sum() > 1.4 * (backward > 0.5).sum()


def test_values_stay_probabilities(body, coarse, coarse_weights):
    occupancy = np.random.default_rng(1).uniform(size=coarse.shape).astype(np.float32)
    posed = carried_forward(occupancy, coarse_weights, bones_of(body, any_pose(1, 1.5)), coarse)
    assert np.isfinite(posed).all()
    assert posed.min() >= 0
    assert posed.max() <= 1 + 1e-3


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_pose_of_no_numbers_is_refused(body, coarse, coarse_weights, wrong):
    field = field_of(np.zeros(coarse.shape), body, coarse, coarse_weights)
    pose = canonical_pose()
    pose[3, 1] = wrong
    with pytest.raises(PropfieldError, match="not finite"):
        pose_field(field, "all", pose)
