"""How well a learned field agrees with the studio's true canonical occupancy."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from propfield.errors import PropfieldError
from propfield.field.occupancy import TypeField

TRUE_LEVEL = 0.3
"""A voxel is truly the object's if it is inside the object in at least this share of the scenes."""
THRESHOLDS = np.linspace(0.01, 0.99, 99)


@dataclass(frozen=True)
class TruthScore:
    """Attributes:
    iou: intersection over union of {learned ≥ threshold} and {truth ≥ 0.3}, at the best threshold.
    threshold: that threshold.
    correlation: Pearson's, of learned and true occupancy over the voxels that views saw.
    true_voxels: how many voxels are truly the object's.
    """

    iou: float
    threshold: float
    correlation: float
    true_voxels: int


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
    correlation = float(np.corrcoef(learned.occupancy[seen], truth[seen])[0, 1])
    return TruthScore(iou=best, threshold=at, correlation=correlation, true_voxels=int(occupied.sum()))
