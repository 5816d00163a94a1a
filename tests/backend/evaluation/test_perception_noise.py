"""The ablation's training views: what goes wrong with them, how often, and what stays right."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from propfield.body.loaders import open_body
from propfield.body.skeleton import MIRROR
from propfield.body.skinning import joint_transforms
from propfield.evaluation.close_ups import SHARE, close_up
from propfield.evaluation.mask_noise import wrong_border, wrong_mask
from propfield.evaluation.perception_noise import PerceptionNoise, perceived
from propfield.evaluation.scoring import posed_body
from propfield.evaluation.training_views import training_views
from propfield.imagery.studio import StudioSource
from propfield.observations.filters import FILTERS, failed_filter, torso_seen
from propfield.observations.observation import mask_box
from propfield.perception.camera import FOCAL_OF_LONG_SIDE

NOTHING = PerceptionNoise.none()


@pytest.fixture(scope="module")
def views():
    seen = StudioSource(workers=1).observe("surfboard", types=["carry"], views=40, seed=2)
    return [view for view in seen if failed_filter(view) is None]


def in_camera(view):
    """The body's vertices as they are to the camera, around the pelvis."""
    vertices = posed_body(open_body(), view.pose) - open_body().joints[0]
    return vertices @ view.camera.R.T


def arrays(view):
    camera = view.camera
    return (view.object_mask, view.person_mask, view.keypoints, view.pose, camera.K, camera.R, camera.t)


def test_the_same_seed_errs_the_same_whatever_else_is_seen(views):
    for view in views[:3]:
        again = [perceived(view, 4), perceived(view, 4), perceived(view, 5)]
        assert all(np.array_equal(a, b) for a, b in zip(*map(arrays, again[:2]), strict=True))
        assert not np.array_equal(again[0].pose, again[2].pose)
    assert not np.array_equal(perceived(views[0], 4).camera.t, perceived(views[1], 4).camera.t)


def test_without_noise_only_the_field_of_view_is_guessed(views):
    for view in views[:6]:
        seen = perceived(view, 0, NOTHING)
        assert np.array_equal(seen.object_mask, view.object_mask)
        assert seen.pose == pytest.approx(view.pose, abs=1e-5)
        assert seen.keypoints == pytest.approx(view.keypoints)
        assert seen.camera.K[0, 0] == pytest.approx(FOCAL_OF_LONG_SIDE * 256)
        # In the same place, and about as large.
        pelvis = open_body().joints[0]
        assert seen.camera.project(pelvis) == pytest.approx(view.camera.project(pelvis), abs=0.01)
        joints = posed_body(open_body(), view.pose)[::50]
        there, here = seen.camera.project(joints), view.camera.project(joints)
        assert np.abs(there - here).max() < 0.1 * np.ptp(here, axis=0).max()


def test_a_right_guess_of_the_field_of_view_changes_nothing(views):
    view = views[0]
    K = view.camera.K.copy()
    K[0, 0] = K[1, 1] = FOCAL_OF_LONG_SIDE * 256
    view = replace(view, camera=replace(view.camera, K=K))
    seen = perceived(view, 0, NOTHING)
    assert pytest.approx(view.camera.R, abs=1e-5) == seen.camera.R
    assert pytest.approx(view.camera.t, abs=1e-4) == seen.camera.t


