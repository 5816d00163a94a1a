"""How well a learned field agrees with the studio's true canonical occupancy."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from propfield.errors import PropfieldError
from propfield.evaluation.pap import THRESHOLDS
from propfield.field.occupancy import TypeField

TRUE_LEVEL = 0.3
"""A voxel is truly the object's if it is inside the object in at least this share of the scenes."""
CALIBRATION_BINS = 20
"""Equal steps of the learned occupancy in which it is compared with the truth."""
CALIBRATION_FLOOR = 0.01
"""Most of space is empty, and rightly learned so: where neither the learned nor the true occupancy is above
this, a voxel tells nothing about calibration and would only water it down."""
FEWEST_IN_BIN = 10
"""Bins with fewer voxels do not count for the worst error: they are chance."""


@dataclass(frozen=True)
class TruthScore:
    """Attributes:
    iou: intersection over union of {learned ≥ threshold} and {truth ≥ 0.3}, at the best threshold.
    threshold: that threshold.
    correlation: Pearson's, of learned and true occupancy over the voxels that views saw; 0 where either is
        the same everywhere.
    true_voxels: how many voxels are truly the object's.
    calibration_error: expected calibration error of the learned occupancy as a probability: the mean, over
        the voxels that views saw and that are above 0.01 in either, of |mean learned − mean true| in their
        twentieth of [0, 1]. None where there is no such voxel.
    worst_calibration: the largest of those differences, over the bins with ten voxels and more; None without.
    """

    iou: float
    threshold: float
    correlation: float
    true_voxels: int
    calibration_error: float | None
    worst_calibration: float | None


def truth_score(learned: TypeField, truth: Float32[np.ndarray, "R R R"]) -> TruthScore:
    """Scores one type's field against its true occupancy on the same grid. PropfieldError when the truth
    is empty at 0.3, so that no score could be told."""
    occupied = truth >= TRUE_LEVEL
    if not occupied.any():
        raise PropfieldError(
            f"“{learned.type.name}” is truly nowhere with a probability of {TRUE_LEVEL}: it cannot be scored."
        )
    best, at = -1.0, 0.0
    for threshold in THRESHOLDS:
        guessed = learned.occupancy >= threshold
        iou = float((guessed & occupied).sum() / (guessed | occupied).sum())
        if iou > best:
            best, at = iou, float(threshold)
    seen = learned.support > 0
    expected, worst = calibration(learned.occupancy[seen], truth[seen])
    return TruthScore(
        iou=best,
        threshold=at,
        correlation=_correlation(learned.occupancy[seen], truth[seen]),
        true_voxels=int(occupied.sum()),
        calibration_error=expected,
        worst_calibration=worst,
    )


def calibration(
    learned: Float32[np.ndarray, " n"], truth: Float32[np.ndarray, " n"]
) -> tuple[float | None, float | None]:
    """Expected and worst calibration error of learned probabilities (see TruthScore)."""
    telling = (learned > CALIBRATION_FLOOR) | (truth > CALIBRATION_FLOOR)
    learned, truth = learned[telling].astype(float), truth[telling].astype(float)
    bins = np.minimum((learned * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    count = np.bincount(bins, minlength=CALIBRATION_BINS)
    apart = np.abs(np.bincount(bins, learned - truth, minlength=CALIBRATION_BINS))
    gaps = apart / np.maximum(count, 1)
    told = gaps[count >= FEWEST_IN_BIN]
    return (
        float(apart.sum() / count.sum()) if count.sum() else None,
        float(told.max()) if len(told) else None,
    )


def _correlation(first: Float32[np.ndarray, " n"], second: Float32[np.ndarray, " n"]) -> float:
    if not len(first) or np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
