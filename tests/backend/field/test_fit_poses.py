"""The fit where poses are wrong: corrected by keypoints, then by the object's masks."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from propfield.body.skeleton import JOINT_COUNT, JOINT_INDEX, PARENTS, canonical_pose
from propfield.body.skinning import bone_transforms
from propfield.field.fit.alignment import align
from propfield.field.fit.keypoint_evidence import Figures, corrected
from propfield.field.fit.limbs import (
    CORRECTIONS,
    PARENT_OF,
    Skeleton,
    corrected_turns,
    joint_places,
    joint_slopes,
    limb_turns,
    posed_bones,
)
from propfield.field.fit.posed_view import PosedView, Shown, Voxels
from propfield.field.fit.silhouettes import edges, misfit, pull
from propfield.field.fit.views import fit_views, seen_view
from propfield.field.grid import Grid
from propfield.field.skinning_weights import voxel_weights

from .fit_views import agreement, ball_views, best_iou, keypoints_of, learned, true_ball, wrongly_posed

HAND = JOINT_INDEX["left_hand"]
LAST = CORRECTIONS - 1


@pytest.fixture(scope="module")
def grid():
    return Grid(32)


@pytest.fixture(scope="module")
def weights(body, grid):
    return voxel_weights(body, grid)


@pytest.fixture(scope="module")
def skeleton(body):
    return Skeleton.of(body)


def figures_of(views, body):
    seen = [seen_view(view) for view in views]
    facing = np.stack([view.camera.R for view in views]).astype(float)
    return Figures(
        turns=limb_turns(np.stack([view.pose for view in views]).astype(float), facing),
        pelvis=facing @ body.joints[0] + np.stack([view.camera.t for view in views]),
        lenses=np.stack([view.lens for view in seen]).astype(float),
        keypoints=np.stack([view.keypoints for view in seen]).astype(float),
    )


def a_figure(body, seed=5):
    """Of a random pose, with a random small correction of it."""
    random = np.random.default_rng(seed)
    view = next(ball_views(body))
    view = replace(view, pose=random.normal(scale=0.3, size=(JOINT_COUNT, 3)).astype(np.float32))
    view.pose[0] = 0
    return view, figures_of([view], body), random.normal(scale=0.1, size=(1, CORRECTIONS, 3))


def test_limbs_are_where_skinning_has_them(body, skeleton):
    """And after a correction where its definition says: limb by limb in the camera's axes."""
    _, figure, correction = a_figure(body)
    lens = np.array([160, 150, 60, 70], np.float32)
    K = np.array([[160, 0, 60], [0, 150, 70], [0, 0, 1]])
    places, bones = np.empty((JOINT_COUNT, 3), np.float32), np.empty((JOINT_COUNT, 3, 4), np.float32)
    for moved in (np.zeros_like(correction), correction):
        posed_bones(
            figure.turns[0].astype(np.float32), figure.pelvis[0].astype(np.float32),
            moved[0].astype(np.float32), PARENT_OF, skeleton.bones, skeleton.rest, lens, places, bones,
        )  # fmt: skip
        turns = corrected_turns(figure.turns, moved)
        assert np.allclose(places, joint_places(turns, figure.pelvis + moved[:, -1], skeleton)[0], atol=1e-5)
        # The same body in the pose that has these limbs, before the camera that has this pelvis.
        local = [turns[0, PARENTS[joint]].T @ turns[0, joint] for joint in range(1, JOINT_COUNT)]
        pose = np.concatenate([np.zeros((1, 3)), Rotation.from_matrix(local).as_rotvec()])
        rest = torch.from_numpy(canonical_pose()).double()
        posed = bone_transforms(torch.from_numpy(pose), torch.from_numpy(body.joints).double(), rest)
        R = turns[0, 0]
        t = figure.pelvis[0] + moved[0, -1] - R @ body.joints[0]
        expected = K @ np.concatenate([R, t[:, None]], 1) @ posed.numpy()
        assert np.allclose(bones, expected, atol=2e-3)


def test_slopes_of_joints_are_those_of_small_corrections(body, skeleton):
    _, figure, _ = a_figure(body)
    joints = (JOINT_INDEX["left_wrist"], JOINT_INDEX["right_ankle"])
    still = joint_places(figure.turns, figure.pelvis, skeleton)
    slopes = joint_slopes(still, joints)
    small = 1e-6
    for vector in range(CORRECTIONS):
        for axis in range(3):
            nudge = np.zeros((1, CORRECTIONS, 3))
            nudge[0, vector, axis] = small
            turns = corrected_turns(figure.turns, nudge)
            moved = joint_places(turns, figure.pelvis + nudge[:, -1], skeleton)
            found = (moved - still)[:, joints] / small
            assert np.allclose(slopes[..., vector, axis], found, atol=1e-4)


