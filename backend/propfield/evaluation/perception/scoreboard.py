"""Perception's scores on the studio, by level, by view and by pose."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from propfield.errors import PropfieldError, Unavailable
from propfield.evaluation.perception.levels import PICTURES, SIMULATED, Level, seen, simulated
from propfield.evaluation.perception.people import VIEWS, StudioPerson, studio_people
from propfield.evaluation.perception.scores import joint_errors, scores
from propfield.perception.choice import PerceptionChoice
from propfield.progress import Progress, silent

SIZE = 512
"""Pixels a side of the pictures."""
PEOPLE = 80
"""Four of each of the studio's interactions."""
BINS = 5


def evaluate_perception(
    on: str = "studio",
    *,
    views: int = PEOPLE,
    seed: int = 0,
    choice: PerceptionChoice | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """How well people are seen: {"on", "views", "seed", "levels"}; see `propfield evaluate perception`.

    PropfieldError for anything but the studio, and for fewer than one view.
    """
    if on != "studio":
        raise PropfieldError(
            f"Perception cannot be scored on “{on}”, only on studio, where the truth is known."
        )
    if views < 1:
        raise PropfieldError("At least one view is needed; give --views 1 or more.")
    people: list[StudioPerson] = []
    for person in studio_people(views, seed, SIZE):
        progress("draw people", len(people) / views)
        people.append(person)
    levels = [_told(simulated(name, people, progress), people) for name in SIMULATED]
    try:
        levels.append(_told(seen(people, choice or PerceptionChoice(), progress), people))
    except Unavailable as error:
        levels.append({"level": PICTURES, "skipped": str(error)})
    return {"on": on, "views": views, "seed": seed, "levels": levels}


def _told(level: Level, people: Sequence[StudioPerson]) -> dict[str, Any]:
    """A level's scores: means over the people that were fitted."""
    rows: list[dict[str, float] | None] = []
    for person, fit, iou in zip(people, level.fits, level.mask_ious, strict=True):
        row = None if fit is None else scores(person, fit)
        rows.append(row if row is None or iou is None else {**row, "mask_iou": iou})
    return {
        "level": level.name,
        "skipped": None,
        **_mean(rows),
        "fit_seconds": level.fit_seconds,
        "seconds": level.seconds,
        "by_view": _grouped(rows, [each.view for each in people], VIEWS),
        "by_pose": _grouped(rows, [each.pose_name for each in people]),
        "uncertainty": _calibration(level, people),
    }


def _mean(rows: Sequence[dict[str, float] | None]) -> dict[str, Any]:
    fitted = [row for row in rows if row is not None]
    names = dict.fromkeys(name for row in fitted for name in row)
    return {
        "people": len(rows),
        "failure_rate": 1 - len(fitted) / len(rows),
        "scores": {name: float(np.mean([row[name] for row in fitted if name in row])) for name in names},
    }


def _grouped(
    rows: Sequence[dict[str, float] | None], groups: Sequence[str], order: Sequence[str] = ()
) -> dict[str, Any]:
    present = [name for name in order or sorted(set(groups)) if name in groups]
    return {
        name: _mean([row for row, group in zip(rows, groups, strict=True) if group == name])
        for name in present
    }


def _calibration(level: Level, people: Sequence[StudioPerson]) -> dict[str, Any]:
    """Whether joints are as far off as their uncertainty says: root mean squares, millimetres, of fifths of
    all joints by what is said, and the rank correlation of both."""
    fitted = [(person, fit) for person, fit in zip(people, level.fits, strict=True) if fit is not None]
    if not fitted:
        return {"bins": [], "rank_correlation": None}
    # The pelvis is where both are laid together.
    said = np.concatenate([fit.joint_uncertainty[1:] for _, fit in fitted])
    true = np.concatenate([joint_errors(person, fit)[1:] for person, fit in fitted])
    bins = np.array_split(np.argsort(said, kind="stable"), BINS)
    return {
        "bins": [{"said_mm": _root_mean(said[each]), "true_mm": _root_mean(true[each])} for each in bins],
        "rank_correlation": float(spearmanr(said, true).statistic),
    }


def _root_mean(metres: np.ndarray) -> float:
    return float(1000 * np.sqrt(np.square(metres, dtype=float).mean()))
