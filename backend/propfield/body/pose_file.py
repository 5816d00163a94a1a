"""A pose in a file: what the terminal takes."""

import json
import zipfile
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from propfield.errors import NotFound, PropfieldError

_LARGEST = 16 * 2**20


def read_pose(path: Path) -> Float32[np.ndarray, "24 3"]:
    """The pose in a JSON or npz file: 24 axis-angle rows in radians, in SMPL's order of joints, alone or
    under "pose". PropfieldError for another file; NotFound when there is none."""
    if not path.is_file():
        raise NotFound(f"There is no file {path}.")
    if path.stat().st_size > _LARGEST:
        raise PropfieldError(f"{path.name} is too large to be a pose of 24 rows.")
    try:
        rows = _rows(path)
        pose = np.asarray(rows, dtype=np.float32)
    except (ValueError, TypeError, KeyError, RecursionError, EOFError, zipfile.BadZipFile) as error:
        raise PropfieldError(
            f"{path.name} holds no pose; it should be JSON or npz with 24 axis-angle rows under “pose”."
        ) from error
    if pose.size != 72 or not np.isfinite(pose).all():
        raise PropfieldError(
            f"{path.name} holds {pose.size} numbers; a pose is 24 × 3 finite axis-angle numbers in radians."
        )
    return pose.reshape(24, 3)


def _rows(path: Path) -> object:
    if path.suffix.lower() == ".npz":
        with np.load(path, allow_pickle=False) as data:
            return data["pose"]
    data = json.loads(path.read_text(encoding="utf-8"))
    return data["pose"] if isinstance(data, dict) else data
