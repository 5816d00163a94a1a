"""OpenVDB files with one density grid, by the Python module that Blender brings."""

import os
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np

from .errors import SceneError

GRID = "density"
KEY = "propfield"
"""The grid's metadata that tells what it was made of, so that the same need not be made again."""


def openvdb_module() -> ModuleType:
    """Blender's openvdb, which was called pyopenvdb before 4.4. SceneError for a Blender without one, as the
    bpy 4.2 wheel is."""
    expose = getattr(bpy.utils, "expose_bundled_modules", None)
    if expose is not None:
        expose()
    try:
        import openvdb
    except ImportError:
        try:
            import pyopenvdb as openvdb
        except ImportError:
            raise SceneError(
                "This Blender has no Python module for OpenVDB, which baking needs:"
                " use the one from blender.org."
            ) from None
    return openvdb


def write_density(path: Path, values: np.ndarray, to_world: np.ndarray, key: str) -> None:
    """Writes (X, Y, Z) densities whose voxel [i, j, k] lies at `to_world` (4, 4) times (i, j, k, 1).

    The file appears whole or not at all. SceneError where it cannot be written.
    """
    openvdb = openvdb_module()
    grid = openvdb.FloatGrid()
    grid.name = GRID
    grid.gridClass = _fog_class(openvdb)
    grid.copyFromArray(np.ascontiguousarray(values, np.float32))
    grid.transform = openvdb.createLinearTransform(to_world.T.tolist())
    grid[KEY] = key
    # The ending tells OpenVDB the format.
    draft = path.with_name(f".{path.stem}.{os.getpid()}.vdb")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        openvdb.write(str(draft), grids=[grid])
        draft.replace(path)
    except (OSError, RuntimeError) as error:
        raise SceneError(f"{path} cannot be written: {error}.") from error
    finally:
        draft.unlink(missing_ok=True)


def read_key(path: Path) -> str | None:
    """What a file's grid was made of; None for another file, or none."""
    if not path.is_file():
        return None
    try:
        metadata = openvdb_module().readGridMetadata(str(path), GRID).metadata
    except (OSError, RuntimeError, KeyError, ValueError, AttributeError):
        # What is broken or foreign is baked anew.
        return None
    return str(metadata.get(KEY)) if KEY in metadata else None


def _fog_class(openvdb: ModuleType) -> Any:
    # An enumeration since openvdb 11's bindings, a string before.
    classes = getattr(openvdb, "GridClass", None)
    return classes.FOG_VOLUME if hasattr(classes, "FOG_VOLUME") else "fog volume"
