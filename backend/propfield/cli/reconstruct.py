"""propfield reconstruct"""

from pathlib import Path
from typing import Annotated

import typer

from propfield.cli.output import Json, print_json, shown_progress
from propfield.cli.perception_options import Body, Detector, Keypoints, Segmenter


def reconstruct(
    photo: Annotated[Path, typer.Argument(help="A photo of one person with an object.")],
    out: Annotated[Path, typer.Option(help="The folder to write; made if it is not there.")],
    annotations: Annotated[
        Path | None, typer.Option(help="COCO annotations of the photo; they are taken where they know it.")
    ] = None,
    category: Annotated[str | None, typer.Option(help="The object, when there are several.")] = None,
    person: Annotated[int | None, typer.Option(min=1, help="Which of several, from the left.")] = None,
    field: Annotated[
        Path | None, typer.Option(help="A field file of the object's category; else the library's newest.")
    ] = None,
    detector: Detector = None,
    segmenter: Segmenter = None,
    keypoints: Keypoints = None,
    body: Body = None,
    as_json: Json = False,
) -> None:
    """Rebuild a photo: the posed body, the camera, and the object's mesh.

    Writes a folder that the add-on imports as a scene: the body and the object lie on the photo, seen
    through the camera.

    **Examples**

    - `propfield reconstruct ride.jpg --field skateboard.field.npz --out ride/`

    - `propfield reconstruct ride.jpg --annotations instances.json --out ride/`

    With `--json`: {"out", "files", "category", "type", "reprojection_px", "person_height_px",
    "object_mask_iou"}.
    """
    with shown_progress() as progress:
        from propfield.jobs.reconstruct import reconstruct_photo
        from propfield.perception.choice import PerceptionChoice

        result = reconstruct_photo(
            photo,
            out,
            annotations=annotations,
            category=category,
            person=person,
            field_file=field,
            choice=PerceptionChoice(detector, segmenter, keypoints, body),
            progress=progress,
        )
    if as_json:
        print_json({"out": str(out), **result})
    else:
        share = 100 * result["reprojection_px"] / result["person_height_px"]
        thing = f", {result['category']} ({result['type']})" if result["type"] else ""
        print(f"{out}: {', '.join(result['files'])}")
        if result["type"] is None:
            missing = result["category"] or "the object"
            print(
                f"No field of {missing} was at hand, so there is the body alone: learn one, or give --field."
            )
        print(f"A person{thing}; joints land within {share:.1f}% of the person's height of the keypoints.")
