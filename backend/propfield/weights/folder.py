"""Where the weights of the outside models are: named by the user, or lying in a folder that is looked into.

Nothing is fetched. Weights have licences of their own; propfield contains none.
"""

import os
from pathlib import Path

from propfield.errors import Unavailable
from propfield.home import open_home

ENVIRONMENT = "PROPFIELD_WEIGHTS"
_SEGMENTERS = ("*seg*.onnx",)
# The heavy model finds hips more surely than the full one, and that one than the lite one.
_LANDMARKERS = ("pose_landmarker_heavy*.task", "pose_landmarker_full*.task", "pose_landmarker*.task")


def weights_folder() -> Path:
    """The folder PROPFIELD_WEIGHTS, else `weights` in the home folder; it may not be there."""
    named = os.environ.get(ENVIRONMENT)
    return Path(named).expanduser() if named else open_home().folder / "weights"


def segmenter_weights(given: Path | None = None) -> Path:
    """The YOLO segmentation ONNX file: `given`, else the first in the folder. Unavailable without one."""
    found = given or _first(_SEGMENTERS)
    if found is None:
        raise Unavailable(
            "Finding persons and objects needs a YOLO segmentation ONNX file, and "
            f"{weights_folder()} has none; give one with --segmenter FILE, "
            "put one there, or give masks with --annotations COCO.json."
        )
    return Path(found)


def landmarker_weights(given: Path | None = None) -> Path:
    """The MediaPipe pose_landmarker bundle: `given`, else the best in the folder. Unavailable without one."""
    found = given or _first(_LANDMARKERS)
    if found is None:
        raise Unavailable(
            "Finding keypoints needs a MediaPipe pose_landmarker .task file, and "
            f"{weights_folder()} has none; give one with --keypoints FILE, "
            "put one there, or give annotations that have keypoints."
        )
    return Path(found)


def _first(patterns: tuple[str, ...]) -> Path | None:
    folder = weights_folder()
    for pattern in patterns:
        for path in sorted(folder.glob(pattern)) if folder.is_dir() else ():
            return path
    return None
