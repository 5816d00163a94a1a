from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from propfield.body.skeleton import BODY_PARTS, canonical_pose
from propfield.body.skinning import pose_vertices
from propfield.errors import PropfieldError
from propfield.field.aggregation import Aggregator
from propfield.field.canonical_voxels import CanonicalVoxels
from propfield.field.learning import ALL, learn_field
from propfield.field.regions import PART_REACH, part_region
from propfield.field.votes import azimuth_bin
from propfield.observations.filters import FILTERS
from propfield.observations.interaction import WHOLE_BODY, InteractionType

from .conftest import looking_from, view_of

REST = canonical_pose()


def square(x0, y0, x1, y1, size=256):
    mask = np.zeros((size, size), bool)
    mask[y0:y1, x0:x1] = True
    return mask


@pytest.fixture
def around():
    """Views from all sides of a mask in the middle of the picture, in the rest pose."""
    mask = square(108, 108, 148, 148)
    return [
        view_of(mask, REST, looking_from(np.pi / 12 * (2 * k + 1)), id=str(k), prompt=f"prompt {k % 2}")
        for k in range(12)
    ]


def test_a_mask_seen_from_all_sides_gives_its_visual_hull(body, grid, weights, around):
    """In the rest pose nothing is warped: occupied with certainty exactly where every mask says so."""
    aggregator = Aggregator(body, grid, weights, [ALL])
    for view in around:
        aggregator.add(view)
    occupancy = aggregator.dense(aggregator.votes[0].occupancy()).ravel()
    centres = grid.centres()
    in_all = np.ones(len(centres), bool)
    for view in around:
        x, y = np.trunc(view.camera.project(centres)).T
        in_all &= (x >= 108) & (x < 148) & (y >= 108) & (y < 148)
    assert in_all.sum() > 50
    # Float32 sums of twelve shares round differently; a projection on a pixel's edge may fall either way.
    assert ((occupancy > 0.999) != in_all).mean() < 1e-4


def test_rare_sides_weigh_as_much_as_common_ones(body, grid, weights):
    """r_k: ten views from one side and one from another have the same say (CHORUS, uniform view sampling)."""
    front, side = looking_from(np.pi / 2 + 0.1), looking_from(0.1)
    yes, no = square(0, 0, 256, 256), square(0, 0, 1, 1)
    aggregator = Aggregator(body, grid, weights, [ALL])
    for _ in range(10):
        aggregator.add(view_of(no, REST, front))
    aggregator.add(view_of(yes, REST, side))
    middle = grid.voxel_of(np.zeros((1, 3), np.float32))
    assert aggregator.dense(aggregator.votes[0].occupancy()).ravel()[middle] == pytest.approx(0.5)
    assert aggregator.dense(aggregator.votes[0].support()).ravel()[middle] == 11


def test_types_take_their_prompt_and_their_part(body, grid, weights, around):
    """The mask round the hips meets the hips, not the head; each prompt's type takes its own views."""
    kinds = [
        ALL,
        InteractionType("even", "prompt 0"),
        InteractionType("even at the hips", "prompt 0", "hips"),
        InteractionType("at the foot", "", "left foot"),
        InteractionType("at hips and torso", "prompt 1", "hips", ("torso",)),
        InteractionType("at hips and foot", "prompt 1", "hips", ("left foot",)),
        InteractionType("at the hips, not the foot", "prompt 1", "hips", (), ("left foot",)),
        InteractionType("at the hips, not the torso", "", "hips", (), ("torso",)),
    ]
    aggregator = Aggregator(body, grid, weights, kinds)
    for view in around:
        aggregator.add(view)
    assert [votes.views for votes in aggregator.votes] == [12, 6, 6, 0, 6, 0, 6, 0]


def test_what_is_behind_the_camera_is_not_in_its_picture(body, grid, weights):
    camera = looking_from(np.pi / 2 + 0.1, distance=0.5)
    aggregator = Aggregator(body, grid, weights, [ALL])
    aggregator.add(view_of(square(0, 0, 256, 256), REST, camera))
    in_image = aggregator.dense(aggregator.votes[0].support()).ravel() > 0
    depth = (grid.centres() @ camera.R.T + camera.t)[:, 2]
    assert (depth < 0).any()
    assert in_image.any()
    assert not in_image[depth < 0].any()


