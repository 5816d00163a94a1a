"""propfield ablate"""

from typing import Annotated, Any

import typer

from propfield.cli.output import Json, print_json, print_table, shown_progress

_COLUMNS = {
    "mpap": "mPAP",
    "mpap_strict": "strict",
    "mpap_aware": "unoccluded",
    "iou": "IoU",
    "correlation": "corr.",
    "images": "views",
}


def ablate(
    categories: Annotated[
        list[str] | None,
        typer.Option(
            "--category",
            help="A category of the studio's; repeat for more. Eleven of the paper's when left out.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Times that everything is made and learned anew.")] = 3,
    views: Annotated[int, typer.Option(help="Views of each type before the filters.")] = 250,
    rows: Annotated[
        list[str] | None, typer.Option("--row", help="A row of the table alone; repeat for more.")
    ] = None,
    resolution: Annotated[int, typer.Option(help="Voxels a side of the 3 m cube.")] = 48,
    as_json: Json = False,
) -> None:
    """Take the method apart, as CHORUS's Table 2 does, and see what each part is worth.

    Fields are learned on the studio from views with the errors of a real perception: in poses, cameras, masks
    and keypoints, and worst where the torso is not seen. They are scored on clean views that none of them
    has seen (mPAP, in percent; unoccluded: without the person's pixels) and against the true occupancy.
    Each figure is a mean over seeds, with its deviation.

    **Examples**

    - `propfield ablate`

    - `propfield ablate --category surfboard --seeds 2 --views 200 --json`

    With `--json`: {"rows", "categories", "seeds", "views", "resolution", "noise"}; a row is {"name",
    "mpap", "mpap_strict", "mpap_aware", "mpap_aware_strict", "iou", "correlation", "calibration_error",
    "images", "mpap_behind_full", "categories"}, each figure {"mean", "deviation"} over the seeds, in [0, 1];
    that without canonicalization has "mpap_as_it_lies" and "mpap_strict_as_it_lies" too, of the field that is
    not carried into poses.
    """
    with shown_progress() as progress:
        from propfield.evaluation.ablation import CATEGORIES
        from propfield.evaluation.ablation import ablate as ablated

        result = ablated(
            categories or CATEGORIES,
            seeds=seeds,
            views=views,
            rows=rows or None,
            resolution=resolution,
            progress=progress,
        )
    if as_json:
        print_json(result)
    else:
        show(result)


def show(result: dict[str, Any]) -> None:
    """The table for people."""
    print_table(
        ["", *_COLUMNS.values()],
        [[row["name"], *(_figure(name, row.get(name)) for name in _COLUMNS)] for row in result["rows"]],
    )
    for row in result["rows"]:
        if "mpap_as_it_lies" in row:
            lying, strict = (
                _figure(name, row[name]) for name in ("mpap_as_it_lies", "mpap_strict_as_it_lies")
            )
            print(f"{row['name'].capitalize()}, not carried into poses: mPAP {lying}, strict {strict}")
    seeds, views = result["seeds"], result["views"]
    print(f"{', '.join(result['categories'])}; {views} views a type, {seeds} seed{'s'[: seeds > 1]}")


def _figure(name: str, figure: dict[str, Any] | None) -> str:
    if figure is None or figure["mean"] is None:
        return "–"
    mean, deviation = figure["mean"], figure["deviation"]
    if name == "images":
        return f"{mean:.0f}"
    if name == "correlation":
        return f"{mean:.2f}±{deviation:.2f}"
    return f"{100 * mean:.1f}±{100 * deviation:.1f}"
