"""propfield info"""

from pathlib import Path
from typing import Annotated

import typer

from propfield.cli.output import Json, print_json, print_table


def info(
    file: Annotated[Path, typer.Argument(help="A field file.")],
    as_json: Json = False,
) -> None:
    """Show what a field file holds: types, views, where it is from, and under which licences.

    **Example:** `propfield info umbrella.field.npz`

    With `--json`: the file's whole header (DESIGN.md, "The field file"), and "bytes".
    """
    from propfield.field.file import read_header

    header = read_header(file)
    size = file.stat().st_size
    if as_json:
        print_json({**header, "bytes": size})
        return
    grid, views = header["grid"], header["provenance"].get("views", {})
    print(f"{file.name}: {header['category']}, {size / 2**20:.1f} MiB")
    print(f"Grid {grid['resolution']}³ voxels, {grid['size']:g} m wide; body: {header['body']['name']}")
    print_table(
        ["type", "views", "peak", "part", "prompt"],
        [
            [
                kind["name"],
                str(kind["views"]),
                f"{kind['peak']:.2f}",
                _parts(kind) or "–",
                kind["prompt"] or "–",
            ]
            for kind in header["types"]
        ],
    )
    if views:
        rejected = ", ".join(f"{count} by {name}" for name, count in views["rejected"].items() if count)
        print(f"Views: {views['observed']} seen, {views['kept']} kept; rejected: {rejected or 'none'}")
    estimator = header["provenance"].get("estimator", "voting")
    print(f"Estimated by {estimator}; posed by {header.get('skinning', 'backward')} skinning")
    ledger = header["provenance"].get("licences", [])
    for entry in ledger:
        print(f"Made from {entry['what']}: {entry['licence']}{_commerce(entry['commercial'])}")
    if ledger and all(entry["commercial"] for entry in ledger):
        print("All of its inputs allow commercial use.")


def _parts(kind: dict) -> str:
    """The parts that a type's objects meet, in `learn --part`'s words."""
    from propfield.observations.interaction import parts_text

    met = [kind["part"]] if kind["part"] else []
    return parts_text((*met, *kind.get("passes", [])), tuple(kind.get("blocks", [])))


def _commerce(allowed: bool | None) -> str:
    return "" if allowed else " (not for commercial use, as far as is known)"
