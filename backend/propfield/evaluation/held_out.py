"""Clean views to score fields on, posed once for all the fields that are scored on them."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import numpy as np
from jaxtyping import Float32, Int32

from propfield.evaluation.pap import image_scores
from propfield.evaluation.scoring import MeanScores, mean_of_types, mean_scores, posed_body
from propfield.evaluation.truth import TruthScore, truth_score
from propfield.field.grid import Grid
from propfield.field.occupancy import OccupancyField
from propfield.field.posing import canonical_sources, from_sources, pose_field
from propfield.imagery.studio import StudioSource
from propfield.observations.filters import failed_filter
from propfield.observations.observation import Observation
from propfield.progress import Progress, silent

TRUTH_SCENES = 100
"""With so many a true occupancy is known to 0.05 and better."""


@dataclass(frozen=True)
class HeldOut:
    """Test views of a category by type, and its true occupancy.

    Fields that are scored lie on the same grid around the same body: where a voxel of the posed space comes
    from by backward skinning (posing.canonical_sources), and the posed body, are found once for each view.
    """

    views: dict[str, list[Observation]]
    truth: dict[str, Float32[np.ndarray, "R R R"]]
    sources: dict[str, Int32[np.ndarray, "R R R"]]
    bodies: dict[str, Float32[np.ndarray, "V 3"]]

    @property
    def images(self) -> int:
        return sum(len(views) for views in self.views.values())

    def score(self, field: OccupancyField, *, posed: bool = True) -> tuple[MeanScores, list[TruthScore]]:
        """PAP as the mean over types, and each type's agreement with the truth. With `posed` off the field is
        scored as it lies, whatever the view's pose."""
        scores = []
        for name, views in self.views.items():
            each = [
                image_scores(
                    self._carried(field, name, view) if posed else field.type(name).occupancy,
                    field.grid,
                    view.camera,
                    view.object_mask,
                    body_vertices=self._body(field, view),
                )
                for view in views
            ]
            scores.append(mean_scores(each))
        truth = [truth_score(field.type(name), self.truth[name]) for name in self.views]
        return mean_of_types(scores), truth

    def _body(self, field: OccupancyField, view: Observation) -> Float32[np.ndarray, "V 3"]:
        if view.id not in self.bodies:
            self.bodies[view.id] = posed_body(field.body, view.pose)
        return self.bodies[view.id]

    def _carried(self, field: OccupancyField, name: str, view: Observation) -> Float32[np.ndarray, "R R R"]:
        if field.skinning == "forward":
            return pose_field(field, name, view.pose)
        if view.id not in self.sources:
            self.sources[view.id] = canonical_sources(field, view.pose)
        return from_sources(field.type(name).occupancy, self.sources[view.id])


def hold_out(
    studio: StudioSource,
    category: str,
    grid: Grid,
    *,
    types: Sequence[str],
    views: int,
    seed: int,
    progress: Progress = silent,
) -> HeldOut:
    """Renders `views` of each type and keeps those that pass the filters."""
    rendered = studio.observe(category, types=list(types), views=views, seed=seed, progress=progress)
    with closing(rendered):  # type: ignore[type-var]
        kept = {
            name: [view for view in islice(rendered, views) if failed_filter(view) is None] for name in types
        }
    truth = truth_of(studio, category, grid, types, scenes=TRUTH_SCENES, seed=seed, progress=progress)
    return HeldOut(views=kept, truth=truth, sources={}, bodies={})


def truth_of(
    studio: StudioSource,
    category: str,
    grid: Grid,
    types: Sequence[str],
    *,
    scenes: int,
    seed: int,
    progress: Progress,
) -> dict[str, Float32[np.ndarray, "R R R"]]:
    """Each type's true occupancy, type by type, so that a cancel is heard between them."""
    truth: dict[str, np.ndarray] = {}
    for done, name in enumerate(types):
        progress("draw true scenes", done / len(types), name)
        truth |= studio.true_occupancy(category, [name], grid, scenes=scenes, seed=seed)
    return {name: truth[name] for name in types}
