"""propfield library make"""

from pathlib import Path
from typing import Annotated

import typer

from propfield.cli.output import CommercialSafe, Json, print_json, print_table, shown_progress
from propfield.cli.serve import Home

USE = {True: "yes", False: "no", None: "not known"}
"""What is said of commercial use."""


def make(
    out: Annotated[
        Path | None, typer.Option(help="The folder; the home folder's library if left out.")
    ] = None,
    categories: Annotated[
        list[str] | None, typer.Option("--category", help="Only this one; repeat for more. All if left out.")
    ] = None,
    views: Annotated[int, typer.Option(help="Pictures for each type.")] = 500,
    seed: Annotated[int, typer.Option(help="The same seed gives the same fields.")] = 0,
    resolution: Annotated[int, typer.Option(help="Voxels a side of the 3 m cube.")] = 48,
    sheet: Annotated[
        Path | None, typer.Option(help="A picture of the whole set to write (.jpg, .png).")
    ] = None,
    score: Annotated[
        bool, typer.Option("--score", help="Hold each against the studio's truth as well.")
    ] = False,
    commercial_safe: CommercialSafe = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Make a starter set: a fitted field of each category that the studio knows, with pictures.

    Stopped and started anew, it goes on where it was: fields that the same recipe made are there already. All
    of the studio is CC0, so all fields may be used commercially.

    With `--json`: {"folder", "fields": [{"name", "category", "types", "views_kept", "seconds", "made",
    "commercial", "iou", "correlation"}], "seconds"}; the last two of a field are null without --score.
    """
    from propfield.home import open_home
    from propfield.library.starter import StarterSet, make_starter_set

    folder = out or open_home(home).library
    recipe = StarterSet(tuple(categories or ()), views, seed, resolution, commercial_safe)
    with shown_progress() as progress:
        made, seconds = make_starter_set(folder, recipe, score=score, progress=progress)
    if sheet is not None:
        from propfield.library.sheet import write_sheet

        write_sheet(folder, [each["name"] for each in made], sheet)
    if as_json:
        print_json({"folder": str(folder), "fields": made, "seconds": seconds})
        return
    print_table(
        ["field", "types", "views", "seconds", "commercial use", "truth IoU", "correlation"],
        [
            [
                each["name"],
                ", ".join(each["types"]),
                str(each["views_kept"]),
                f"{each['seconds']:.0f}" if each["made"] else "there",
                USE[each["commercial"]],
                _number(each["iou"]),
                _number(each["correlation"]),
            ]
            for each in made
        ],
    )
    print(f"{len(made)} fields in {folder}, {seconds:.0f} s")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
