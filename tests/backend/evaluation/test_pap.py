"""PAP: its definition as an oracle, cases by hand, properties, and what must not break it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from propfield.evaluation.pap import THRESHOLDS, average_precision, image_scores, pixels_of, resized
from propfield.evaluation.splatting import splat_boxes, splat_points
from propfield.field.grid import Grid
from propfield.observations.observation import Camera

from .conftest import naive_average_precision, naive_prediction

SMALL = Grid(resolution=12, size=2.4)


def random_camera(random, width=64, height=48) -> Camera:
    """Anywhere around the grid, at times inside it."""
    R, _ = np.linalg.qr(random.normal(size=(3, 3)))
    R *= np.sign(np.linalg.det(R))
    centre = random.normal(size=3)
    centre *= random.uniform(0.3, 4) / np.linalg.norm(centre)
    # Roughly toward the middle.
    away = centre / np.linalg.norm(centre)
    right = np.cross(away, R[0])
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(-away, right), -away])
    focal = random.uniform(20, 80)
    K = np.array([[focal, 0, width / 2], [0, focal * 1.1, height / 2 + 3], [0, 0, 1]])
    return Camera(K.astype(np.float32), R.astype(np.float32), (-R @ centre).astype(np.float32))


def random_field(random, grid=SMALL):
    field = random.random(grid.shape).astype(np.float32) ** 2
    field[random.random(grid.shape) < 0.5] = 0
    return field


def blob(shape, random):
    y, x = np.mgrid[: shape[0], : shape[1]]
    cy, cx = random.uniform(0.2, 0.8, 2) * shape
    return (x - cx) ** 2 + (y - cy) ** 2 < (random.uniform(0.1, 0.4) * min(shape)) ** 2


@pytest.mark.parametrize("seed", range(12))
def test_it_is_what_the_definition_says(seed):
    random = np.random.default_rng(seed)
    camera, field, mask = random_camera(random), random_field(random), blob((48, 64), random)
    body = random.normal(scale=0.3, size=(200, 3)).astype(np.float32)
    small, target = resized(camera, mask, 32 / 48)
    assert target.shape == (32, 43)
    predictions = [naive_prediction(field, SMALL, small, level, target.shape) for level in THRESHOLDS]
    hidden = pixels_of(body, small, target.shape)
    found = image_scores(field, SMALL, camera, mask, body_vertices=body)
    plain = naive_average_precision(predictions, target)
    aware = naive_average_precision([each & ~hidden for each in predictions], target & ~hidden)
    assert (found.vanilla, found.strict) == pytest.approx(plain, abs=1e-12)
    assert (found.aware_vanilla, found.aware_strict) == pytest.approx(aware, abs=1e-12)


def levels_of(*rows):
    return np.array(rows, np.uint8)


EVERYWHERE = np.ones((1, 4), bool)


def test_two_steps_by_hand():
    # Two target pixels, predicted up to 0.30 and up to 0.60; one false pixel up to 0.10.
    levels, target = levels_of([30, 60, 10, 0]), np.array([[True, True, False, False]])
    # From 0.11 on precision is 1, so that both drops in recall count in full.
    assert average_precision(levels, target, EVERYWHERE) == pytest.approx((1.0, 0.5))


def test_precision_is_the_best_so_far():
    # The true pixel goes first: what is left then, though false alone, cannot lift nor lower it.
    levels, target = levels_of([20, 40, 0, 0]), np.array([[True, False, False, False]])
    assert average_precision(levels, target, EVERYWHERE) == pytest.approx((0.5, 0.5))


def test_recall_left_at_the_last_threshold_does_not_count():
    levels, target = levels_of([99, 50, 0, 0]), np.array([[True, True, False, False]])
    assert average_precision(levels, target, EVERYWHERE) == pytest.approx((0.5, 0.5))


def test_strict_gives_nothing_for_the_step_into_emptiness():
    levels, target = levels_of([50, 50, 0, 0]), np.array([[True, True, False, False]])
    assert average_precision(levels, target, EVERYWHERE) == pytest.approx((1.0, 0.0))


def test_what_is_never_predicted_is_no_recall():
    levels, target = levels_of([40, 0, 0, 50]), np.array([[True, True, True, False]])
    assert average_precision(levels, target, EVERYWHERE) == pytest.approx((1 / 6, 1 / 6))


@settings(max_examples=150, deadline=None)
@given(
    arrays.arrays(np.uint8, (5, 6), elements=st.integers(0, 99)),
    arrays.arrays(bool, (5, 6)),
    arrays.arrays(bool, (5, 6)),
)
def test_bounds_and_what_is_not_counted(levels, target, counted):
    predictions = [(levels >= number) & counted for number in range(1, 100)]
    found = average_precision(levels, target, counted)
    assert found == pytest.approx(naive_average_precision(predictions, target & counted), abs=1e-12)
    if found[0] is not None:
        assert 0 <= found[1] <= found[0] <= 1
        # Another false pixel never helps.
        false = levels.copy()
        false[~target] = np.maximum(false[~target], 1)
        assert average_precision(false, target, counted)[0] <= found[0] + 1e-12
        # Only the order at thresholds matters: what is not counted can be anything.
        other = np.where(counted, levels, 99 - levels).astype(np.uint8)
        assert average_precision(other, target, counted) == found


def test_thresholds_are_met_exactly(ahead):
    assert THRESHOLDS.dtype == np.float32
    assert len(THRESHOLDS) == 99
    for number in (1, 7, 29, 58, 70, 99):
        posed = np.zeros(SMALL.shape, np.float32)
        posed[6, 6, 6] = np.float32(number / 100)
        splat = image_scores(posed, SMALL, ahead, np.ones((64, 64), bool))
        assert splat.vanilla == pytest.approx(0 if number == 99 else 1 / 32**2)


def test_the_footprint_of_a_voxel(ahead):
    posed = np.zeros(SMALL.shape, np.float32)
    posed[6, 6, 6] = 0.5
    # It reaches from 0 to 0.2 m on each axis; its face, at 2.8 m, from pixel 32 to 36.57 and up to 27.43.
    levels = splat_boxes(posed, SMALL.origin, SMALL.voxel, THRESHOLDS, ahead, (64, 64))
    expected = np.zeros((64, 64), np.uint8)
    expected[27:32, 32:37] = 50
    assert np.array_equal(levels, expected)


@pytest.mark.parametrize("seed", range(4))
def test_a_solid_has_no_holes(seed):
    from scipy.ndimage import binary_fill_holes

    random = np.random.default_rng(seed)
    camera = random_camera(random)
    centres = SMALL.centres().reshape(*SMALL.shape, 3)
    ball = (np.linalg.norm(centres, axis=-1) < 0.6).astype(np.float32)
    sheet = (np.abs(centres[..., 0]) < 0.11).astype(np.float32)
    large = Camera(camera.K * np.array([[8], [8], [1]], np.float32), camera.R, camera.t)
    for solid in (ball, sheet):
        seen = splat_boxes(solid, SMALL.origin, SMALL.voxel, THRESHOLDS, large, (384, 512)) > 0
        assert (binary_fill_holes(seen) == seen).all()
    # A pixel is taken if and only if a ray through its centre meets a voxel that is wholly in front.
    eye, inverse = large.centre.astype(float), np.linalg.inv(large.K.astype(float))
    boxes = centres[(ball > 0)].astype(float)
    depth = boxes @ large.R[2].astype(float) + large.t[2] - 0.1 * np.abs(large.R[2]).sum()
    boxes = boxes[depth > 0]
    seen = splat_boxes(ball, SMALL.origin, SMALL.voxel, THRESHOLDS, large, (384, 512)) > 0
    for row, column in random.integers((384, 512), size=(200, 2)):
        ray = large.R.T.astype(float) @ inverse @ [column + 0.5, row + 0.5, 1]
        near, far = (boxes - 0.1 - eye) / ray, (boxes + 0.1 - eye) / ray
        entry, leave = np.minimum(near, far).max(1), np.maximum(near, far).min(1)
        margin = np.abs(entry - leave).min() if len(boxes) else 1
        if margin > 1e-6:
            assert seen[row, column] == bool((entry <= leave).any())


def test_the_likeliest_voxel_of_a_pixel_counts(ahead):
    random = np.random.default_rng(0)
    field = random_field(random)
    for splat in (
        splat_boxes(field, SMALL.origin, SMALL.voxel, THRESHOLDS, ahead, (64, 64)),
        splat_points(
            field, SMALL.origin, SMALL.voxel, THRESHOLDS,
            ahead.K.astype(float) @ np.c_[ahead.R, ahead.t].astype(float), (64, 64),
        ),
    ):  # fmt: skip
        for number in (10, 50, 90):
            alone = np.where(field >= THRESHOLDS[number - 1], field, 0).astype(np.float32)
            again = splat_boxes(alone, SMALL.origin, SMALL.voxel, THRESHOLDS, ahead, (64, 64))
            points = naive_prediction(field, SMALL, ahead, THRESHOLDS[number - 1], (64, 64))
            # Every single pixel lies in its footprint, and a footprint is of what is above the threshold.
            assert not (points & ~(again >= number)).any()
            assert not ((splat >= number) & ~(again >= number)).any()


def test_what_is_not_a_number_is_nowhere(ahead):
    posed = np.full(SMALL.shape, np.nan, np.float32)
    scores = image_scores(posed, SMALL, ahead, np.ones((64, 64), bool), full=True)
    assert (scores.vanilla, scores.strict, scores.full_vanilla, scores.full_strict) == (0, 0, 0, 0)


def test_no_target_is_no_score(ahead):
    posed = np.full(SMALL.shape, 0.5, np.float32)
    nothing = image_scores(posed, SMALL, ahead, np.zeros((64, 64), bool), full=True)
    assert (nothing.vanilla, nothing.strict, nothing.full_vanilla) == (None, None, None)
    # A single pixel of 64 × 64 is a quarter of one of 32 × 32, but all there is at full resolution.
    speck = np.zeros((64, 64), bool)
    speck[33, 33] = True
    scores = image_scores(posed, SMALL, ahead, speck, full=True)
    assert scores.vanilla is None
    assert scores.full_vanilla is not None


def test_a_person_in_front_of_everything_leaves_no_score(ahead):
    posed = np.full(SMALL.shape, 0.5, np.float32)
    everywhere = np.stack(np.meshgrid(*[np.linspace(-2, 2, 90)] * 2, [0.0]), -1).reshape(-1, 3)
    scores = image_scores(
        posed, SMALL, ahead, np.ones((64, 64), bool), body_vertices=everywhere.astype(np.float32)
    )
    assert scores.vanilla is not None
    assert (scores.aware_vanilla, scores.aware_strict) == (None, None)


def test_what_is_behind_the_camera_never_counts():
    K = np.array([[30, 0, 32], [0, 30, 32], [0, 0, 1]], np.float32)
    camera = Camera(K, np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
    centres = SMALL.centres().reshape(*SMALL.shape, 3)
    behind = (centres[..., 2] < 0).astype(np.float32) * np.float32(0.5)
    mask = np.ones((64, 64), bool)
    unseen = image_scores(behind, SMALL, camera, mask, body_vertices=-np.ones((3, 3), np.float32), full=True)
    assert (unseen.vanilla, unseen.full_vanilla) == (0, 0)
    # Nor does a body behind it hide anything.
    assert unseen.aware_vanilla is not None
    both = image_scores(behind[..., ::-1] + behind, SMALL, camera, mask, full=True)
    front = image_scores(np.ascontiguousarray(behind[..., ::-1]), SMALL, camera, mask, full=True)
    assert both == front
    assert front.vanilla > 0


def test_resizing_by_area(ahead):
    mask = np.zeros((64, 96), bool)
    mask[:32, :48] = True
    mask[40:42, 60:61] = True
    camera, small = resized(ahead, mask, 0.5)
    assert small.shape == (32, 48)
    # Half a pixel's area is enough, a quarter is not.
    assert np.array_equal(np.argwhere(small[16:])[:, 0] + 16, [20])
    assert small[:16, :24].all()
    assert small.sum() == 16 * 24 + 1
    assert camera.K[0].tolist() == [32, 0, 16]
    point = np.array([0.3, -0.2, 0.1], np.float32)
    assert camera.project(point) == pytest.approx(ahead.project(point) / 2)
    # Sides that do not divide: each keeps its own scale, and the whole area is shared out.
    camera, odd = resized(ahead, np.ones((50, 75), bool), 32 / 50)
    assert odd.shape == (32, 48)
    assert odd.all()
    assert np.diag(camera.K)[:2] == pytest.approx([64 * 48 / 75, 64 * 32 / 50])
    # A picture of fewer pixels is made larger.
    camera, larger = resized(ahead, np.eye(16, dtype=bool), 2.0)
    assert np.array_equal(larger, np.kron(np.eye(16, dtype=bool), np.ones((2, 2), bool)))


def test_the_better_field_scores_higher(ahead):
    centres = SMALL.centres().reshape(*SMALL.shape, 3)
    distance = np.linalg.norm(centres - [0.3, 0.2, 0], axis=-1)
    sharp = np.clip(1 - distance, 0, 0.97).astype(np.float32)
    target = splat_boxes(
        (distance < 0.4).astype(np.float32), SMALL.origin, SMALL.voxel, THRESHOLDS, ahead, (64, 64)
    )
    good = image_scores(sharp, SMALL, ahead, target > 0, full=True)
    blurred = image_scores(np.ascontiguousarray(sharp[::-1]), SMALL, ahead, target > 0, full=True)
    assert good.full_vanilla > 0.9
    assert good.vanilla > blurred.vanilla
    assert good.full_vanilla > blurred.full_vanilla
