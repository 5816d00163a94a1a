"""The scripts' modules on the path, and small specs, fields and batches to try them on."""

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "blender_scripts"
if str(SCRIPTS) not in sys.path:
    sys.path.insert(0, str(SCRIPTS))

TINY_STYLE = {"samples": 1, "denoise": False, "resolution": [16, 20], "floor": False}


@pytest.fixture
def spec_content() -> dict[str, Any]:
    """A spec that is right: two poses, two cameras, one style."""
    return {
        "characters": {"maya": "body"},
        "poses": {"stand": {"joints": {"left_knee": [20, 0, 0]}}, "bow": {"joints": {"spine1": [30, 0, 0]}}},
        "fields": {"umbrella": "umbrella.field.npz"},
        "cameras": {"front": "front", "left": "side"},
        "styles": {"shells": dict(TINY_STYLE)},
    }


@pytest.fixture
def header_alone() -> Callable[..., None]:
    """Writes a field file as far as the launcher reads it."""

    def write(path: Path, types: tuple[str, ...]) -> None:
        header = {
            "format": "propfield.field",
            "version": 1,
            "category": "umbrella",
            "types": [{"name": kind} for kind in types],
            "body": {"name": "open body", "licence": "CC0-1.0", "commercial": True},
            "provenance": {"licences": [{"what": "pictures", "licence": "CC0-1.0", "commercial": True}]},
        }
        stream = io.BytesIO()
        np.save(stream, np.frombuffer(json.dumps(header).encode(), np.uint8))
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("header.npy", stream.getvalue())

    return write


@pytest.fixture
def write_spec(tmp_path, header_alone) -> Callable[..., Path]:
    """Writes a spec as JSON beside a field file whose header has the given types."""

    def write(
        content: Any, types: tuple[str, ...] = ("all", "hold", "open wide"), name: str = "spec.json"
    ) -> Path:
        header_alone(tmp_path / "umbrella.field.npz", types)
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
        return path

    return write


@pytest.fixture(scope="session")
def umbrella_file(tmp_path_factory) -> Path:
    """A whole field file, 32³: a canopy above the head and a stick in the right hand."""
    from propfield.body.loaders import open_body
    from propfield.body.skeleton import canonical_pose
    from propfield.field.file import save_field
    from propfield.field.grid import Grid
    from propfield.field.occupancy import OccupancyField, TypeField
    from propfield.field.skinning_weights import voxel_weights
    from propfield.observations.interaction import InteractionType

    grid, body = Grid(resolution=32), open_body()
    x, y, z = np.moveaxis(grid.centres(), 1, 0)
    canopy = np.exp(-(((x + 0.1) / 0.4) ** 4 + ((z - 0.05) / 0.4) ** 4 + ((y - 0.85) / 0.13) ** 2))
    stick = np.exp(-(((x + 0.8) / 0.12) ** 2 + ((z - 0.05) / 0.12) ** 2 + ((y - 0.35) / 0.33) ** 4))

    def as_type(name: str, values: np.ndarray) -> TypeField:
        values = np.where(values < 0.01, 0, 0.9 * values).astype(np.float16).astype(np.float32)
        kind = InteractionType(name, f"A person uses an umbrella: {name}", None)
        return TypeField(kind, values.reshape(grid.shape), np.full(grid.shape, 200, np.uint32), 200)

    path = tmp_path_factory.mktemp("batch-field") / "umbrella.field.npz"
    both = np.maximum(canopy, stick)
    field = OccupancyField(
        category="umbrella",
        grid=grid,
        types=(as_type("all", both), as_type("hold", both), as_type("stick", stick)),
        weights=voxel_weights(body, grid),
        body=body,
        rest_pose=canonical_pose(),
        provenance={"licences": [{"what": "pictures", "licence": "CC BY 4.0", "commercial": True}]},
    )
    save_field(field, path)
    return path


@pytest.fixture(scope="session")
def batch_command(tmp_path_factory) -> Callable[..., list[str]]:
    """The command line of a batch, by a copy of the code: an edit meanwhile would change the pictures."""
    copy = tmp_path_factory.mktemp("code")
    for name in ("addon", "blender_scripts", "backend/propfield/body/assets"):
        shutil.copytree(SCRIPTS.parent / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))

    def command(spec: Path, *options: str) -> list[str]:
        return [sys.executable, str(copy / "blender_scripts" / "batch.py"), str(spec), *options]

    return command


@pytest.fixture
def run_batch(batch_command) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the script as a user would, and gives what came of it."""

    def run(spec: Path, *options: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            batch_command(spec, *options),
            capture_output=True,
            text=True,
            timeout=280,
            env={**os.environ, **environment},
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run
