"""propfield reconstruct"""

from pathlib import Path
from typing import Annotated, Any

import typer

from propfield.cli.output import CommercialSafe, Json, print_json, shown_progress
from propfield.cli.perception_options import Body, Detector, Keypoints, Segmenter


def reconstruct(
    photo: Annotated[Path, typer.Argument(help="A photo of a person with an object.")],
    out: Annotated[Path, typer.Option(help="The folder to write; made if it is not there.")],
    annotations: Annotated[
        Path | None, typer.Option(help="COCO annotations of the photo; they are taken where they know it.")
    ] = None,
    category: Annotated[
        str | None, typer.Option(help="What the object is; else that of the pair that belongs together most.")
    ] = None,
    person: Annotated[
        int | None, typer.Option(min=1, help="Which of several people, counted from 1 from the left.")
    ] = None,
    object_number: Annotated[
        int | None,
        typer.Option("--object", min=1, help="Which of several objects of the category, likewise."),
    ] = None,
    field: Annotated[
        Path | None, typer.Option(help="A field file of the object's category; else the library's newest.")
    ] = None,
    type_name: Annotated[
        str | None,
        typer.Option(
            "--type", help="How it is used; else the type that explains the photo best. See `info`."
        ),
    ] = None,
    mesh: Annotated[
        Path | None,
        typer.Option(
            help="Your own mesh of the object (.glb, .gltf, .obj, .ply, .stl, .off) to place; else the"
            " field's surface."
        ),
    ] = None,
    detector: Detector = None,
    segmenter: Segmenter = None,
    keypoints: Keypoints = None,
    body: Body = None,
    licence: Annotated[
        str | None,
        typer.Option(
            help="The photo's licence, such as CC-BY-4.0 or “own work”; else the annotations say it."
        ),
    ] = None,
    commercial_safe: CommercialSafe = False,
    as_json: Json = False,
) -> None:
    """Rebuild a photo: the posed body, the camera, and the object in its place.

    Of several people and objects the two that belong together most are taken, unless told. The object is the
    surface of its category's field, or your own mesh, turned, moved and scaled until it explains its mask in
    the photo, with contact where the way of using it has one, and out of the body.

    Writes a folder that the add-on imports as a scene (scene.json, body.ply, object.ply), scene.glb and
    object.glb for other programs, and overlay.png to judge it by: the object in orange, its mask in the photo
    outlined in white, the body in blue.

    **Examples**

    - `propfield reconstruct ride.jpg --field skateboard.field.npz --out ride/`

    - `propfield reconstruct match.jpg --person 2 --type swing --mesh racket.glb --out match/`

    - `propfield reconstruct ride.jpg --annotations instances.json --out ride/`

    With `--json`: {"out", "files", "category", "type", "mirrored", "person", "people", "object", "objects",
    "why", "reprojection_px", "person_height_px", "object_mask_iou", "field_mask_iou", "commercial_safe",
    "note"}. `object_mask_iou` is the overlap of the placed object, as the scene shows it, with its mask in
    the photo; `field_mask_iou` that of the field's surface before it was moved.
    """
    with shown_progress() as progress:
        from propfield.jobs.reconstruct import reconstruct_photo
        from propfield.perception.choice import PerceptionChoice
        from propfield.uses.reconstruction import Wanted

        result = reconstruct_photo(
            photo,
            out,
            Wanted(category, person, object_number, type_name, mesh),
            annotations=annotations,
            field_file=field,
            choice=PerceptionChoice(detector, segmenter, keypoints, body),
            licence=licence,
            commercial_safe=commercial_safe,
            progress=progress,
        )
    if as_json:
        print_json({"out": str(out), **result})
    else:
        show(out, result)


def show(out: Path, result: dict[str, Any]) -> None:
    """What was rebuilt, for people."""
    print(f"{out}: {', '.join(result['files'])}")
    if result["note"]:
        print(result["note"])
    if result["people"] > 1 or result["objects"] > 1:
        thing = f" with {result['category']} {result['object']} of {result['objects']}"
        print(f"Person {result['person']} of {result['people']}{thing if result['objects'] else ''}.")
        print(f"{result['why']} Choose others with --person and --object.")
    share = 100 * result["reprojection_px"] / result["person_height_px"]
    print(f"Joints land within {share:.1f}% of the person's height of the keypoints.")
    if result["type"] is None:
        missing = result["category"] or "the object"
        print(f"No field of {missing} was at hand, so there is the body alone: learn one, or give --field.")
        return
    used = f"{result['type']}{', mirrored' if result['mirrored'] else ''}"
    before, after = 100 * result["field_mask_iou"], 100 * result["object_mask_iou"]
    print(
        f"{result['category']} ({used}): IoU with its mask {after:.0f}%, of the field in place {before:.0f}%."
    )
