import numpy as np
import pytest

from propfield.errors import PropfieldError
from propfield.evaluation.truth import truth_score
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