def test_a_raised_arm_takes_its_voxels_along(body, grid, weights):
    """A voxel at the left hand is where the hand is in the pose; one far away has not moved."""
    pose = np.zeros((24, 3), np.float32)
    pose[16, 2] = np.pi / 2  # the left shoulder: arm straight up
    posed = CanonicalVoxels(body, grid, weights).posed(pose).numpy()
    hand, shoulder = body.joints[22], body.joints[16]
    index = grid.voxel_of(hand[None])[0]
    raised = shoulder + np.array([0, hand[0] - shoulder[0], 0])
    assert np.linalg.norm(posed[index] - raised) < 0.1
    far = grid.voxel_of(np.array([[1.4, 1.4, 1.4]], np.float32))[0]
    assert np.array_equal(posed[far], grid.centres()[far])


@pytest.mark.parametrize(("azimuth", "expected"), [(0.0, 0), (29.9, 0), (30.1, 1), (180.1, 6), (359.9, 11)])
def test_azimuth_bins(azimuth, expected):
    assert azimuth_bin(looking_from(np.radians(azimuth))) == expected


def test_part_region_is_within_reach_of_the_part(body, grid):
    vertices = pose_vertices(*map(torch.from_numpy, (REST, body.vertices, body.skin_weights, body.joints)))
    hand = vertices.numpy()[body.part_vertices("left hand")]
    distance, _ = cKDTree(hand).query(grid.centres())
    region = part_region(body, grid, "left hand")
    assert len(region) > 50
    assert np.array_equal(region, np.flatnonzero(distance <= PART_REACH))


def test_the_whole_body_is_all_parts(body, grid):
    parts = np.unique(np.concatenate([part_region(body, grid, part) for part in BODY_PARTS]))
    assert np.array_equal(np.sort(part_region(body, grid, WHOLE_BODY)), parts)


def test_learning_counts_what_it_rejects_and_never_gives_nan(body, around):
    bad = [
        view_of(around[0].object_mask, REST, around[0].camera, people=2),
        view_of(np.zeros((256, 256), bool), REST, around[0].camera),
        view_of(around[0].object_mask, np.full((24, 3), np.nan, np.float32), around[0].camera),
        view_of(around[0].object_mask, REST, replace(around[0].camera, K=np.zeros((3, 3), np.float32))),
        view_of(around[0].object_mask, REST, looking_from(1.0, distance=0.05)),
        view_of(around[0].object_mask, REST, around[0].camera),
    ]
    # No constructor lets it through while testing.
    object.__setattr__(bad[-1], "person_mask", np.zeros((3, 4), bool))
    field = learn_field("thing", [], [*around, *bad], body=body)
    assert field.provenance["views"] == {
        "observed": 18,
        "kept": 12,
        "rejected": dict.fromkeys(FILTERS, 1) | dict.fromkeys(["close together", "torso seen"], 0),
    }
    assert np.isfinite(field.type("all").occupancy).all()
    assert field.type("all").occupancy.max() == pytest.approx(1)


def test_one_view_alone_gives_its_own_mask(body, around):
    field = learn_field("thing", [], around[:1], body=body)
    assert field.type("all").views == 1
    assert set(np.unique(field.type("all").occupancy)) == {0, 1}


def test_no_views_are_one_sentence(body):
    with pytest.raises(
        PropfieldError, match=r"No view of “thing” is left to learn from: 0 seen, rejected by no"
    ):
        learn_field("thing", [], [], body=body)


def test_nothing_left_to_learn_from_is_one_sentence(body, around):
    lonely = view_of(around[0].object_mask, REST, around[0].camera, people=0)
    with pytest.raises(
        PropfieldError, match=r"No view of “thing” is left to learn from: 1 seen.*one person: 1"
    ):
        learn_field("thing", [], [lonely], body=body)
