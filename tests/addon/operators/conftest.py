"""The add-on registered in the bpy wheel, and a field file as the backend writes it."""

import socket
import sys
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[3]

bpy = pytest.importorskip("bpy")


@pytest.fixture(scope="session")
def field_file(tmp_path_factory) -> Path:
    """An umbrella-like field (two interactions and their mix, 24³) on the open body."""
    from propfield.body.loaders import open_body
    from propfield.body.skeleton import canonical_pose
    from propfield.field.file import save_field
    from propfield.field.grid import Grid
    from propfield.field.occupancy import OccupancyField, TypeField
    from propfield.field.skinning_weights import voxel_weights
    from propfield.observations.interaction import InteractionType

    grid, body = Grid(24), open_body()
    points = grid.centres()

    def bell(x: float, y: float, z: float, width: float, height: float) -> np.ndarray:
        reach = (points - (x, y, z)) / (width, height, width)
        return np.exp(-(reach**2).sum(1)).reshape(grid.shape).astype(np.float32)

    held = 0.9 * bell(0.0, 0.75, 0.1, 0.45, 0.2)
    carried = 0.7 * bell(0.5, 0.1, 0.1, 0.2, 0.35)
    support = np.full(grid.shape, 40, np.uint32)
    types = (
        TypeField(InteractionType("all", ""), (held + carried) / 2, 2 * support, 80),
        TypeField(InteractionType("hold", "A person holds an umbrella", "left_hand"), held, support, 40),
        TypeField(InteractionType("carry", "A person carries an umbrella"), carried, support, 40),
    )
    licences = [
        {"what": "open body", "licence": "CC0-1.0", "commercial": True},
        {"what": "studio pictures", "licence": "CC0-1.0", "commercial": True},
    ]
    raised = np.zeros((24, 3))
    raised[18] = (0, -1.2, 0)
    provenance = {"licences": licences, "typical_poses": {"carry": raised.tolist()}}
    field = OccupancyField(
        "umbrella", grid, types, voxel_weights(body, grid), body, canonical_pose(), provenance
    )
    path = tmp_path_factory.mktemp("field") / "umbrella.field.npz"
    save_field(field, path)
    return path


@pytest.fixture(scope="session")
def addon():
    """The package as Blender would import it, from the repository's root."""
    sys.path.insert(0, str(REPOSITORY))
    import addon

    yield addon
    sys.path.remove(str(REPOSITORY))


@pytest.fixture
def blender(addon, home, monkeypatch):
    """An empty file with the add-on registered, and a home of its own."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon.register()
    yield bpy
    addon.unregister()


@pytest.fixture
def enabled(home, addon):
    """The add-on enabled as a user does it, with a port of its own in the preferences."""
    import addon_utils
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    assert addon_utils.enable("addon", default_set=True) is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        bpy.context.preferences.addons["addon"].preferences.port = probe.getsockname()[1]
    yield bpy
    addon_utils.disable("addon", default_set=True)