def test_a_flipped_person_looks_the_same_and_stands_the_other_way(views):
    always = replace(NOTHING, flipped=(1.0, 1.0))
    right, wrong = perceived(views[0], 0, NOTHING), perceived(views[0], 0, always)

    def joints(view):
        places = joint_transforms(torch.from_numpy(view.pose), torch.from_numpy(open_body().joints))
        return (places[:, :3, 3].numpy() - open_body().joints[0]) @ view.camera.R.T

    first, second = joints(right), joints(wrong)[list(MIRROR)]
    sight = right.camera.R @ open_body().joints[0] + right.camera.t
    up = right.camera.R[:, 1]
    # Turned about the person's vertical: what was before the person is behind, left and right change sides.
    mirrored = first - 2 * np.outer(first @ right.camera.R[:, 2], right.camera.R[:, 2])
    assert second == pytest.approx(mirrored, abs=0.02)
    assert up @ wrong.camera.R[:, 1] == pytest.approx(1, abs=1e-5)
    assert wrong.camera.R[:, 2] == pytest.approx(-right.camera.R[:, 2], abs=1e-5)
    assert sight == pytest.approx(wrong.camera.R @ open_body().joints[0] + wrong.camera.t, abs=1e-4)


def test_errors_are_of_the_size_that_regressors_make(views):
    apart, along, across = [], [], []
    for seed in range(4):
        for view in views:
            seen = perceived(view, seed, replace(PerceptionNoise(), flipped=(0.0, 0.0)))
            error = in_camera(seen) - in_camera(view)
            apart.append(np.linalg.norm(error, axis=1).mean())
            sight = view.camera.R @ open_body().joints[0] + view.camera.t
            sight /= np.linalg.norm(sight)
            along.append(np.sqrt(((error @ sight) ** 2).mean()))
            across.append(np.sqrt((error**2).sum(1).mean() - along[-1] ** 2))
    assert 0.07 < np.mean(apart) < 0.14
    # Two directions across, one along.
    assert np.mean(along) > np.mean(across) / np.sqrt(2)


def test_who_lacks_the_torso_is_guessed(views):
    blind = [replace(view, keypoints=view.keypoints * np.array([1, 1, 0.2], np.float32)) for view in views]
    assert not any(torso_seen(view) for view in blind)

    def error(seen_from):
        return np.mean(
            [
                np.linalg.norm(in_camera(perceived(a, 1)) - in_camera(b), axis=1).mean()
                for a, b in zip(seen_from, views, strict=True)
            ]
        )

    assert error(blind) > 2.5 * error(views)


def test_shares_are_as_told():
    mask = np.zeros((80, 80), bool)
    mask[20:50, 30:50] = True
    random = np.random.default_rng(0)
    moved = [wrong_mask(mask, 0.2, 0.0, 0.0, random) for _ in range(2000)]
    assert np.mean([not (each & mask).any() for each in moved]) == pytest.approx(0.2, abs=0.03)
    for error, sign in (
        (wrong_mask(mask, 0.0, 1.0, 0.0, random), -1),
        (wrong_mask(mask, 0.0, 0.0, 1.0, random), 1),
    ):
        assert 0.02 < sign * (error.sum() / mask.sum() - 1) < 0.45
    less = wrong_mask(mask, 0.0, 1.0, 0.0, random)
    assert not (less & ~mask).any()
    more = wrong_mask(mask, 0.0, 0.0, 1.0, random)
    assert not (mask & ~more).any()
    assert wrong_mask(np.zeros((9, 9), bool), 1.0, 1.0, 1.0, random).sum() == 0


def test_borders_grow_and_shrink_alike():
    mask = np.zeros((200, 200), bool)
    mask[60:140, 60:140] = True
    random = np.random.default_rng(1)
    sides = [np.sqrt(wrong_border(mask, 0.01, random).sum()) for _ in range(300)]
    # Two pixels of spread on either side; a dilation leaves out the corners.
    assert np.mean(sides) == pytest.approx(80, abs=0.6)
    assert np.std(sides) == pytest.approx(4, abs=0.6)


def test_nobody_is_not_guessed():
    view = next(StudioSource(workers=1).observe("surfboard", views=1, seed=0))
    nobody = replace(
        view, people=0, person_mask=np.zeros_like(view.person_mask), person_box=np.zeros(4, np.float32)
    )
    seen = perceived(nobody, 0)
    assert seen.people == 0
    assert np.array_equal(seen.pose, view.pose)
    assert close_up(nobody, np.random.default_rng(0)) is nobody


