"""Agreement with the official implementation's output on forty views (shared/reference)."""

import numpy as np
import pytest

from propfield.body.skeleton import BODY_PARTS, canonical_pose
from propfield.field.aggregation import Aggregator, azimuth_bin, part_region
from propfield.field.learning import ALL
from propfield.field.occupancy import OccupancyField, TypeField
from propfield.field.posing import pose_field

pytestmark = pytest.mark.shared

MAY_DIFFER = 1e-4
"""Share of the voxels: 0.01 %."""


@pytest.fixture(scope="module")
def votes(body, grid, weights, reference_views):
    aggregator = Aggregator(body, grid, weights, [ALL])
    for view in reference_views:
        aggregator.add(view)
    return aggregator.votes[0]


def test_voxel_weights(weights, reference_outputs):
    theirs = reference_outputs["voxel_weights"].reshape(-1, 24)
    assert np.abs(weights.toarray() - theirs).max() < 1e-4


@pytest.mark.parametrize(("index", "name"), [(0, "mask_votes"), (1, "image_votes")])
def test_votes(votes, reference_outputs, index, name):
    differs = np.abs(votes.sums()[index] - reference_outputs[name].ravel()) > 1e-5
    assert differs.mean() <= MAY_DIFFER


def test_part_votes(body, grid, weights, reference_views, reference_outputs):
    """The whole-body part: a view counts only if its mask meets a voxel within 0.13 m of the body."""

    region = np.unique(np.concatenate([part_region(body, grid, part) for part in BODY_PARTS]))
    aggregator = Aggregator(body, grid, weights, [ALL])
    counted = np.zeros(grid.resolution**3, np.float64)
    cameras = np.bincount([azimuth_bin(view.camera) for view in reference_views], minlength=12)
    for view in reference_views:
        in_mask, _ = aggregator.hits(view)
        if in_mask[region].any():
            counted += in_mask / cameras[azimuth_bin(view.camera)]
    differs = np.abs(counted - reference_outputs["part_mask_votes"].ravel()) > 1e-5
    assert differs.mean() <= MAY_DIFFER


@pytest.mark.parametrize("k", range(3))
def test_posed(body, grid, weights, votes, reference_views, reference_outputs, k):
    field = OccupancyField(
        category="thing",
        grid=grid,
        types=(
            TypeField(ALL, votes.occupancy().reshape(grid.shape), votes.support().reshape(grid.shape), 40),
        ),
        weights=weights,
        body=body,
        rest_pose=canonical_pose(),
    )
    posed = pose_field(field, "all", reference_views[k].pose)
    differs = np.abs(posed - reference_outputs["posed"][k]) > 1e-5
    assert differs.mean() <= MAY_DIFFER
