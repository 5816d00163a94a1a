"""From observations to a field: filters, voxel skinning, votes, types."""

import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from propfield.body.skeleton import canonical_pose
from propfield.body.template import BodyTemplate
from propfield.errors import PropfieldError, Unavailable
from propfield.field.aggregation import Aggregator
from propfield.field.grid import Grid
from propfield.field.occupancy import OccupancyField, TypeField
from propfield.field.skinning_weights import voxel_weights
from propfield.observations.filters import FILTERS, failed_filter
from propfield.observations.interaction import InteractionType
from propfield.observations.observation import Observation
from propfield.progress import Progress, silent

ALL = InteractionType(name="all", prompt="", part=None)
"""The mix of all types: the whole-body field, which always accumulates."""


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
    progress: Progress = silent,
) -> OccupancyField:
    """Learns a category's field by voting (CHORUS Eq. 6) from whatever observations there are.

    Observations are filtered as they come (observations/filters.py) and none is kept in memory; `expected` is
    how many to expect, for the progress. The mix of all types comes first in the field. PropfieldError when
    no view is left to learn from; torch's out-of-memory becomes Unavailable.
    """
    grid = grid or Grid()
    progress("prepare the grid", 0.0)
    weights = voxel_weights(body, grid)
    progress("prepare the grid", 1.0)
    rejected = dict.fromkeys(FILTERS, 0)
    observed, licences = 0, set()
    try:
        aggregator = Aggregator(body, grid, weights, [ALL, *types], device or default_device())
        for view in observations:
            observed += 1
            licences.add(view.licence)
            failed = failed_filter(view)
            if failed is None:
                aggregator.add(view)
            else:
                rejected[failed] += 1
            progress("count votes", min(observed / max(expected, observed), 1.0))
    except torch.OutOfMemoryError as error:
        raise Unavailable(
            "The GPU has too little free memory for this grid: close other programs, or ask for a lower"
            " resolution."
        ) from error
    kept = aggregator.votes[0].views
    if not kept:
        told = ", ".join(f"{name}: {count}" for name, count in rejected.items() if count)
        raise PropfieldError(
            f"No view of “{category}” is left to learn from: {observed} seen,"
            f" rejected by {told or 'no filter'}."
        )
    return OccupancyField(
        category=category,
        grid=grid,
        types=tuple(
            TypeField(
                type=kind,
                occupancy=aggregator.dense(votes.occupancy()),
                support=aggregator.dense(votes.support()),
                views=votes.views,
            )
            for kind, votes in zip(aggregator.types, aggregator.votes, strict=True)
        ),
        weights=weights,
        body=body,
        rest_pose=canonical_pose(),
        provenance={
            **(provenance or {}),
            "estimator": "voting",
            "views": {"observed": observed, "kept": kept, "rejected": rejected},
            "software": {
                "propfield": version("propfield"),
                "torch": torch.__version__,
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
            "licences": _ledger(body, licences),
        },
    )


OPEN_LICENCES = ("CC0-1.0", "CC-BY-4.0", "MIT", "Apache-2.0", "GPL-3.0-or-later")
"""Licences of inputs known to allow commercial use of what is made from them."""


def _ledger(body: BodyTemplate, pictures: set[str]) -> list[dict[str, Any]]:
    """The licence of every input, so that a studio sees at once whether it may use the field."""
    ledger = [{"what": f"body: {body.name}", "licence": body.licence, "commercial": body.commercial}]
    return ledger + [
        {"what": "pictures", "licence": licence, "commercial": licence in OPEN_LICENCES}
        for licence in sorted(pictures)
    ]
