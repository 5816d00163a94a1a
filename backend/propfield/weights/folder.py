"""The folder in which the weights of the outside models lie; propfield contains none."""

import os
from pathlib import Path

from propfield.home import open_home

ENVIRONMENT = "PROPFIELD_WEIGHTS"
_SEGMENTERS = ("*seg*.onnx",)
# The heavy model finds hips more surely than the full one, and that one than the lite one.
_LANDMARKERS = ("pose_landmarker_heavy*.task", "pose_landmarker_full*.task", "pose_landmarker*.task")


def weights_folder() -> Path:
    """The folder PROPFIELD_WEIGHTS, else `weights` in the home folder; it may not be there."""
    named = os.environ.get(ENVIRONMENT)
    return Path(named).expanduser() if named else open_home().folder / "weights"


def segmenter_file() -> Path | None:
    """The first YOLO segmentation ONNX file in the folder; None without one."""
    return _first(_SEGMENTERS)


def landmarker_file() -> Path | None:
    """The best MediaPipe pose_landmarker bundle in the folder; None without one."""
    return _first(_LANDMARKERS)


def _first(patterns: tuple[str, ...]) -> Path | None:
    folder = weights_folder()
    for pattern in patterns:
        for path in sorted(folder.glob(pattern)) if folder.is_dir() else ():
            return path
    return None
