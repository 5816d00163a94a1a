import numpy as np
import pytest

from propfield.errors import PropfieldError
from propfield.evaluation.truth import calibration, truth_score
from propfield.field.occupancy import TypeField
from propfield.observations.interaction import InteractionType


def learned(occupancy, support=None):
    support = np.ones(occupancy.shape, np.uint32) if support is None else support
    return TypeField(InteractionType("hold", "p"), occupancy.astype(np.float32), support, 1)


@pytest.fixture
def truth():
    return np.random.default_rng(0).random((16, 16, 16)).astype(np.float32) ** 2


def test_the_truth_itself_scores_one(truth):
    score = truth_score(learned(truth), truth)
    assert score.correlation == pytest.approx(1)
    assert score.iou == pytest.approx(1, abs=0.02)
    assert score.threshold == pytest.approx(0.3, abs=0.011)
    assert score.true_voxels == (truth >= 0.3).sum()


def test_the_best_threshold_makes_up_for_scale(truth):
    score = truth_score(learned(truth * 0.5), truth)
    assert score.iou == pytest.approx(1, abs=0.02)
    assert score.threshold == pytest.approx(0.15, abs=0.011)


def test_half_of_it_scores_a_half(truth):
    half = np.where(np.arange(16)[:, None, None] < 8, truth >= 0.3, False)
    share = half.sum() / (truth >= 0.3).sum()
    assert truth_score(learned(half), truth).iou == pytest.approx(share)


def test_what_nobody_saw_does_not_count_for_the_correlation(truth):
    support = np.zeros(truth.shape, np.uint32)
    support[:8] = 1
    wrong_where_unseen = truth.copy()
    wrong_where_unseen[8:] = 0
    assert truth_score(learned(wrong_where_unseen, support), truth).correlation == pytest.approx(1)


def test_an_empty_truth_cannot_be_scored(truth):
    with pytest.raises(PropfieldError, match="truly nowhere"):
        truth_score(learned(truth), np.zeros_like(truth))


def test_a_calibrated_field_has_no_calibration_error():
    random = np.random.default_rng(0)
    learned = random.random(400_000).astype(np.float32)
    happened = (random.random(400_000) < learned).astype(np.float32)
    expected, worst = calibration(learned, happened)
    assert expected < 0.01
    assert worst < 0.02
    # Of voxels that say the same, a tenth more of what happens is a tenth of error.
    assert calibration(np.full(100, 0.42, np.float32), np.full(100, 0.52, np.float32)) == pytest.approx(
        (0.1, 0.1), abs=1e-6
    )


def test_calibration_by_hand():
    learned = np.array([0.52] * 10 + [0.93] * 30 + [0.02] * 2, np.float32)
    truth = np.array([0.32] * 10 + [0.83] * 30 + [0.52] * 2, np.float32)
    expected, worst = calibration(learned, truth)
    assert expected == pytest.approx((10 * 0.2 + 30 * 0.1 + 2 * 0.5) / 42, abs=1e-6)
    # The two of the last bin are too few to be the worst.
    assert worst == pytest.approx(0.2, abs=1e-6)


def test_empty_space_does_not_water_calibration_down():
    learned = np.array([0.4] * 20 + [0.0] * 10_000, np.float32)
    truth = np.zeros_like(learned)
    assert calibration(learned, truth)[0] == pytest.approx(0.4, abs=1e-6)
    assert calibration(truth, truth) == (None, None)
    # What is missed altogether counts.
    assert calibration(truth, learned)[0] == pytest.approx(0.4, abs=1e-6)


def test_a_field_that_is_the_same_everywhere_has_no_correlation(truth):
    flat = learned(np.full(truth.shape, 0.2))
    assert truth_score(flat, truth).correlation == 0
    unseen = learned(truth, np.zeros(truth.shape, np.uint32))
    assert truth_score(unseen, truth).correlation == 0
    assert truth_score(unseen, truth).calibration_error is None
