"""Every type's field fitted to its own views, and the mix of all made of them."""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float32
from scipy.sparse import csr_array

from propfield.body.template import BodyTemplate
from propfield.field.fit.estimator import fit_occupancy
from propfield.field.fit.inside import inside_body
from propfield.field.fit.limbs import Skeleton
from propfield.field.fit.views import SeenView, ViewSample, fit_views
from propfield.field.grid import Grid
from propfield.observations.observation import Observation
from propfield.progress import Progress, silent

START = 0.02
"""A voxel with a smaller share of the votes is empty. Votes count a voxel that the body hides as empty, so
the true probability may be higher than its votes, but not by that much."""


def fit_types(
    votes: Sequence[Float32[np.ndarray, "R R R"]],
    views: Iterable[tuple[Observation, tuple[int, ...]]],
    *,
    body: BodyTemplate,
    grid: Grid,
    weights: csr_array,
    progress: Progress = silent,
) -> list[Float32[np.ndarray, "R R R"]]:
    """The fitted field of each type, from its votes and the views with the types that each belongs to.

    Type 0 is the mix of all, Φ(x) = Σ_s P(s) Φ(x | s): views that belong to several types are counted for the
    first, those that belong to no other are a component of their own. The union along a ray (silhouettes.py)
    is for one way of using an object; fitted to the mix itself it takes one way for another's background.
    """
    samples = [ViewSample() for _ in votes]
    owned = [0] * len(votes)
    for view, members in views:
        named = [index for index in members if index]
        for index in named:
            samples[index].add(view)
        if 0 in members:
            owned[named[0] if named else 0] += 1
            if not named:
                samples[0].add(view)
    fields: list[Float32[np.ndarray, "R R R"]] = []
    wanted = [index for index, sample in enumerate(samples) if sample.added]
    total = np.zeros(grid.shape, np.float32)
    fitted = {}
    for place, index in enumerate(wanted):

        def of_all(stage: str, fraction: float, message: str = "", place: int = place) -> None:
            progress(stage, (place + fraction) / len(wanted), message)

        fitted[index] = _fitted(samples[index].views, votes[index], body, grid, weights, of_all)
        total += fitted[index] * np.float32(owned[index])
    mix = total / np.float32(max(sum(owned), 1))
    for index, vote in enumerate(votes):
        fields.append(mix if index == 0 else fitted.get(index, np.zeros_like(vote)))
    return fields


def _fitted(
    views: list[SeenView],
    votes: Float32[np.ndarray, "R R R"],
    body: BodyTemplate,
    grid: Grid,
    weights: csr_array,
    progress: Progress,
) -> Float32[np.ndarray, "R R R"]:
    voxels = np.flatnonzero(votes.reshape(-1) >= START)
    field = np.zeros(grid.resolution**3, np.float32)
    field[voxels] = fit_occupancy(
        fit_views(views, body, progress),
        Skeleton.of(body),
        grid,
        weights,
        voxels,
        inside_body(body, grid, voxels),
        progress=progress,
    )
    return field.reshape(grid.shape)
