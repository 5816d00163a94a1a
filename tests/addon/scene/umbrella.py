"""A made-up umbrella field for the add-on's tests: a canopy above the head, a stick in the right hand.

Written by the backend's own writer, so that the two readers are held against one another.
"""

from pathlib import Path

import numpy as np

from propfield.body.loaders import open_body
from propfield.body.skeleton import canonical_pose
from propfield.field.file import save_field
from propfield.field.grid import Grid
from propfield.field.occupancy import OccupancyField, TypeField
from propfield.field.skinning_weights import voxel_weights
from propfield.observations.interaction import InteractionType


def umbrella(resolution: int = 48) -> OccupancyField:
    """Soft blobs of known shape; peaks of 0.9 (all) and 0.8 (the stick alone)."""
    grid, body = Grid(resolution=resolution), open_body()
    x, y, z = np.moveaxis(grid.centres(), 1, 0)
    canopy = 0.9 * np.exp(-(((x + 0.1) / 0.38) ** 4 + ((z - 0.05) / 0.38) ** 4 + ((y - 0.85) / 0.11) ** 2))
    stick = 0.8 * np.exp(-(((x + 0.8) / 0.10) ** 2 + ((z - 0.05) / 0.10) ** 2 + ((y - 0.35) / 0.33) ** 4))
    types = []
    for kind, values in (
        (InteractionType("all", None, None), np.maximum(canopy, stick)),
        (InteractionType("hold an umbrella", "a person holds an umbrella", "right hand"), stick),
    ):
        values = np.where(values < 0.004, 0, values).astype(np.float32).reshape(grid.shape)
        types.append(TypeField(kind, values, np.full(grid.shape, 200, np.uint32), views=200))
    return OccupancyField(
        category="umbrella",
        grid=grid,
        types=tuple(types),
        weights=voxel_weights(body, grid),
        body=body,
        rest_pose=canonical_pose(),
        provenance={"licences": [{"what": "open body", "licence": "CC0-1.0", "commercial": True}]},
    )


def write(path: Path, resolution: int = 48) -> Path:
    save_field(umbrella(resolution), path)
    return path


if __name__ == "__main__":
    import sys

    write(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 48)
