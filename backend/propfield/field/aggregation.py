"""Views in, votes out: the sums of CHORUS Eq. 6, for all interaction types in one pass."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from jaxtyping import Integer
from scipy.sparse import csr_array

from propfield.body.template import BodyTemplate
from propfield.field.counter import Batch, Counter
from propfield.field.cpu_counter import CpuCounter
from propfield.field.grid import Grid
from propfield.field.regions import Regions, regions_of
from propfield.field.torch_counter import TorchCounter
from propfield.field.view_batch import view_batch
from propfield.field.votes import AZIMUTH_BINS, Tally, Votes
from propfield.observations.interaction import InteractionType
from propfield.observations.observation import Observation

Engine = Callable[[Grid, csr_array, Integer[np.ndarray, " n"] | None, Regions], Counter]
"""Makes a counter of a grid's voxels: of those with the given flat indices, or of all, by their skinning
weights, and of the body parts in whose regions masks are looked for."""


class Aggregator:
    """Takes views one by one, and counts them a batch at a time.

    A view belongs to a type if its prompt is the type's (a type without prompt takes all), if its object mask
    meets each of the body parts that the type passes and none that it blocks: meets means at least one voxel
    within 0.13 m of that part (CHORUS §3.4). The pixel of a voxel is its projection truncated toward zero, as
    in the official implementation; a voxel behind the camera is not in its picture.
    """

    def __init__(
        self,
        body: BodyTemplate,
        grid: Grid,
        weights: csr_array,
        types: Sequence[InteractionType],
        device: str | torch.device = "cpu",
        voxels: Integer[np.ndarray, " n"] | None = None,
        threads: int | None = None,
        engine: Engine | None = None,
    ) -> None:
        """`weights` are skinning_weights.voxel_weights of the same body and grid, `voxels` the flat indices
        of those to count (all when None). `engine` counts; by the device when None, and then with so many
        `threads`. PropfieldError when the weights are of another grid, NotFound for a part that no body has.
        """
        self.types = tuple(types)
        self._body = body
        regions = regions_of(
            body, grid, weights, {part for kind in types for part in (*kind.met, *kind.blocks)}
        )
        self._rules = [(regions.bits(kind.met), regions.bits(kind.blocks)) for kind in self.types]
        engine = engine or _engine(torch.device(device), threads)
        self._counter = engine(grid, weights, voxels, regions)
        self._tally = Tally(len(self.types), grid.resolution, self._counter.counted, {})
        self._waiting: list[tuple[Observation, list[int]]] = []

    def add(self, view: Observation) -> None:
        """Counts one view for each type that it belongs to. Its numbers must be finite and its arrays whole:
        observations/filters.py sees to that."""
        asked = self._asked(view)
        if asked:
            self._waiting.append((view, asked))
            if len(self._waiting) == self._counter.batch:
                self._flush()

    @property
    def votes(self) -> list[Votes]:
        """The votes of each type, in the order of `types`, for the counted voxels in their own order."""
        return self.tally.votes()

    @property
    def tally(self) -> Tally:
        """All that has been counted, to be sent elsewhere and absorbed there."""
        self._flush()
        return self._tally

    def taken(self) -> Tally:
        """The tally, of which the aggregator keeps nothing: it counts anew from none."""
        tally = self.tally
        self._tally = Tally(tally.types, tally.resolution, tally.voxels, {})
        return tally

    def absorb(self, tally: Tally) -> None:
        """Adds what another aggregator of the same voxels and types has counted, bit for bit as if its views
        had been added here. PropfieldError when it is of others."""
        self.tally.merge(tally)

    def dense(self, values: np.ndarray, fill: int = 0) -> np.ndarray:
        """Values of the counted voxels, (N,), as a cube (R, R, R), with `fill` where nothing is counted."""
        return self._tally.dense(values, fill)

    def _flush(self) -> None:
        if not self._waiting:
            return
        views, asked = zip(*self._waiting, strict=True)
        self._waiting = []
        ready = view_batch(views, self._body)
        batch = self._counter.take(ready)
        groups: dict[tuple[int, ...], list[int]] = {}
        for place, members in enumerate(self._members(batch, asked)):
            if members:
                groups.setdefault(members, []).append(place)
        for members, places in groups.items():
            chosen = np.array(places)
            cameras = np.bincount(ready.bins[chosen], minlength=AZIMUTH_BINS)
            for counts in self._tally.counts_of(members):
                counts.expect(cameras)
                batch.count(chosen, counts)

    def members(self, views: Iterable[Observation]) -> Iterator[tuple[Observation, tuple[int, ...]]]:
        """Each of the views that belongs to any type, with the indices of those types; counts none."""
        waiting: list[Observation] = []
        for view in views:
            waiting.append(view)
            if len(waiting) == self._counter.batch:
                yield from self._members_of(waiting)
                waiting = []
        yield from self._members_of(waiting)

    def _members_of(self, views: list[Observation]) -> Iterator[tuple[Observation, tuple[int, ...]]]:
        if views:
            batch = self._counter.take(view_batch(views, self._body))
            found = self._members(batch, [self._asked(view) for view in views])
            yield from ((view, types) for view, types in zip(views, found, strict=True) if types)

    def _members(self, batch: Batch, asked: Sequence[list[int]]) -> list[tuple[int, ...]]:
        """The types that each view of a batch belongs to, of those whose prompt it has."""
        wanted = np.zeros(len(asked), np.uint16)
        for place, indices in enumerate(asked):
            for index in indices:
                passes, blocks = self._rules[index]
                wanted[place] |= passes | blocks
        met = batch.parts_met(wanted).tolist()
        return [
            tuple(index for index in indices if _allowed(met[place], *self._rules[index]))
            for place, indices in enumerate(asked)
        ]

    def _asked(self, view: Observation) -> list[int]:
        """The types whose prompt a view has."""
        return [index for index, kind in enumerate(self.types) if kind.prompt in ("", view.prompt)]


def _allowed(met: int, passes: int, blocks: int) -> bool:
    """Whether a mask that meets these parts (bits) passes all that it must and none that it must not."""
    return met & passes == passes and not met & blocks


def _engine(device: torch.device, threads: int | None) -> Engine:
    if device.type == "cpu":
        return partial(CpuCounter, threads=threads)
    return partial(TorchCounter, device=device)
