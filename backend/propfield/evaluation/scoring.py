"""PAP of a field over many views: posed for each, scored, averaged."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
import torch
from jaxtyping import Float32

from propfield.body.skinning import pose_vertices
from propfield.body.template import BodyTemplate
from propfield.evaluation.pap import ImageScores, image_scores
from propfield.field.occupancy import OccupancyField
from propfield.field.posing import pose_field
from propfield.observations.observation import Observation
from propfield.progress import Progress, silent


@dataclass(frozen=True)
class MeanScores(ImageScores):
    """Means of ImageScores over the images that have each score; None where no image has it.

    Attributes:
        images: how many images have a target to be found.
    """

    images: int = 0


def score_views(
    field: OccupancyField,
    type_name: str,
    views: Iterable[Observation],
    *,
    posed: bool = True,
    full: bool = False,
    expected: int = 0,
    progress: Progress = silent,
) -> MeanScores:
    """PAP of one type's field over views (CHORUS §4.2): mean over the images with a target.

    With `posed` off the canonical field is scored as it is, whatever the view's pose (for a field that was
    learned so). `expected` is how many views to expect, for the progress.
    """
    scores: list[ImageScores] = []
    for view in views:
        occupancy = pose_field(field, type_name, view.pose) if posed else field.type(type_name).occupancy
        body = posed_body(field.body, view.pose)
        scores.append(
            image_scores(occupancy, field.grid, view.camera, view.object_mask, body_vertices=body, full=full)
        )
        progress("score views", min(len(scores) / max(expected, len(scores)), 1.0), type_name)
    return mean_scores(scores)


def posed_body(body: BodyTemplate, pose: Float32[np.ndarray, "24 3"]) -> Float32[np.ndarray, "V 3"]:
    """A body's vertices in a pose; metres."""
    return pose_vertices(
        torch.from_numpy(pose),
        torch.from_numpy(body.vertices),
        torch.from_numpy(body.skin_weights),
        torch.from_numpy(body.joints),
    ).numpy()


def mean_scores(scores: Sequence[ImageScores]) -> MeanScores:
    """Means over images; an image without a score does not count for that score."""
    means = {}
    for field in fields(ImageScores):
        there = [value for score in scores if (value := getattr(score, field.name)) is not None]
        means[field.name] = float(np.mean(there)) if there else None
    return MeanScores(**means, images=sum(score.vanilla is not None for score in scores))


def mean_of_types(scores: Sequence[MeanScores]) -> MeanScores:
    """Means over types or categories, each counting the same: mPAP. Images add up."""
    means = asdict(mean_scores(scores))
    return MeanScores(**(means | {"images": sum(score.images for score in scores)}))
