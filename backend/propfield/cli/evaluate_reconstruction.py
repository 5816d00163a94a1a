"""propfield evaluate reconstruction"""

from pathlib import Path
from typing import Annotated, Any

import typer

from propfield.cli.output import Json, print_json, print_table, shown_progress
from propfield.cli.perception_options import Keypoints

_WAYS = {"reconstruction": "rebuilt", "box": "mean box", "mix": "field without types"}


def evaluate_reconstruction(
    on: Annotated[
        str, typer.Option(help="What to score it on: coco:FILE, annotations that lie beside their photos.")
    ],
    field: Annotated[
        list[Path] | None,
        typer.Option(
            help="A field file, or a folder of them; repeat for more. The library's newest of each category"
            " when left out."
        ),
    ] = None,
    keypoints: Keypoints = None,
    as_json: Json = False,
) -> None:
    """Score scenes rebuilt from photos: does the placed object cover its mask?

    Each photo of a person with an object of a category that has a field is rebuilt from its annotated masks.
    IoU is that of the object, as the scene shows it, with its mask; PAP (as in CHORUS, also without the
    pixels that the body takes) is that of the type's field, moved with the object, through the recovered
    camera. Beside it two ways that do not look at the mask: the category's mean box around the body, and the
    field without types, at the level that suits the mask best.

    **Examples**

    - `propfield evaluate reconstruction --on coco:instances.json`

    - `propfield evaluate reconstruction --on coco:val.json --field fields/ --json`

    With `--json`: {"on", "photos": [...], "categories": [...], "mean", "failed": [{"photo", "category",
    "why"}]}; each of the first three has "reconstruction", "box" and "mix" with "iou", "pap" and "pap_aware"
    in [0, 1]; categories and the mean tell in "beats_both" where the reconstruction is better than both.
    """
    with shown_progress() as progress:
        from propfield.evaluation.reconstruction import evaluate_reconstruction as evaluated
        from propfield.perception.choice import PerceptionChoice

        choice = PerceptionChoice(keypoints=keypoints)
        result = evaluated(on, fields_given(field), choice=choice, progress=progress)
    if as_json:
        print_json(result)
    else:
        show(result)


def fields_given(given: list[Path] | None) -> dict[str, Any]:
    """The fields by category: the newest of each in a folder, those of files over them."""
    from propfield.errors import NotFound
    from propfield.field.file import load_field
    from propfield.home import open_home
    from propfield.library import Library

    if given is None:
        return {name: load_field(path) for name, path in Library(open_home().library).newest().items()}
    found: dict[str, Any] = {}
    for path in sorted(given, key=lambda each: each.is_file()):
        if path.is_dir():
            files = list(Library(path).newest().values())
            if not files:
                raise NotFound(f"There is no field file in {path}.")
        else:
            files = [path]
        for file in files:
            loaded = load_field(file)
            found[loaded.category] = loaded
    return found


def show(result: dict[str, Any]) -> None:
    """The scores as a table for people, in percent: IoU, then PAP."""
    rows = [*result["categories"], {"category": "mean", **result["mean"]}]
    print_table(
        ["category", "photos", *(f"{name}: IoU, PAP" for name in _WAYS.values()), "better than both"],
        [
            [
                row["category"],
                str(row["photos"]),
                *(f"{_percent(row[way]['iou'])}, {_percent(row[way]['pap'])}" for way in _WAYS),
                ", ".join(name for name in ("iou", "pap") if row["beats_both"][name]) or "–",
            ]
            for row in rows
        ],
    )
    for each in result["failed"]:
        print(f"{each['photo']} ({each['category']}): {each['why']}")


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"
