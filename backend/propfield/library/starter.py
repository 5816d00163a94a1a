"""A starter set: a fitted field of each category that the studio knows, made once."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from propfield import __version__
from propfield.errors import NotFound, PropfieldError, nearest_names
from propfield.field.file import load_field, save_field
from propfield.field.occupancy import OccupancyField
from propfield.imagery.catalogue import studio_catalogue
from propfield.jobs.stages import overall, shares_of
from propfield.library.folder import Library, name_for
from propfield.library.previews import make_previews
from propfield.progress import Progress, silent

TRUE_SCENES = 200
"""Scenes that tell where an object truly is; their seed is another than that of any recipe's views."""
TRUE_SEED = 2**32 - 1


@dataclass(frozen=True)
class StarterSet:
    """What a starter set is made of.

    Attributes:
        categories: names of the studio's; all of them when empty.
        views: pictures for each type.
        commercial_safe: refuses what is not, which nothing of the studio is.
    """

    categories: tuple[str, ...] = ()
    views: int = 500
    seed: int = 0
    resolution: int = 48
    commercial_safe: bool = False

    def made(self, category: str, header: dict[str, Any]) -> bool:
        """Whether this recipe made a field of a category, by the field's header."""
        try:
            told = header["provenance"]
            recipe = {key: told[key] for key in ("source", "views_a_type", "seed", "estimator")}
            types = [kind["name"] for kind in header["types"]]
            of_all = header["category"], header["grid"]["resolution"], told["software"]["propfield"]
        except (KeyError, TypeError):
            return False
        own = {"source": "studio", "views_a_type": self.views, "seed": self.seed, "estimator": "fit"}
        # All types of the category, and none at further parts.
        expected = ["all", *(kind.name for kind in studio_catalogue()[category])]
        return recipe == own and types == expected and of_all == (category, self.resolution, __version__)


def make_starter_set(
    folder: Path, recipe: StarterSet, *, score: bool = False, progress: Progress = silent
) -> tuple[list[dict[str, Any]], float]:
    """Makes what is missing of a starter set in a library's folder, field by field, each whole or not there,
    with its pictures; gives a line for each, and the seconds of it all.

    A line: {"name", "category", "types", "views_kept", "seconds", "made", "commercial", "iou",
    "correlation"}; the last two are the means over the types of evaluation/truth.py's scores against the
    studio's truth, None unless `score`. NotFound for a category that the studio has none of.
    """
    begin = time.monotonic()
    if folder.exists() and not folder.is_dir():
        raise PropfieldError(f"{folder} is no folder; name the one that the fields are to lie in.")
    library = Library(folder)
    categories = _categories(recipe)
    there = _headers(library)
    lines = []
    shares = shares_of("learn", {"estimator": "fit"})
    for number, category in enumerate(categories):

        def tell(stage: str, fraction: float, message: str = "", number: int = number) -> None:
            fraction = overall(shares, stage, fraction)
            progress(
                "make the library",
                (number + fraction) / len(categories),
                f"{categories[number]}: {stage}",
            )

        start = time.monotonic()
        name = next((known for known, header in there.items() if recipe.made(category, header)), None)
        made, field = name is None, None
        if name is None:
            field = _learn(recipe, category, tell)
            name = _free_name(library, category)
            save_field(field, library.new_path(name))
        make_previews(library, name, field)
        seconds = round(time.monotonic() - start, 1) if made else 0.0
        lines.append(_line(library, name, made, seconds, score, field))
    progress("make the library", 1.0)
    return lines, round(time.monotonic() - begin, 1)


def _categories(recipe: StarterSet) -> list[str]:
    known = list(studio_catalogue())
    for category in recipe.categories:
        if category not in known:
            nearest = ", ".join(nearest_names(category, known))
            raise NotFound(f"The studio has no “{category}”; the nearest are {nearest}.")
    return list(dict.fromkeys(recipe.categories)) or known


def _headers(library: Library) -> dict[str, dict[str, Any]]:
    found = {}
    for name in library.names():
        try:
            found[name] = library.header(name)
        except PropfieldError:
            # Not ours; `list` tells what is wrong with it.
            continue
    return found


def _learn(recipe: StarterSet, category: str, progress: Progress) -> OccupancyField:
    from propfield.jobs.learn import learn
    from propfield.jobs.requests import learn_request

    request = learn_request(
        category=category,
        views=recipe.views,
        seed=recipe.seed,
        resolution=recipe.resolution,
        estimator="fit",
        commercial_safe=recipe.commercial_safe,
    )
    return learn(request, progress=progress)


def _free_name(library: Library, category: str) -> str:
    taken = set(library.names())
    wanted = name_for(category)
    numbered = (f"{wanted}-{number}" for number in range(2, 10_000))
    return next(name for name in (wanted, *numbered) if name not in taken)


def _line(
    library: Library, name: str, made: bool, seconds: float, score: bool, field: OccupancyField | None
) -> dict[str, Any]:
    entry = library.entry(name)
    scores = _scores(field or load_field(library.path(name))) if score else {"iou": None, "correlation": None}
    return {
        "name": name,
        "category": entry["category"],
        "types": [kind["name"] for kind in entry["types"] if kind["name"] != "all"],
        "views_kept": entry["views"],
        "seconds": seconds,
        "made": made,
        "commercial": entry["commercial"],
        **scores,
    }


def _scores(field: OccupancyField) -> dict[str, float | None]:
    from propfield.evaluation.truth import TRUE_LEVEL, truth_score
    from propfield.imagery.studio import StudioSource

    truth = StudioSource().true_occupancy(
        field.category, None, field.grid, scenes=TRUE_SCENES, seed=TRUE_SEED
    )
    # On a coarse grid what is thin is truly nowhere.
    scores = [
        truth_score(kind, truth[kind.type.name])
        for kind in field.types
        if kind.type.name in truth and (truth[kind.type.name] >= TRUE_LEVEL).any()
    ]
    return {
        "iou": _mean(each.iou for each in scores),
        "correlation": _mean(each.correlation for each in scores),
    }


def _mean(values: Iterable[float]) -> float | None:
    numbers = list(values)
    return round(sum(numbers) / len(numbers), 3) if numbers else None
