"""propfield evaluate reconstruction"""

from typing import Annotated

import typer

from propfield.cli.output import Json
from propfield.errors import Unavailable


def evaluate_reconstruction(
    on: Annotated[str, typer.Option(help="What to score it on: coco:FILE.")],
    as_json: Json = False,
) -> None:
    """Score scenes rebuilt from photos."""
    raise Unavailable("Reconstruction cannot be scored yet.")