def test_a_close_up_is_a_part_of_its_view(views):
    random = np.random.default_rng(0)
    unseen = 0
    for view in views:
        part = close_up(view, random)
        side = part.object_mask.shape[0]
        assert part.object_mask.shape == part.person_mask.shape == (side, side)
        assert side < max(view.person_box[2:] - view.person_box[:2]) * 0.6 + 41
        shift = view.camera.K[:2, 2] - part.camera.K[:2, 2]
        left, top = shift.astype(int)
        window = (slice(top, top + side), slice(left, left + side))
        if part.people:
            assert np.array_equal(part.person_mask, view.person_mask[window])
            assert np.array_equal(part.person_box, mask_box(part.person_mask))
        if part.objects:
            assert np.array_equal(part.object_mask, view.object_mask[window])
        point = np.array([0.1, 0.2, 0.3], np.float32)
        assert part.camera.project(point) == pytest.approx(view.camera.project(point) - shift, abs=1e-3)
        assert part.keypoints[:, :2] == pytest.approx(view.keypoints[:, :2] - shift)
        outside = ((part.keypoints[:, :2] < 0) | (part.keypoints[:, :2] >= side)).any(1)
        assert (part.keypoints[outside, 2] <= 0.12).all()
        assert np.array_equal(part.keypoints[~outside, 2], view.keypoints[~outside, 2])
        unseen += not torso_seen(part)
    # That is what they are for.
    assert unseen > 0.5 * len(views)


@pytest.fixture(scope="module")
def training():
    studio = StudioSource(workers=1)
    return training_views(studio, "surfboard", views=40, seed=3, noise=PerceptionNoise())


def test_training_views_pass_all_filters_but_the_cut_ones(training):
    assert all(failed_filter(view) is None for view in training.kept)
    assert {failed_filter(view) for view in training.cut} == {"torso seen"}
    for view in training.cut:
        assert [name for name, passes in FILTERS.items() if not passes(view)] == ["torso seen"]
    # A fifth of the studio's views are close, and a quarter of all are cut.
    share = len(training.cut) / (len(training.kept) + len(training.cut))
    assert SHARE / 2 < share < 0.5


def test_rows_draw_from_each_prompt(training):
    random = np.random.default_rng(0)
    prompts = sorted({view.prompt for view in training.kept})
    assert len(prompts) == 2

    def counts(views):
        return [sum(view.prompt == prompt for view in views) for prompt in prompts]

    whole = counts(training.kept)
    assert counts(training.share(0.1, random)) == [max(round(0.1 * count), 1) for count in whole]
    assert counts(training.share(0.001, random)) == [1, 1]
    assert training.share(1.0, random) == sorted(training.kept, key=lambda view: prompts.index(view.prompt))
    mixed = training.without_keypoint_filter(random)
    assert counts(mixed) == whole
    assert all(failed_filter(view) is None for view in mixed)
    kept, cut = {view.id for view in training.kept}, {view.id for view in training.cut}
    ids = [view.id for view in mixed]
    assert len(set(ids)) == len(ids)
    assert set(ids) <= kept | cut
    assert 0.4 < np.mean([each in cut for each in ids]) * (len(kept) + len(cut)) / len(cut) < 1.6


def test_rotations_of_noise_have_the_spread_they_are_told(views):
    """A limb's twist alone turns it about itself and nothing else."""
    twisted = replace(NOTHING, twist=(10.0, 10.0))
    angles = []
    for seed in range(40):
        seen = perceived(views[0], seed, twisted)
        # The head hangs on the neck: between them lie two twists about nearly one axis.
        before, after = (Rotation.from_rotvec(each.pose[15]) for each in (views[0], seen))
        angles.append((before.inv() * after).magnitude())
    assert np.degrees(np.sqrt(np.mean(np.square(angles)))) == pytest.approx(10 * np.sqrt(2), rel=0.3)
