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

    Beside each input stand its licence and whether that allows commercial use; of the pictures, how many
    there were of each licence.

    With `--json`: the file's whole header (DESIGN.md, "The field file"; the ledger is its provenance's
    "licences"), "bytes", and "commercial_safe": true, false, or null without a ledger.
    """
    from propfield.field.file import read_header
    from propfield.ledger import is_commercial_safe

    header = read_header(file)
    size = file.stat().st_size
    if as_json:
        ledger = header["provenance"].get("licences", [])
        print_json({**header, "bytes": size, "commercial_safe": is_commercial_safe(ledger)})
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
    _show_ledger(header["provenance"].get("licences", []))


def _show_ledger(ledger: list[dict]) -> None:
    from propfield.ledger import is_commercial_safe

    use = {True: "yes", False: "no", None: "not known"}
    if ledger:
        print_table(
            ["made from", "count", "licence", "commercial use"],
            [
                [
                    str(each.get("what", "unknown")),
                    str(each.get("count", "")),
                    str(each.get("licence", "unknown")),
                    use.get(each.get("commercial"), "not known"),
                ]
                for each in ledger
            ],
        )
    print(
        {
            True: "All of its inputs allow commercial use.",
            False: "Not commercial-safe: not all of its inputs are known to allow commercial use.",
            None: "It holds no ledger of its inputs, so whether it may be used commercially is not known.",
        }[is_commercial_safe(ledger)]
    )


def _parts(kind: dict) -> str:
    """The parts that a type's objects meet, in `learn --part`'s words."""
    from propfield.observations.interaction import parts_text

    met = [kind["part"]] if kind["part"] else []
    return parts_text((*met, *kind.get("passes", [])), tuple(kind.get("blocks", [])))
