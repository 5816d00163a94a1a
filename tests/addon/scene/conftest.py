"""An empty Blender scene, and a made-up umbrella field as the backend's own writer writes it."""

import sys
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
bpy = pytest.importorskip("bpy")
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))


@pytest.fixture(scope="session")
def learned():
    """A canopy above the head and a stick in the right hand, as the backend's OccupancyField, 48³."""
    from propfield.body.loaders import open_body
    from propfield.body.skeleton import canonical_pose
    from propfield.field.grid import Grid
    from propfield.field.occupancy import OccupancyField, TypeField
    from propfield.field.skinning_weights import voxel_weights
    from propfield.observations.interaction import InteractionType

    grid, body = Grid(), open_body()
    x, y, z = np.moveaxis(grid.centres(), 1, 0)
    canopy = 0.9 * np.exp(-(((x + 0.1) / 0.38) ** 4 + ((z - 0.05) / 0.38) ** 4 + ((y - 0.85) / 0.11) ** 2))
    stick = 0.8 * np.exp(-(((x + 0.8) / 0.10) ** 2 + ((z - 0.05) / 0.10) ** 2 + ((y - 0.35) / 0.33) ** 4))

    def as_type(name: str, part: str | None, values: np.ndarray, **further) -> TypeField:
        values = np.where(values < 0.004, 0, values).astype(np.float16).astype(np.float32)
        kind = InteractionType(name, f"A person uses an umbrella: {name}", part, **further)
        return TypeField(kind, values.reshape(grid.shape), np.full(grid.shape, 200, np.uint32), 200)

    return OccupancyField(
        category="umbrella",
        grid=grid,
        types=(
            as_type("all", None, np.maximum(canopy, stick)),
            # The add-on has no use for further parts, and reads on past them.
            as_type("stick", "right hand", stick, passes=("right arm",), blocks=("head",)),
            as_type("empty", None, np.zeros_like(stick)),
        ),
        weights=voxel_weights(body, grid),
        body=body,
        rest_pose=canonical_pose(),
        provenance={"licences": [{"what": "open body", "licence": "CC0-1.0", "commercial": True}]},
    )


@pytest.fixture(scope="session")
def field_path(learned, tmp_path_factory) -> Path:
    from propfield.field.file import save_field

    path = tmp_path_factory.mktemp("field") / "umbrella.field.npz"
    save_field(learned, path)
    return path


@pytest.fixture(scope="session")
def field(field_path):
    """What the add-on reads from that file."""
    from addon.scene.field_file import read_field

    return read_field(field_path)


@pytest.fixture
def collection():
    """The collection of an empty scene."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    return bpy.context.scene.collection


@pytest.fixture
def character(field, collection):
    """(armature, body) standing in the T-pose."""
    from addon.scene.body import make_character

    return make_character(field, collection)


@pytest.fixture(scope="session")
def poses() -> list[np.ndarray]:
    """Poses that bend everything, the root and the hips too; radians."""
    random = np.random.default_rng(7)
    return [np.zeros((24, 3)), random.normal(0, 0.3, (24, 3)), random.normal(0, 0.7, (24, 3))]
