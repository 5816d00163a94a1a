"""Pictures of the library's fields: drawn beside them, and anew where they are missing or older."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from propfield.atomic import replacing
from propfield.errors import PropfieldError
from propfield.field.occupancy import OccupancyField
from propfield.library.folder import Library

TYPICAL_POSES = "typical_poses"
"""Of a field's provenance: {type's name: (24, 3) axis-angle}, the pose in which a type is drawn."""


def make_previews(
    library: Library, name: str, field: OccupancyField | None = None, types: Iterable[str] | None = None
) -> list[Path]:
    """Draws what is missing of a field's pictures, of the `types` or of all; gives those that are there now.
    `field` is the field, where it is at hand already. PropfieldError for a field that cannot be read and a
    folder that cannot be written."""
    from propfield.field.file import load_field
    from propfield.library.drawing import draw_field

    entry = library.entry(name)
    if entry["problem"] is not None:
        raise PropfieldError(entry["problem"])
    wanted = list(types) if types is not None else [kind["name"] for kind in entry["types"]]
    pictures = {type_name: library.preview(name, type_name) for type_name in wanted}
    status = library.path(name).stat()
    for type_name, picture in pictures.items():
        if library.is_fresh(name, picture):
            continue
        field = field or load_field(library.path(name))
        drawn = draw_field(field, type_name, typical_pose(field, type_name))
        with replacing(picture) as temporary:
            drawn.save(temporary, format="PNG", optimize=True)
            # Whose picture it is: a field that is learned anew under the name has another time.
            os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
    return list(pictures.values())


def try_previews(library: Library, name: str, field: OccupancyField) -> None:
    """`make_previews` after learning: a picture that cannot be drawn is no reason to lose the field."""
    try:
        make_previews(library, name, field)
    except (PropfieldError, OSError, ValueError, MemoryError) as error:
        print(f"No preview of {name}: {error}", flush=True)


def typical_pose(field: OccupancyField, type_name: str) -> Float32[np.ndarray, "24 3"] | None:
    """The pose in which people use the object so, as learning found it; for the mix of all types that of
    the only type. None where the field knows none."""
    poses = field.provenance.get(TYPICAL_POSES)
    if not isinstance(poses, dict):
        return None
    if type_name not in poses and type_name == "all" and len(poses) == 1:
        type_name = next(iter(poses))
    try:
        pose = np.asarray(poses.get(type_name), np.float32)
    except (TypeError, ValueError):
        return None
    return pose if pose.shape == (24, 3) and np.isfinite(pose).all() else None