def test_poses_that_project_onto_their_keypoints_are_not_touched(body, skeleton):
    figures = figures_of(list(ball_views(body, count=20)), body)
    moved = corrected(figures, skeleton)
    assert moved.scale == 0
    assert np.array_equal(moved.turns, figures.turns)
    assert np.array_equal(moved.pelvis, figures.pelvis)
    assert not moved.covariance.any()
    assert fit_views([seen_view(next(ball_views(body)))], body)[0].covariance is None


def test_wrong_poses_are_moved_to_their_keypoints(body, skeleton):
    true, given = list(ball_views(body, count=60)), list(wrongly_posed(body, count=60))
    figures = figures_of(given, body)
    moved = corrected(figures, skeleton)
    assert moved.scale > 0
    arm = [JOINT_INDEX[name] for name in ("left_elbow", "left_wrist")]
    where = [
        joint_places(each.turns, each.pelvis, skeleton)[:, arm]
        for each in (figures_of(true, body), figures, moved)
    ]
    across = [np.linalg.norm((found - where[0])[..., :2], axis=-1).mean() for found in where[1:]]
    assert across[0] > 0.04
    assert across[1] < 0.5 * across[0]
    whole = [np.linalg.norm(found - where[0], axis=-1).mean() for found in where[1:]]
    assert whole[1] < 0.8 * whole[0]
    # What the picture cannot tell stays unsure: the hand's own turn wholly, the pelvis' place hardly.
    spread = np.sqrt(np.diagonal(moved.covariance, axis1=1, axis2=2)).reshape(-1, CORRECTIONS, 3)
    assert np.allclose(np.degrees(spread[:, HAND]), np.array([12, 12, 4]) * moved.scale, rtol=1e-3)
    assert spread[:, LAST, :2].max() < 0.03 * moved.scale
    assert np.linalg.eigvalsh(moved.covariance.astype(float)).min() > -1e-6


@pytest.mark.parametrize("broken", [(np.nan, 50, 0.9), (np.inf, -np.inf, 0.9), (1e30, 50, 0.9), (70, 50, 0)])
def test_keypoints_that_are_no_numbers_or_elsewhere_say_nothing(body, broken):
    """An elbow's and a wrist's: the person is where it would be without them."""
    views, lacking = (
        [replace(view, keypoints=view.keypoints.copy()) for view in wrongly_posed(body, count=24)]
        for _ in range(2)
    )
    for view in views:
        view.keypoints[[7, 9]] = broken
    for view in lacking:
        view.keypoints[[7, 9], 2] = 0
    for found, expected in zip(
        *(fit_views([seen_view(view) for view in each], body) for each in (views, lacking)), strict=True
    ):
        assert np.array_equal(found.turns, expected.turns)
        assert np.array_equal(found.pelvis, expected.pelvis)
        assert np.array_equal(found.covariance, expected.covariance)


@pytest.mark.parametrize("count", [1, 2])
def test_few_wrong_views_give_numbers(body, grid, count):
    occupancy = learned(list(wrongly_posed(body))[:count], body, grid).type("all").occupancy
    assert np.isfinite(occupancy).all()
    assert occupancy.max() > 0


def drawn(posed, voxels, occupancy, shown):
    posed.look(voxels, shown)
    likely = posed.draw(voxels, occupancy, shown)
    seen = posed.view.seen
    slopes = np.empty_like(likely)
    return misfit(likely, seen.objects, seen.people, seen.width, posed.scale, slopes), likely, slopes


def fine_ball(body, grid, random):
    """A soft ball around the hand's, of points denser than a grid's."""
    fine = Grid(96)
    away = np.linalg.norm(fine.centres() - (body.joints[HAND] + np.array([0.1, 0, 0])), axis=1)
    chosen = np.flatnonzero(away < 0.2)
    occupancy = np.clip((0.2 - away[chosen]) / 0.1, 0.02, 0.9).astype(np.float32)
    return Voxels.of(fine, voxel_weights(body, fine), chosen, np.zeros(len(chosen), bool)), occupancy


