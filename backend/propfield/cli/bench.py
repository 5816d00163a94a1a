"""propfield bench"""

from pathlib import Path
from typing import Annotated, Any

import typer

from propfield.cli.output import Json, print_json, print_table, shown_progress

_FIGURES = {
    "weights_s": ("Voxel weights", "s"),
    "aggregate_ms_per_view": ("Votes of one view", "ms"),
    "pose_ms": ("Posing a field", "ms"),
    "pap_ms": ("PAP of one image, posing included", "ms"),
}


def bench(
    reference: Annotated[
        Path | None,
        typer.Option(help="A folder with the official implementation's views and numbers, to compare with."),
    ] = None,
    growth: Annotated[
        bool, typer.Option("--growth", help="Measure how time and memory grow with voxels and views instead.")
    ] = False,
    most_views: Annotated[
        int, typer.Option(help="Where --growth ends: 50000, or 500000 for a run of ten minutes and more.")
    ] = 50_000,
    as_json: Json = False,
) -> None:
    """Measure the engine on this machine, beside a dense version of the paper's formulas.

    Figures are the least of several repeats after one that compiles, over a 48³ grid; those of the baseline
    are measured in the same run. Takes minutes: the baseline is slow. Without --reference the studio makes
    the views.

    **Examples**

    - `propfield bench`

    - `propfield bench --growth`

    With `--json`: {"weights_s", "aggregate_ms_per_view", "pose_ms", "pap_ms"}, each again with "_baseline";
    with --reference also {"weights_max_abs", "votes_differing", "posed_differing"} of both; and "medians",
    "ratios", "official", "inputs", "repeats", "hardware". With `--growth --json`: {"resolution": [point, …],
    "support": [point, …], "views": [point, …], "hardware"}, a point being {"resolution", "views", "radius",
    "counted", "supported", "seconds", "peak_mb", "start_mb"}.
    """
    if growth:
        _growth(most_views, as_json)
        return
    with shown_progress() as progress:
        from propfield.evaluation.bench import bench as measured
        from propfield.evaluation.bench_inputs import reference_inputs, studio_inputs

        inputs = reference_inputs(reference) if reference else studio_inputs()
        result = measured(inputs, progress=progress)
    if as_json:
        print_json(result)
    else:
        show(result)


def _growth(most_views: int, as_json: bool) -> None:
    with shown_progress() as progress:
        from propfield.evaluation.bench import hardware
        from propfield.evaluation.bench_growth import VIEWS, growth

        views = [count for count in VIEWS if count <= most_views]
        result = {**growth(views=views, progress=progress), "hardware": hardware()}
    if as_json:
        print_json(result)
    else:
        show_growth(result)


def show_growth(result: dict[str, Any]) -> None:
    """The growth curves as tables for people."""
    titles = {
        "resolution": "With the grid",
        "support": "With what is supported (occupancy 0.01 or more): balls in one grid",
        "views": "With the views, which are streamed",
    }
    for name, title in titles.items():
        print(title)
        rows = []
        for point in result[name]:
            more = max(point["peak_mb"] - point["start_mb"], 0)
            votes = point["counted"] * point["views"]
            rows.append(
                [
                    f"{point['resolution']}³",
                    f"{point['radius']} m" if point["radius"] else "–",
                    f"{point['views']:,}",
                    f"{point['supported'] / 1000:,.0f} k",
                    f"{point['counted'] / 1000:,.0f} k",
                    f"{point['seconds']:.2f}",
                    f"{point['peak_mb']:,}",
                    f"{more * 2**20 / max(point['counted'], 1):.0f}",
                    f"{point['seconds'] * 1e9 / max(votes, 1):.2f}",
                ]
            )
        columns = ["voxels", "ball", "views", "supported", "counted", "s", "peak MB", "B/voxel", "ns/vote"]
        print_table(columns, rows)
        print()
    _show_hardware(result["hardware"])


def _times(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.3g}×"


def show(result: dict[str, Any]) -> None:
    """The bench's result as a table for people."""
    medians, ratios = result["medians"], result["ratios"]
    rows = [
        [
            what,
            f"{result[name]:g} {unit} ({medians[name]:g})",
            f"{result[name + '_baseline']:g} {unit} ({medians[name + '_baseline']:g})",
            _times(ratios["baseline"][name]),
            f"{result['official'][name]:g} {unit}",
            _times(ratios["official"][name]),
        ]
        for name, (what, unit) in _FIGURES.items()
    ]
    print_table(["least (median)", "propfield", "dense baseline", "ratio", "official ¹", "ratio"], rows)
    if "votes_differing" in result:
        for suffix, who in (("", "propfield"), ("_baseline", "the dense baseline")):
            print(
                f"Against the reference, {who}: weights to {result['weights_max_abs' + suffix]:.1g};"
                f" {result['votes_differing' + suffix]} voxels of the votes"
                f" and {result['posed_differing' + suffix]} of a posed field differ"
            )
    inputs = result["inputs"]
    print(f"Over {inputs['views']}, {inputs['resolution']}³ voxels, {inputs['body']}")
    _show_hardware(result["hardware"])
    print(f"¹ {result['official']['note']}")


def _show_hardware(hardware: dict[str, Any]) -> None:
    print(
        f"On {hardware['cores']} cores ({hardware['threads']} threads), {hardware['system']}"
        f" {hardware['machine']}; Python {hardware['python']}, torch {hardware['torch']},"
        f" numpy {hardware['numpy']}, numba {hardware['numba']}"
    )
