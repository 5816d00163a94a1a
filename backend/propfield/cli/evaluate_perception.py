"""propfield evaluate perception"""

from typing import Annotated

import typer

from propfield.cli.output import Json
from propfield.errors import Unavailable


def evaluate_perception(
    on: Annotated[str, typer.Option(help="What to score it on: studio.")] = "studio",
    as_json: Json = False,
) -> None:
    """Score what is seen of people in pictures."""
    raise Unavailable("Perception cannot be scored yet.")
