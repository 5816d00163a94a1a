"""Rebuilding a photo: from the terminal's files, or from a job's uploads and the library's fields."""

from pathlib import Path

from propfield.errors import PropfieldError
from propfield.home import Home, open_home
from propfield.jobs.requests import ReconstructRequest
from propfield.library import Library
from propfield.perception.choice import PerceptionChoice
from propfield.progress import Progress, silent
from propfield.uploads import find_upload
from propfield.uses.reconstruction import Reconstruction, reconstruct


def reconstruct_photo(
    photo: Path,
    out: Path,
    *,
    annotations: Path | None = None,
    category: str | None = None,
    person: int | None = None,
    field_file: Path | None = None,
    choice: PerceptionChoice | None = None,
    progress: Progress = silent,
) -> dict:
    """Rebuilds a photo into a folder, with the library's newest field of its object unless `field_file` is
    given, and gives {"files", "category", "type", "reprojection_px",
    "person_height_px", "object_mask_iou"}."""
    scene = reconstruct(
        photo,
        annotations=annotations,
        category=category,
        person=person,
        field_file=field_file,
        field_files=None if field_file else Library(open_home().library).newest(),
        choice=choice,
        progress=progress,
    )
    return _written(scene, out, progress)


def reconstruct_uploads(
    request: ReconstructRequest, home: Home, *, folder: Path, progress: Progress = silent
) -> dict:
    """Rebuilds an uploaded photo with the newest field that the library has of its object; gives the wire's
    result, whose files lie in `folder`."""
    annotations = request.annotations and find_upload(home.uploads, request.annotations)
    newest = Library(home.library).newest()
    if request.category is not None and request.category not in newest:
        raise PropfieldError(
            f"The library has no field of “{request.category}”; learn one first, or leave the category out."
        )
    scene = reconstruct(
        find_upload(home.uploads, request.photo),
        annotations=annotations or None,
        category=request.category,
        field_files=newest,
        progress=progress,
    )
    return _written(scene, folder, progress)


def _written(scene: Reconstruction, folder: Path, progress: Progress) -> dict:
    progress("write the scene", 0.0)
    files = scene.write(folder)
    progress("write the scene", 1.0)
    thing = scene.object
    return {
        "files": files,
        "category": scene.category,
        "type": thing.type if thing else None,
        "reprojection_px": round(float(scene.reprojection_px), 3),
        "person_height_px": round(float(scene.person_height_px), 3),
        "object_mask_iou": round(float(thing.mask_iou), 4) if thing else None,
    }
