"""What every source of pictures gives: observations of a category, and which types it tells apart."""

from collections.abc import Iterator
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
