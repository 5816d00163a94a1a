"""The engine against the formulas word for word, on a small grid."""

import numpy as np
import pytest

from propfield.body.loaders import open_body
from propfield.body.skeleton import canonical_pose
from propfield.evaluation.dense_baseline import dense_pap, dense_posed, dense_votes, dense_weights
from propfield.evaluation.pap import image_scores
from propfield.field.aggregation import Aggregator
from propfield.field.grid import Grid
from propfield.field.learning import ALL
from propfield.field.occupancy import OccupancyField, TypeField
from propfield.field.posing import pose_field
from propfield.field.skinning_weights import voxel_weights
from propfield.imagery.studio import StudioSource

GRID = Grid(resolution=20)
A_FEW = 4
"""Voxels whose pixel or canonical voxel lies so close to a border that the order of additions decides."""


@pytest.fixture(scope="module")
def body():
    return open_body()


@pytest.fixture(scope="module")
def views():
    source = StudioSource(workers=1, size=128)
    return list(source.observe("skateboard", types=["ride"], views=12, seed=5))


@pytest.fixture(scope="module")
def dense(body):
    return dense_weights(body, GRID)


@pytest.fixture(scope="module")
def weights(body):
    return voxel_weights(body, GRID)


@pytest.fixture(scope="module")
def aggregator(body, weights, views):
    aggregator = Aggregator(body, GRID, weights, [ALL])
    for view in views:
        aggregator.add(view)
    return aggregator


def test_weights(dense, weights):
    assert np.abs(weights.toarray() - dense.numpy()).max() < 1e-4
    # Both ends of what Eq. 4 can give are there.
    assert (dense[:, 0] == 1).any()
    assert (dense[:, 0] < 0.5).any()


def test_votes(body, views, dense, aggregator):
    expected = dense_votes(views, body, GRID, dense)
    assert expected[0].any()
    for ours, theirs in zip(aggregator.votes[0].sums(), expected, strict=True):
        assert (np.abs(aggregator.dense(ours).ravel() - theirs) > 1e-5).sum() <= A_FEW


def test_posed(body, views, weights, aggregator):
    votes = aggregator.votes[0]
    occupancy = aggregator.dense(votes.occupancy())
    kind = TypeField(ALL, occupancy, aggregator.dense(votes.support()), votes.views)
    field = OccupancyField("skateboard", GRID, (kind,), weights, body, canonical_pose())
    pose = views[0].pose
    expected = dense_posed(occupancy, body, GRID, pose)
    assert (expected > 0.5).any()
    assert (np.abs(pose_field(field, "all", pose) - expected) > 1e-5).sum() <= A_FEW


def test_pap(body, views, dense):
    # A ball around the feet that fades evenly, so that each threshold has its own picture.
    distance = np.linalg.norm(GRID.centres() - [0, -1.1, 0], axis=1).reshape(GRID.shape)
    posed = np.clip(1 - distance, 0, 1).astype(np.float32)
    for view in views[:4]:
        ours = image_scores(posed, GRID, view.camera, view.object_mask)
        expected = dense_pap(posed, GRID, view.camera, view.object_mask)
        assert (ours.vanilla, ours.strict) == pytest.approx(expected, abs=1e-3)
        assert expected[0] > 0.1
