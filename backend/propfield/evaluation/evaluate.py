"""How good a learned field is: PAP on held-out or annotated images, agreement with the studio's truth, and
Table 1's statistics of the images."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from propfield.errors import PropfieldError
from propfield.evaluation.held_out import truth_of
from propfield.evaluation.scoring import MeanScores, mean_of_types, score_views
from propfield.evaluation.statistics import ViewCounter, ViewStatistics, camera_entropy
from propfield.evaluation.truth import TruthScore, truth_score
from propfield.field.occupancy import OccupancyField
from propfield.imagery.studio import StudioSource
from propfield.observations.observation import Observation
from propfield.progress import Progress, silent

ALL = "all"
ENOUGH_IMAGES = 30
"""Test images that the paper asks for of a category."""
STUDIO_VIEWS = 60
"""Views of each type that the studio renders unless told."""
TRUTH_SCENES = 200
SEED_STEP = 1_000_003
"""From the seed that a field was learned with to the one that it is tested with."""


def evaluate(
    field: OccupancyField,
    on: str,
    *,
    types: Sequence[str] | None = None,
    views: int | None = None,
    seed: int | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Scores a field on "studio", "coco:FILE" or "coco-eft:DIR": what `propfield evaluate --json` prints.

    `types` are the studio's types (all when None), or on photos the field's types to score on all of the
    images ("all" when None). `views` is the number of images of each studio type (60 when None), or the most
    of photos (all when None). `seed` chooses them; None is one that the field was not learned with.
    PropfieldError for another `on`, files that cannot be used, or when no image is left to score.
    """
    if views is not None and views < 1:
        raise PropfieldError(f"--views is a number of images from 1, not {views}.")
    learned_with = field.provenance.get("seed")
    seed = (int(learned_with or 0) + SEED_STEP) % 2**32 if seed is None else seed
    kind, _, place = on.partition(":")
    notes: list[str] = []
    if on == "studio":
        if field.provenance.get("source") == "studio" and learned_with == seed:
            notes.append(
                f"Seed {seed} made the views that this field was learned from: they are not held out."
            )
        parts, statistics = _studio(field, types, views or STUDIO_VIEWS, seed, progress)
    elif kind in ("coco", "coco-eft") and place:
        read = _coco if kind == "coco" else _coco_eft
        parts, statistics = _photos(field, types, *read(field, Path(place), views, seed, progress), progress)
    else:
        raise PropfieldError(
            f"“{on[:60]}” is nothing to evaluate on; use “studio”, “coco:FILE” or “coco-eft:DIR”."
        )
    images = sum(scores.images for _, _, scores, _ in parts) if on == "studio" else parts[0][2].images
    if not images:
        raise PropfieldError(_nothing_left(field.category, statistics))
    if images < ENOUGH_IMAGES:
        notes.append(f"{images} images are few: the paper asks for {ENOUGH_IMAGES} of a category.")
    result = {
        "category": field.category,
        "on": kind,
        "seed": seed,
        "images": images,
        "types": [
            {"name": name, "scored_as": scored_as, "images": scores.images, **named(scores), **_truth(truth)}
            for name, scored_as, scores, truth in parts
        ],
        "mean": {
            **named(mean_of_types([scores for _, _, scores, _ in parts])),
            **mean_truth([truth for _, _, _, truth in parts if truth is not None]),
        },
        "views": {
            "seen": statistics.seen,
            "kept": statistics.kept,
            "rejected": statistics.rejected,
            "rejection_rate": statistics.rejection_rate,
        },
        "camera_entropy": statistics.camera_entropy,
        "notes": notes,
    }
    return rounded(result)


