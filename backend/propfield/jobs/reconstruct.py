"""Rebuilding a photo: from the terminal's files, or from a job's uploads and the library's fields."""

from pathlib import Path
from typing import Any

from propfield.home import Home, open_home
from propfield.jobs.requests import ReconstructRequest
from propfield.ledger import Ledger, is_commercial_safe
from propfield.library import Library
from propfield.perception.choice import PerceptionChoice
from propfield.progress import Progress, silent
from propfield.uploads import find_upload
from propfield.uses.reconstruction import Reconstruction, Wanted, reconstruct


def reconstruct_photo(
    photo: Path,
    out: Path,
    wanted: Wanted | None = None,
    *,
    annotations: Path | None = None,
    field_file: Path | None = None,
    choice: PerceptionChoice | None = None,
    licence: str | None = None,
    commercial_safe: bool = False,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Rebuilds a photo into a folder, with the library's newest field of its object unless `field_file` is
    given; gives what `summary` does. `licence` is the photo's; with `commercial_safe` all that goes in must
    be known to allow commercial use."""
    scene = reconstruct(
        photo,
        wanted,
        annotations=annotations,
        field_file=field_file,
        field_files=None if field_file else Library(open_home().library).newest(),
        choice=choice,
        licence=licence,
        ledger=Ledger(commercial_safe),
        out=out,
        progress=progress,
    )
    return _written(scene, out, progress)


def reconstruct_uploads(
    request: ReconstructRequest, home: Home, *, folder: Path, progress: Progress = silent
) -> dict[str, Any]:
    """Rebuilds an uploaded photo with the newest field that the library has of its object; gives the wire's
    result, whose files lie in `folder`."""
    scene = reconstruct(
        find_upload(home.uploads, request.photo),
        Wanted(request.category, request.person, request.object, request.type),
        annotations=find_upload(home.uploads, request.annotations) if request.annotations else None,
        field_files=Library(home.library).newest(),
        licence=request.licence,
        ledger=Ledger(request.commercial_safe),
        progress=progress,
    )
    return _written(scene, folder, progress)


def _written(scene: Reconstruction, folder: Path, progress: Progress) -> dict[str, Any]:
    progress("write the scene", 0.0)
    files = scene.write(folder)
    progress("write the scene", 1.0)
    return {"files": files, **summary(scene)}


def summary(scene: Reconstruction) -> dict[str, Any]:
    """What is told of a scene without opening it: see uses.scene_file for the names."""
    thing, pair = scene.object, scene.pair
    return {
        "category": scene.category,
        "type": thing.type if thing else None,
        "mirrored": thing.mirrored if thing else None,
        "person": pair.person_number,
        "people": pair.people,
        "object": pair.thing_number,
        "objects": pair.things,
        "why": pair.why,
        "reprojection_px": round(float(scene.reprojection_px), 3),
        "person_height_px": round(float(scene.person_height_px), 3),
        "object_mask_iou": round(thing.mask_iou, 4) if thing else None,
        "field_mask_iou": round(thing.field_iou, 4) if thing else None,
        "commercial_safe": is_commercial_safe(scene.licences),
        "note": scene.picture.note,
    }
