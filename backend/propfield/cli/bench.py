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
    as_json: Json = False,
) -> None:
    """Measure the engine on this machine, beside a dense version of the paper's formulas.

    Figures are the least of several repeats after one that compiles, over a 48³ grid; those of the baseline
    are measured in the same run. Takes minutes: the baseline is slow. Without --reference the studio makes
    the views.

    **Example:** `propfield bench`

    With `--json`: {"weights_s", "aggregate_ms_per_view", "pose_ms", "pap_ms"}, each again with "_baseline";
    with --reference also {"weights_max_abs", "votes_differing", "posed_differing"} of both; and "medians",
    "ratios", "official", "inputs", "repeats", "hardware".
    """
    with shown_progress() as progress:
        from propfield.evaluation.bench import bench as measured
        from propfield.evaluation.bench_inputs import reference_inputs, studio_inputs

        inputs = reference_inputs(reference) if reference else studio_inputs()
        result = measured(inputs, progress=progress)
    if as_json:
        print_json(result)
    else:
        show(result)


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
    hardware, inputs = result["hardware"], result["inputs"]
    print(f"Over {inputs['views']}, {inputs['resolution']}³ voxels, {inputs['body']}")
    print(
        f"On {hardware['cores']} cores ({hardware['threads']} threads), {hardware['system']}"
        f" {hardware['machine']}; Python {hardware['python']}, torch {hardware['torch']},"
        f" numpy {hardware['numpy']}, numba {hardware['numba']}"
    )
    print(f"¹ {result['official']['note']}")
