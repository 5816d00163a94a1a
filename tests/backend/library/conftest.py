"""Field files: a whole one of two types on the open body, and headers alone, which is all that lists read."""

import json
from pathlib import Path

import numpy as np
import pytest

from propfield.body.loaders import open_body
from propfield.body.skeleton import canonical_pose
from propfield.field.file import save_field
from propfield.field.grid import Grid
from propfield.field.occupancy import OccupancyField, TypeField
from propfield.field.skinning_weights import voxel_weights
from propfield.library.previews import TYPICAL_POSES
from propfield.observations.interaction import InteractionType

CC0 = [{"what": "body: open body", "licence": "CC0-1.0", "commercial": True}]


def header(category: str = "umbrella", licences: list | None = CC0, **changes) -> dict:
    """A field's header: of a ball, an umbrella, …, as the writer makes it."""
    types = [
        {"name": "all", "prompt": "", "part": None, "views": 80, "peak": 0.5},
        {
            "name": "hold",
            "prompt": f"A person holds {category}",
            "part": "right hand",
            "views": 80,
            "peak": 0.9,
        },
    ]
    whole = {
        "format": "propfield.field",
        "version": 1,
        "category": category,
        "grid": {"resolution": 48, "size": 3.0, "centre": [0.0, 0.0, 0.0]},
        "types": types,
        "provenance": {"estimator": "fit", "licences": licences},
    }
    return whole | changes


def write_header(path: Path, content: dict | bytes) -> Path:
    """A file with nothing but a header."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    with open(path, "wb") as stream:
        np.savez(stream, header=np.frombuffer(text, np.uint8))
    return path


@pytest.fixture(scope="session")
def field() -> OccupancyField:
    """A balloon over the head and a box at the right hand, 24³; the type "hold" has a typical pose."""
    grid, body = Grid(24), open_body()
    points = grid.centres()

    def bell(x: float, y: float, z: float, width: float) -> np.ndarray:
        reach = (points - (x, y, z)) / width
        return np.exp(-(reach**2).sum(1)).reshape(grid.shape).astype(np.float32)

    held, over = 0.9 * bell(-0.9, 0.25, 0.0, 0.2), 0.7 * bell(0.0, 1.0, 0.0, 0.3)
    support = np.full(grid.shape, 40, np.uint32)
    bent = canonical_pose()
    bent[18] = 0, 1.2, 0
    return OccupancyField(
        "balloon",
        grid,
        (
            TypeField(InteractionType("all", ""), (held + over) / 2, 2 * support, 80),
            TypeField(InteractionType("hold", "A person holds a balloon", "right hand"), held, support, 30),
            TypeField(InteractionType("watch", "A balloon over a person"), over, support, 50),
        ),
        voxel_weights(body, grid),
        body,
        canonical_pose(),
        {"licences": CC0, TYPICAL_POSES: {"hold": bent.tolist()}},
        skinning="forward",
    )


@pytest.fixture(scope="session")
def field_file(field, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("made") / "Red Balloon.field.npz"
    save_field(field, path)
    return path
