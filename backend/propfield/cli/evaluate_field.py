"""propfield evaluate FIELD"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from propfield.cli.output import Json, print_json, print_table, shown_progress
from propfield.cli.pose import Skinning

_PAP = {"pap": "PAP (strict)", "pap_aware": "unoccluded", "pap_full": "full size"}
_TRUTH = {"iou": "IoU", "correlation": "corr.", "calibration_error": "calib."}


def evaluate_field(
    field: Annotated[Path, typer.Argument(help="A field file.")],
    on: Annotated[
        str,
        typer.Option(
            help="Images to score it on: studio (made here), coco:FILE (annotations beside their photos) or"
            " coco-eft:DIR (COCO 2014's instances_val2014.json and EFT's COCO2014-Val-*.json)."
        ),
    ] = "studio",
    types: Annotated[
        list[str] | None,
        typer.Option("--type", help="Score this way of using it alone; repeat for more. See `info`."),
    ] = None,
    views: Annotated[
        int | None, typer.Option(help="Images of each studio type (60 unless told), or the most of photos.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Chooses the images; one that the field was not learned with unless told."),
    ] = None,
    skinning: Skinning = None,
    as_json: Json = False,
) -> None:
    """Score a field: does it cover the object in images that it was not learned from?

    The score is Projective Average Precision as in CHORUS: plain, strict, and without the pixels that the
    person's body takes (unoccluded); beside it the same with each voxel's whole footprint at the picture's
    full size. On the studio also the agreement with the object's true occupancy. And: which images the
    filters rejected, and the entropy of where their cameras stand. Photos do not tell how an object is used,
    so there the mix of all types is scored.

    **Examples**

    - `propfield evaluate surfboard.field.npz`

    - `propfield evaluate tie.field.npz --on coco-eft:coco --json`

    With `--json`: {"field", "skinning", "category", "on", "seed", "images", "types", "mean", "views",
    "camera_entropy", "notes"}; scores, in [0, 1], are in "types" and "mean": "pap", "pap_strict",
    "pap_aware", "pap_aware_strict", "pap_full", "pap_full_strict", and on the studio "iou", "correlation",
    "calibration_error" and more.
    """
    with shown_progress() as progress:
        from propfield.evaluation.evaluate import evaluate as evaluated
        from propfield.field.file import load_field

        loaded = load_field(field)
        loaded = replace(loaded, skinning=skinning or loaded.skinning)
        result = evaluated(loaded, on, types=types or None, views=views, seed=seed, progress=progress)
    if as_json:
        print_json({"field": str(field), "skinning": loaded.skinning, **result})
    else:
        show(result)


def show(result: dict[str, Any]) -> None:
    """The scores as a table for people, in percent but for the correlation."""
    parts = result["types"]
    mean = {"name": "mean", "scored_as": "mean", "images": result["images"], **result["mean"]}
    rows = parts if len(parts) == 1 else [*parts, mean]
    told = [name for name in _TRUTH if name in mean]
    print(f"{result['category']} on {result['on']}, {result['images']} images, seed {result['seed']}")
    print_table(
        ["type", "images", *_PAP.values(), *(_TRUTH[name] for name in told)],
        [
            [
                row["name"] if row["name"] == row["scored_as"] else f"{row['name']} (as {row['scored_as']})",
                str(row["images"]),
                *(f"{_percent(row[name])} ({_percent(row[name + '_strict'])})" for name in _PAP),
                *(_percent(row.get(name)) if name != "correlation" else f"{row[name]:.2f}" for name in told),
            ]
            for row in rows
        ],
        whole=range(1, 2 + len(_PAP) + len(told)),
    )
    if told:
        print("corr. and calib.: correlation with the true occupancy, and calibration error")
    views, entropy = result["views"], result["camera_entropy"]
    rejected = ", ".join(f"{count} by {name}" for name, count in views["rejected"].items() if count)
    print(
        f"{views['kept']} of {views['seen']} images kept, {_percent(views['rejection_rate'])} % rejected"
        f"{f' ({rejected})' if rejected else ''}; camera entropy {entropy:.2f} bits"
    )
    for note in result["notes"]:
        print(note)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"
