"""propfield learn"""

import os
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from propfield.cli.output import CommercialSafe, Json, print_json, shown_progress
from propfield.cli.perception_options import Body, Detector, Keypoints, Segmenter

if TYPE_CHECKING:
    from propfield.engines import Engine


def learn(
    category: Annotated[str, typer.Argument(help="What to learn, such as umbrella; see `categories`.")],
    out: Annotated[Path, typer.Option(help="The field file to write, NAME.field.npz.")],
    types: Annotated[
        list[str] | None,
        typer.Option("--type", help="A way of using it, such as ride; repeat for more. All when left out."),
    ] = None,
    parts: Annotated[
        list[str] | None,
        typer.Option(
            "--part",
            help="A body part that the object meets: a further type of each type. + adds parts that it meets"
            " as well, - parts that it does not meet. Repeat for more. Parts: body (any of them), head,"
            " torso, hips, and left or right arm, hand, leg, foot.",
        ),
    ] = None,
    source: Annotated[
        str,
        typer.Option(
            help="The pictures: studio (made here), coco:FILE (annotations) or folder:DIR (photos)."
        ),
    ] = "studio",
    views: Annotated[int, typer.Option(help="Pictures for each type.")] = 500,
    seed: Annotated[int, typer.Option(help="The same seed gives the same field.")] = 0,
    resolution: Annotated[int, typer.Option(help="Voxels a side of the 3 m cube.")] = 48,
    estimator: Annotated[
        Literal["voting", "fit"],
        typer.Option(
            help="Count votes, as the paper does, or go on from them to a field that explains the masks:"
            " sharper, and posed by forward skinning; some seconds a type."
        ),
    ] = "voting",
    engine: Annotated[
        Literal["processes", "ray"],
        typer.Option(help="Who does the work: processes of this machine, or a Ray cluster."),
    ] = "processes",
    address: Annotated[
        str | None,
        typer.Option(
            help="With --engine ray: the cluster, HOST:PORT of its head or auto; also from RAY_ADDRESS."
            " A Ray of this machine alone when left out."
        ),
    ] = None,
    detector: Detector = None,
    segmenter: Segmenter = None,
    keypoints: Keypoints = None,
    body: Body = None,
    commercial_safe: CommercialSafe = False,
    as_json: Json = False,
) -> None:
    """Learn where a category's objects are around a body.

    Writes one field file: for each way of using the object, and for all of them together, the probability
    that it is at each voxel around the rest pose. It holds all that Blender needs.

    **Examples**

    - `propfield learn umbrella --out umbrella.field.npz`

    - `propfield learn surfboard --type carry --views 1000 --estimator fit --out carried.field.npz`

    - `propfield learn bench --part "hips-left foot" --part "right hand+left hand" --out bench.field.npz`

    - `propfield learn "top hat" --source folder:photos --detector grounding-dino --out hat.field.npz`

    - `propfield learn tie --source coco:instances.json --out tie.field.npz --json`

    - `propfield learn kite --views 50000 --engine ray --address HOST:6379 --out kite.field.npz`

    The field is the same whoever does the work. `--engine ray` runs on a machine of the cluster; all of them
    have the same version installed (`pip install 'propfield[ray]'`). What a lost worker did is done again.

    With `--json`: {"out", "category", "types", "seconds", "views_kept", "views_rejected"}.
    """
    from propfield.jobs.requests import learn_request

    begin = time.monotonic()
    worker = _engine(engine, address)
    request = learn_request(
        category=category,
        types=types or None,
        parts=parts or None,
        source=source,
        views=views,
        seed=seed,
        resolution=resolution,
        estimator=estimator,
        commercial_safe=commercial_safe,
    )
    _check_writable(out)
    with shown_progress() as progress, worker as doing:
        from propfield.field.file import save_field
        from propfield.jobs.learn import counts
        from propfield.jobs.learn import learn as learn_field
        from propfield.perception.choice import PerceptionChoice

        choice = PerceptionChoice(detector, segmenter, keypoints, body)
        field = learn_field(request, engine=doing, choice=choice, progress=progress)
        progress("write the field", 0.0)
        save_field(field, out)
        progress("write the field", 1.0)
    names = [kind.type.name for kind in field.types]
    result = {
        "out": str(out),
        "category": field.category,
        "types": names,
        "seconds": round(time.monotonic() - begin, 2),
        **counts(field),
    }
    if as_json:
        print_json(result)
        return
    rejected = {name: count for name, count in result["views_rejected"].items() if count}
    total = result["views_kept"] + sum(rejected.values())
    why = "".join(f", {count} rejected by {name}" for name, count in rejected.items())
    print(f"{out}: {field.category} ({', '.join(names)}), {field.grid.resolution}³ voxels")
    print(f"{result['views_kept']} of {total} views kept{why}; {result['seconds']:.0f} s")
    print(f"Look at it with `propfield info {out}`, or open it in Blender's Propfield tab.")


def _engine(name: str, address: str | None) -> "AbstractContextManager[Engine]":
    from propfield.errors import PropfieldError

    if name == "ray":
        from propfield.ray_engine import RayEngine

        return RayEngine(address or os.environ.get("RAY_ADDRESS"))
    if address is not None:
        raise PropfieldError("--address names a Ray cluster; give --engine ray with it.")
    from propfield.engines import Processes

    return nullcontext(Processes())


def _check_writable(out: Path) -> None:
    """Tells before the work, not after it, that its result cannot be written."""
    from propfield.errors import PropfieldError

    if out.is_dir():
        raise PropfieldError(f"{out} is a folder; give --out a file name, such as {out / 'name.field.npz'}.")
    folder = out.absolute().parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise PropfieldError(f"{out} cannot be written: {folder} is not a folder that you may write in.")
