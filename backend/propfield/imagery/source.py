"""What every source of pictures gives: observations of a category, and which types it tells apart."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from propfield.observations.interaction import InteractionType
from propfield.observations.observation import Observation
from propfield.progress import Progress


@runtime_checkable
class Source(Protocol):
    """A provider of pictures that have been perceived."""

    name: str

    def categories(self) -> list[str]:
        """Categories it can give, sorted."""
        ...

    def types(self, category: str) -> list[InteractionType]:
        """The interaction types of a category; NotFound (with the nearest names) for an unknown one."""
        ...

    def observe(
        self, category: str, *, types: list[str] | None, views: int, seed: int, progress: Progress
    ) -> Iterator[Observation]:
        """Yields up to `views` observations for each of the named types (all when None), the same for the
        same seed. Raises NotFound for an unknown category or type."""
        ...


@runtime_checkable
class Shard(Protocol):
    """A part of a source's views that any process, on any machine, can make by itself. It can be pickled."""

    def __len__(self) -> int:
        """How many views."""
        ...

    def observations(self) -> Iterable[Observation]:
        """The views, in order."""
        ...


@runtime_checkable
class ShardedSource(Source, Protocol):
    """A source that gives exactly as many views of each type as are asked for, and whose views can be made in
    parts, each wherever there is time for it."""

    def shards(self, category: str, *, type_name: str, views: int, seed: int) -> Sequence[Shard]:
        """The parts of what `observe` gives of one type, in order. NotFound as there."""
        ...
