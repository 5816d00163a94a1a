"""The studio as a source of observations."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain

import numpy as np
from jaxtyping import Float32, UInt8

from propfield.body.loaders import open_body
from propfield.engines import Processes
from propfield.errors import NotFound, nearest_names
from propfield.field.canonical_voxels import CanonicalVoxels
from propfield.field.grid import Grid
from propfield.field.skinning_weights import voxel_weights
from propfield.imagery.studio.interaction_file import recipes
from propfield.imagery.studio.recipe import Recipe
from propfield.imagery.studio.truth import recipe_occupancy
from propfield.imagery.studio.views import SIZE, render_picture, view, views
from propfield.observations.interaction import InteractionType
from propfield.observations.observation import Observation
from propfield.progress import Progress, silent

CHUNK = 20
"""Views of a shard: about half a second's work, so that a cancel is heard soon."""


@dataclass(frozen=True)
class StudioShard:
    """Some of an interaction's views, by their numbers."""

    recipe: Recipe
    indices: range
    seed: int
    size: int

    def __len__(self) -> int:
        return len(self.indices)

    def observations(self) -> list[Observation]:
        return list(views(self.recipe, self.indices, self.seed, self.size))


class StudioSource:
    """A procedural world that poses the open body with simple props and knows the truth.

    `workers` is the number of processes, all cores when None; what is made does not depend on it.
    """

    name = "studio"

    def __init__(self, workers: int | None = None, size: int = SIZE) -> None:
        self.workers = workers
        self.size = size

    def categories(self) -> list[str]:
        """Categories it can give, sorted."""
        return list(recipes())

    def types(self, category: str) -> list[InteractionType]:
        """The interaction types of a category; NotFound (with the nearest names) for an unknown one."""
        return [recipe.type for recipe in self._category(category)]

    def recipe(self, category: str, type_name: str) -> Recipe:
        """One interaction. NotFound, with the names there are, for an unknown category or type."""
        return self._chosen(category, [type_name])[0]

    def observe(
        self,
        category: str,
        *,
        types: list[str] | None = None,
        views: int,
        seed: int,
        progress: Progress = silent,
    ) -> Iterator[Observation]:
        """Yields `views` observations of each of the named types (all when None), in order, the same for the
        same seed. Raises NotFound for an unknown category or type, and whatever `progress` raises."""
        names = [recipe.type.name for recipe in self._chosen(category, types)]
        shards = list(
            chain.from_iterable(
                self.shards(category, type_name=name, views=views, seed=seed) for name in names
            )
        )
        return self._counted(self._made(shards), views * len(names), category, progress)

    def shards(self, category: str, *, type_name: str, views: int, seed: int) -> list[StudioShard]:
        """The views of one type in parts; see imagery.source.ShardedSource."""
        recipe = self.recipe(category, type_name)
        return [
            StudioShard(recipe, range(start, min(start + CHUNK, views)), seed, self.size)
            for start in range(0, views, CHUNK)
        ]

    @staticmethod
    def _counted(
        observations: Generator[Observation, None, None], total: int, category: str, progress: Progress
    ) -> Iterator[Observation]:
        # Closed here and now when `progress` raises, so that a cancel leaves no process behind.
        with closing(observations):
            progress("render views", 0.0, f"0 of {total} views of {category}")
            for count, observation in enumerate(observations, 1):
                yield observation
                if count % 10 == 0 or count == total:
                    progress("render views", count / total, f"{count} of {total} views of {category}")

    def _made(self, shards: list[StudioShard]) -> Generator[Observation, None, None]:
        with closing(Processes(self.workers).map(StudioShard.observations, shards)) as made:
            for observations in made:
                yield from observations

    def view(self, category: str, type_name: str, index: int, seed: int) -> Observation:
        """One view by its number, the same as `observe` gives."""
        return view(self.recipe(category, type_name), index, seed, self.size)

    def picture(
        self, category: str, type_name: str, index: int, seed: int, size: int | None = None
    ) -> UInt8[np.ndarray, "H W 3"]:
        """The colour picture of a view."""
        return render_picture(self.recipe(category, type_name), index, seed, size or self.size)

    def true_occupancy(
        self, category: str, types: Sequence[str] | None, grid: Grid, *, scenes: int = 200, seed: int = 0
    ) -> dict[str, Float32[np.ndarray, "R R R"]]:
        """The object's true canonical occupancy for each of the named types (all when None), and for "all",
        their mix in equal parts: the share of `scenes` drawn scenes in which a voxel lies in the object."""
        chosen = self._chosen(category, types)
        body = open_body()
        voxels = CanonicalVoxels(body, grid, voxel_weights(body, grid))
        found = {recipe.type.name: recipe_occupancy(recipe, grid, voxels, scenes, seed) for recipe in chosen}
        return {"all": np.mean(list(found.values()), axis=0, dtype=np.float32), **found}

    def _category(self, category: str) -> tuple[Recipe, ...]:
        known = recipes()
        if category not in known:
            raise NotFound(
                f"The studio has no “{category}”; the nearest it has are: "
                f"{', '.join(nearest_names(category, list(known)))}."
            )
        return known[category]

    def _chosen(self, category: str, types: Sequence[str] | None) -> list[Recipe]:
        known = {recipe.type.name: recipe for recipe in self._category(category)}
        for name in types or ():
            if name not in known:
                raise NotFound(
                    f"The studio's {category} has no type “{name}”; it has: "
                    f"{', '.join(nearest_names(name, list(known), 9))}."
                )
        return list(known.values()) if types is None else [known[name] for name in types]