def test_the_pull_is_the_slope_of_the_misfit(body, grid, skeleton):
    """By numbers of a correction that move the ball by some pixels in the picture, against differences."""
    voxels, occupancy = fine_ball(body, grid, np.random.default_rng(0))
    shown = Shown.room_for(voxels)
    for view in list(ball_views(body, count=8))[1::3]:
        posed = PosedView(fit_views([seen_view(view)], body)[0], skeleton)
        start = np.zeros((CORRECTIONS, 3), np.float32)
        start[LAST] = 0.08, -0.1, 0
        start[JOINT_INDEX["left_shoulder"]] = 0.02, 0.05, -0.03
        posed.move(start)
        _, likely, slopes = drawn(posed, voxels, occupancy, shown)
        edge = np.empty((*likely.shape, 2), np.float32)
        edges(likely, slopes, edge)
        forces, moments = np.empty((2, JOINT_COUNT, 3), np.float32)
        gradient = np.empty((CORRECTIONS, 3), np.float32)
        pull(
            occupancy, shown.seen, shown.shown, *shown.skin, posed.focal * voxels.width, posed.scale,
            posed.view.seen.lens, likely, edge, posed.places, PARENT_OF, forces, moments, gradient,
        )  # fmt: skip
        chosen = [(LAST, 0), (LAST, 1), *((v, a) for v in (0, 16, 18) for a in range(3))]
        found = []
        for vector, axis in chosen:
            step = 0.02 if vector == LAST else 0.03
            values = []
            for sign in (1, -1):
                moved = start.copy()
                moved[vector, axis] += sign * step
                posed.move(moved)
                values.append(drawn(posed, voxels, occupancy, shown)[0])
            found.append((values[0] - values[1]) / (2 * step))
        told = np.array([gradient[each] for each in chosen])
        cosine = told @ found / np.linalg.norm(told) / np.linalg.norm(found)
        # Cells make steps of what moves, so differences are rough.
        assert cosine > 0.85
        assert 0.5 < np.linalg.norm(told) / np.linalg.norm(found) < 2


def test_a_mask_moves_what_the_keypoints_leave_open(body, grid, skeleton):
    """A hand that is turned wrongly: no keypoint tells, but the ball in it does."""
    voxels, occupancy = fine_ball(body, grid, np.random.default_rng(0))
    occupancy = np.where(occupancy > 0.3, np.float32(0.9), np.float32(0.01))
    shown = Shown.room_for(voxels)
    unsure = np.zeros((CORRECTIONS, 3), np.float32)
    unsure[[JOINT_INDEX["left_wrist"], HAND]] = np.radians(20)
    gains = []
    for view in list(ball_views(body, count=12)):
        pose = view.pose.copy()
        pose[JOINT_INDEX["left_wrist"]] = 0, 0.3, 0.4
        ready = fit_views([seen_view(replace(view, pose=pose))], body)[0]
        assert ready.covariance is None
        still = PosedView(ready, skeleton)
        align(still, voxels, occupancy, shown)
        assert not still.pulled.any()
        before = drawn(still, voxels, occupancy, shown)[0]
        posed = PosedView(replace(ready, covariance=np.diag(unsure.reshape(-1) ** 2)), skeleton)
        for _ in range(4):
            align(posed, voxels, occupancy, shown)
        after = drawn(posed, voxels, occupancy, shown)[0]
        assert after <= before
        gains.append(after / before)
        # No other limb has moved.
        assert np.allclose(
            posed.places[: JOINT_INDEX["left_wrist"]], still.places[: JOINT_INDEX["left_wrist"]]
        )
    assert np.median(gains) < 0.75


def test_wrong_poses_cost_the_fit_little(body, grid):
    """Where votes, and a fit to poses as they are given, lose the ball."""
    truth = true_ball(body, grid)
    views = list(wrongly_posed(body, count=100))
    believed = [replace(view, keypoints=keypoints_of(body, view.pose, view.camera)) for view in views]
    votes, as_given, fit = (
        learned(each, body, grid, kind).type("all").occupancy
        for each, kind in ((views, "voting"), (believed, "fit"), (views, "fit"))
    )
    assert agreement(fit, truth) > 0.8
    assert agreement(fit, truth) > agreement(as_given, truth) + 0.1
    assert best_iou(fit, truth) > best_iou(votes, truth) + 0.1
    assert best_iou(fit, truth) > best_iou(as_given, truth) + 0.1
