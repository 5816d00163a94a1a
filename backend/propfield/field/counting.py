"""Observations in, counts out: the filters and the votes of some views, wherever they are."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

import numpy as np
from jaxtyping import Integer
from scipy.sparse import csr_array

from propfield.body.template import BodyTemplate
from propfield.field.aggregation import Aggregator
from propfield.field.cpu_counter import CellCounter
from propfield.field.grid import Grid
from propfield.field.votes import Tally
from propfield.observations.filters import FILTERS, failed_filter
from propfield.observations.interaction import InteractionType
from propfield.observations.observation import Observation


def new_key() -> str:
    """A name that no other plan has."""
    return uuid4().hex


@dataclass(frozen=True)
class CountPlan:
    """All that counting needs beside the views; it can be pickled.

    Attributes:
        weights: skinning_weights.voxel_weights of the body and the grid.
        voxels: flat indices of the voxels to count; all when None.
        of_cells: to count what cells of 2³ voxels can have at best, instead of voxels (support.py).
        key: names this plan for good, so that who gets it again knows it.
    """

    body: BodyTemplate
    grid: Grid
    weights: csr_array
    types: tuple[InteractionType, ...]
    voxels: Integer[np.ndarray, " n"] | None = None
    of_cells: bool = False
    key: str = field(default_factory=new_key)

    def aggregator(self, device: str = "cpu", threads: int | None = None) -> Aggregator:
        """Counts as planned; nothing yet."""
        engine = partial(CellCounter, threads=threads) if self.of_cells else None
        return Aggregator(
            self.body, self.grid, self.weights, self.types, device, self.voxels, threads, engine
        )


@dataclass
class Counted:
    """What came of some views.

    Attributes:
        tally: their votes.
        observed: how many there were.
        rejected: how many each filter rejected.
        licences: how many of those that no filter rejected have pictures of each licence.
    """

    tally: Tally
    observed: int = 0
    rejected: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FILTERS, 0))
    licences: Counter[str] = field(default_factory=Counter)

    def merge(self, other: "Counted") -> None:
        """Adds what came of views elsewhere, bit for bit as if they had been here."""
        self.tally.merge(other.tally)
        self.observed += other.observed
        self.licences.update(other.licences)
        for name, count in other.rejected.items():
            self.rejected[name] += count


Count = Callable[[CountPlan, Callable[[int], None]], Counted]
"""Counts all views of a field by a plan; tells its second argument now and then, and at the end, how many it
has counted so far, and stops with what that raises."""


def count_views(
    aggregator: Aggregator, views: Iterable[Observation], tell: Callable[[int], None] = lambda count: None
) -> Counted:
    """Filters views as they come, keeps none, and counts the rest. What the aggregator had counted before is
    dropped, and it keeps nothing of these."""
    aggregator.taken()
    observed, rejected = 0, dict.fromkeys(FILTERS, 0)
    licences: Counter[str] = Counter()
    for view in views:
        observed += 1
        failed = failed_filter(view)
        if failed is None:
            aggregator.add(view)
            licences[view.licence] += 1
        else:
            rejected[failed] += 1
        tell(observed)
    return Counted(aggregator.taken(), observed, rejected, licences)