def rounded(value: Any) -> Any:
    """JSON data with its numbers to four digits after the point: a score is no surer than that."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {name: rounded(entry) for name, entry in value.items()}
    return [rounded(entry) for entry in value] if isinstance(value, list) else value


_Part = tuple[str, str, MeanScores, TruthScore | None]
"""What was scored, as which type of the field, its PAP, and its agreement with the truth."""

PAP_NAMES = {
    "pap": "vanilla",
    "pap_strict": "strict",
    "pap_aware": "aware_vanilla",
    "pap_aware_strict": "aware_strict",
    "pap_full": "full_vanilla",
    "pap_full_strict": "full_strict",
}
"""Names in the output of the scores of `ImageScores`."""


def named(scores: MeanScores) -> dict[str, float | None]:
    """The scores under their names in the output."""
    return {name: getattr(scores, attribute) for name, attribute in PAP_NAMES.items()}


def mean_truth(scores: Sequence[TruthScore]) -> dict[str, float]:
    """Means of IoU, correlation and calibration errors; nothing of nothing."""
    if not scores:
        return {}
    names = ("iou", "correlation", "calibration_error", "worst_calibration")
    there = {name: [v for score in scores if (v := getattr(score, name)) is not None] for name in names}
    return {name: float(np.mean(values)) for name, values in there.items() if values}


def _truth(score: TruthScore | None) -> dict[str, Any]:
    return {} if score is None else asdict(score)


def _nothing_left(category: str, statistics: ViewStatistics) -> str:
    told = ", ".join(f"{name}: {count}" for name, count in statistics.rejected.items() if count)
    return (
        f"No image of “{category}” is left to score: {statistics.seen} seen,"
        f" rejected by {told or 'no filter; the object is nowhere to be seen'}."
    )


def _studio(
    field: OccupancyField, types: Sequence[str] | None, views: int, seed: int, progress: Progress
) -> tuple[list[_Part], ViewStatistics]:
    studio, counter = StudioSource(), ViewCounter()
    names = [kind.name for kind in studio.types(field.category)]
    # A type named twice is scored once.
    names = list(dict.fromkeys(types or names))
    scored_as = {name: name if any(k.type.name == name for k in field.types) else ALL for name in names}
    rendered = studio.observe(field.category, types=names, views=views, seed=seed, progress=progress)
    scores = {}
    # Closed here and now when something raises, so that a cancel leaves no process behind.
    with closing(rendered):  # type: ignore[type-var]
        for name in names:
            kept = counter.kept(islice(rendered, views))
            scores[name] = score_views(
                field, scored_as[name], kept, full=True, expected=views, progress=progress
            )
    truth = truth_of(
        studio, field.category, field.grid, names, scenes=TRUTH_SCENES, seed=seed, progress=progress
    )
    parts: list[_Part] = [
        (name, scored_as[name], scores[name], truth_score(field.type(scored_as[name]), truth[name]))
        for name in names
    ]
    return parts, counter.statistics()


def _photos(
    field: OccupancyField,
    types: Sequence[str] | None,
    images: list[Observation],
    statistics: ViewStatistics,
    progress: Progress,
) -> tuple[list[_Part], ViewStatistics]:
    parts: list[_Part] = []
    for name in dict.fromkeys(types or [ALL]):
        scores = score_views(field, name, images, full=True, expected=len(images), progress=progress)
        parts.append((name, name, scores, None))
    return parts, statistics


def _coco(
    field: OccupancyField, file: Path, views: int | None, seed: int, progress: Progress
) -> tuple[list[Observation], ViewStatistics]:
    from propfield.imagery.coco import CocoSource

    source, counter = CocoSource(file), ViewCounter()
    most = len(source.annotations.images) if views is None else views
    seen = source.observe(field.category, types=None, views=most, seed=seed, progress=progress)
    return list(counter.kept(seen)), counter.statistics()


def _coco_eft(
    field: OccupancyField, folder: Path, views: int | None, seed: int, progress: Progress
) -> tuple[list[Observation], ViewStatistics]:
    from propfield.evaluation.coco_eft import CocoEft

    source = CocoEft(folder)
    images = list(source.observe(field.category, field.body, progress=progress))
    centres = np.array([image.camera.centre for image in images], dtype=float)
    statistics = ViewStatistics(
        seen=len(images) + sum(source.rejected.values()),
        rejected=dict(source.rejected),
        camera_entropy=camera_entropy(centres) if images else None,
    )
    if views is not None and views < len(images):
        chosen = np.random.default_rng(seed).choice(len(images), views, replace=False)
        images = [images[index] for index in sorted(chosen)]
    return images, statistics
