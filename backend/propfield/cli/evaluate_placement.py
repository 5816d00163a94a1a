"""propfield evaluate placement"""

from pathlib import Path
from typing import Annotated, Any

import typer

from propfield.cli.output import Json, print_json, print_table, shown_progress


def evaluate_placement(
    field: Annotated[
        list[Path] | None,
        typer.Option(
            help="A field file, or a folder of them; repeat for more. The library's newest of each category"
            " when left out."
        ),
    ] = None,
    poses: Annotated[int, typer.Option(help="People of each interaction.")] = 3,
    seed: Annotated[
        int | None, typer.Option(help="Chooses the people; no field's own when left out.")
    ] = None,
    ground: Annotated[bool, typer.Option("--ground", help="Tell the placing where the floor is.")] = False,
    as_json: Json = False,
) -> None:
    """Score where props are placed: the studio's own, on people whose truth is known.

    Each prop is turned and moved at random and then placed by its category's field. It is placed right if one
    of the first three placements has its middle within 5 cm and its turn within 20° of a true one; turns that
    take the prop onto itself do not count. Told are also whether the bone that carries it is right, and how
    deep it is in the body.

    **Examples**

    - `propfield evaluate placement --field fields/`

    - `propfield evaluate placement --field chair.field.npz --poses 5 --ground --json`

    With `--json`: {"poses", "seed", "ground", "pairs": [{"category", "type", "placed", "ranks", "position_m",
    "turn_degrees", "bone_right", "bones", "penetration_m", "seconds"}], "pairs_placed", "poses_placed",
    "bones_right", "penetration_m"}.
    """
    with shown_progress() as progress:
        from propfield.cli.evaluate_reconstruction import fields_given
        from propfield.evaluation.placement import HELD_OUT
        from propfield.evaluation.placement import evaluate_placement as evaluated

        result = evaluated(
            fields_given(field),
            poses=poses,
            seed=HELD_OUT if seed is None else seed,
            ground=ground,
            progress=progress,
        )
    if as_json:
        print_json(result)
    else:
        show(result)


def show(result: dict[str, Any]) -> None:
    """The scores as a table for people."""
    print_table(
        ["category", "type", "placed", "rank", "off by", "turned by", "bone", "in the body", "seconds"],
        [
            [
                row["category"],
                row["type"],
                f"{100 * row['placed']:.0f}%",
                " ".join(str(rank or "–") for rank in row["ranks"]),
                f"{100 * max(row['position_m']):.1f} cm",
                f"{max(row['turn_degrees']):.0f}°",
                ", ".join(row["bones"]),
                f"{1000 * row['penetration_m']:.1f} mm",
                f"{row['seconds']:.1f}",
            ]
            for row in result["pairs"]
        ],
    )
    print(
        f"Placed in every pose: {100 * result['pairs_placed']:.0f}% of pairs; of all poses"
        f" {100 * result['poses_placed']:.0f}%. Right bones: {100 * result['bones_right']:.0f}%."
    )
