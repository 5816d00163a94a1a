"""From observations to a field: filters, voxel skinning, votes, types."""

import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
import torch

from propfield.body.skeleton import canonical_pose
from propfield.body.template import BodyTemplate
from propfield.errors import PropfieldError, Unavailable
from propfield.field.counting import Count, CountPlan, count_views, new_key
from propfield.field.fit.mixture import fit_types
from propfield.field.grid import Grid
from propfield.field.occupancy import OccupancyField, TypeField
from propfield.field.skinning_weights import voxel_weights
from propfield.field.support import supported_voxels
from propfield.ledger import Ledger, of_body
from propfield.observations.filters import failed_filter
from propfield.observations.interaction import InteractionType
from propfield.observations.observation import Observation
from propfield.progress import Progress, silent

Estimator = Literal["voting", "fit"]
"""How a field is made of what was seen."""

ALL = InteractionType(name="all", prompt="", part=None)
"""The mix of all types: the whole-body field, which always accumulates."""


DENSE = 96
"""Voxels a side up to which all of a grid are counted."""


def default_device() -> str:
    """The GPU when there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def learn_field(
    category: str,
    types: Sequence[InteractionType],
    observations: Iterable[Observation],
    *,
    body: BodyTemplate,
    grid: Grid | None = None,
    provenance: dict[str, Any] | None = None,
    expected: int = 0,
    device: str | None = None,
    count: Count | None = None,
    sparse: bool | None = None,
    estimator: Estimator = "voting",
    ledger: Ledger | None = None,
    progress: Progress = silent,
) -> OccupancyField:
    """Learns a category's field from whatever observations there are: by "voting" (CHORUS Eq. 6), or from the
    votes on by a "fit" to what the masks show (field/fit), which reads the observations twice.

    Observations are filtered as they come (observations/filters.py) and none is kept in memory; `expected` is
    how many to expect, for the progress. `count` counts them somewhere else (in this process when None); the
    field is the same. The mix of all types comes first in the field.

    `sparse` (None: in a grid of more than 96³) leaves out those cells of 2³ voxels in which no type can
    reach an occupancy of 0.01, for which observations are read once more; those of an iterator are all
    counted.
    Occupancies from 0.01 on are exactly what they are among all voxels; smaller ones and support may be 0.

    `ledger` has what went into the observations beside the pictures and the body, and which pictures were
    left out for their licence; the field's provenance gets the whole.

    PropfieldError when no view is left to learn from, or when a fit is given an iterator, which can be read
    only once; torch's out-of-memory becomes Unavailable. What the ledger does not allow is a PropfieldError.
    """
    ledger = ledger or Ledger()
    ledger.add([of_body(body)])
    if estimator == "fit" and isinstance(observations, Iterator):
        raise PropfieldError("A fit reads its observations twice: give it a list or tables, not an iterator.")
    grid = grid or Grid()
    sparse = grid.resolution > DENSE if sparse is None else sparse
    progress("prepare the grid", 0.0)
    weights = voxel_weights(body, grid)
    progress("prepare the grid", 1.0)
    plan = CountPlan(body, grid, weights, (ALL, *types))
    count = count or _counts_here(observations, device or default_device())

    def tell(stage: str) -> Callable[[int], None]:
        return lambda observed: progress(stage, min(observed / max(expected, observed, 1), 1.0))

    try:
        if sparse and not isinstance(observations, Iterator):
            cells = count(replace(plan, of_cells=True, key=new_key()), tell("find where votes can be"))
            plan = replace(plan, voxels=supported_voxels(grid, cells.tally), key=new_key())
        counted = count(plan, tell("count votes"))
    except torch.OutOfMemoryError as error:
        raise Unavailable(
            "The GPU has too little free memory for this grid: close other programs, or ask for a lower"
            " resolution."
        ) from error
    tally, rejected = counted.tally, counted.rejected
    refused = ledger.refused
    if refused:
        rejected = {**rejected, "licence": refused.total()}
    everything = tally.votes()
    kept = everything[0].views
    if not kept:
        told = ", ".join(f"{name}: {number}" for name, number in rejected.items() if number)
        raise PropfieldError(
            f"No view of “{category}” is left to learn from: {counted.observed + refused.total()} seen,"
            f" rejected by {told or 'no filter'}."
        )
    occupancies = [tally.dense(each.occupancy()) for each in everything]
    if estimator == "fit":
        again = _told(observations, tell("choose views to fit"))
        passed = (view for view in again if failed_filter(view) is None)
        occupancies = fit_types(
            occupancies,
            plan.aggregator().members(passed),
            body=body,
            grid=grid,
            weights=weights,
            progress=progress,
        )
    return OccupancyField(
        category=category,
        grid=grid,
        types=tuple(
            TypeField(type=kind, occupancy=occupancy, support=tally.dense(each.support()), views=each.views)
            for kind, occupancy, each in zip(plan.types, occupancies, everything, strict=True)
        ),
        weights=weights,
        body=body,
        rest_pose=canonical_pose(),
        skinning="forward" if estimator == "fit" else "backward",
        provenance={
            **(provenance or {}),
            "estimator": estimator,
            "views": {"observed": counted.observed + refused.total(), "kept": kept, "rejected": rejected},
            "software": {
                "propfield": version("propfield"),
                "torch": torch.__version__,
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
            "licences": ledger.of(body, counted.licences),
        },
    )


def _counts_here(observations: Iterable[Observation], device: str) -> Count:
    """Counts in this process."""
    return lambda plan, tell: count_views(plan.aggregator(device), observations, tell)


def _told(views: Iterable[Observation], tell: Callable[[int], None]) -> Iterator[Observation]:
    """The views, of which it tells how many were taken."""
    for count, view in enumerate(views, 1):
        yield view
        tell(count)
