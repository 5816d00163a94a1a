"""propfield reconstruct"""

from pathlib import Path
from typing import Annotated

import typer

from propfield.cli.output import Json, print_json, shown_progress


def reconstruct(
    photo: Annotated[Path, typer.Argument(help="A photo of one person with an object.")],
    out: Annotated[Path, typer.Option(help="The folder to write; made if it is not there.")],
    annotations: Annotated[
        Path | None, typer.Option(help="COCO annotations of the photo; they are taken where they know it.")
    ] = None,
    category: Annotated[str | None, typer.Option(help="The object, when there are several.")] = None,
    field: Annotated[Path | None, typer.Option(help="A field file of the object's category.")] = None,
    as_json: Json = False,
) -> None:
    """Rebuild a photo: the posed body, the camera, and the object's mesh.

    Writes a folder that the add-on imports as a scene: the body and the object lie on the photo, seen
    through the camera.

    **Examples**

    - `propfield reconstruct ride.jpg --field skateboard.field.npz --out ride/`

    - `propfield reconstruct ride.jpg --annotations instances.json --out ride/`

    With `--json`: {"out", "files", …} and what was measured of the fit.
    """
    with shown_progress() as progress:
        from propfield.jobs.reconstruct import reconstruct_photo

        result = reconstruct_photo(
            photo, out, annotations=annotations, category=category, field_file=field, progress=progress
        )
    if as_json:
        print_json({"out": str(out), **result})
    else:
        print(f"{out}: {', '.join(result['files'])}")
