"""A field in the posed space: Φ(x | θ, s), by backward skinning unless the field is one for forward skinning
(CHORUS §3.3, "Inference for Posed Space")."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float32, Int32

from propfield.body.skinning import bone_transforms, pose_vertices, skin_forward
from propfield.errors import PropfieldError
from propfield.field.forward_posing import carried_forward
from propfield.field.occupancy import OccupancyField
from propfield.field.skinning_weights import PARTS, volumes_around
from propfield.field.voxel_rows import find_sources


def pose_field(field: OccupancyField, type_name: str, pose: np.ndarray) -> Float32[np.ndarray, "R R R"]:
    """The occupancy of a type over the same grid, around the body in `pose` ((24, 3) axis-angle, radians), by
    the field's own `skinning`. PropfieldError when the pose is not one."""
    return into_pose(field, pose)(field.type(type_name).occupancy)


def into_pose(
    field: OccupancyField, pose: np.ndarray
) -> Callable[[Float32[np.ndarray, "R R R"]], Float32[np.ndarray, "R R R"]]:
    """`pose_field` for several types in one pose: what takes the occupancy of each there. What they share is
    worked out once."""
    if field.skinning == "forward":
        bones = _bones(field, checked_pose(pose))
        return lambda occupancy: carried_forward(occupancy, field.weights, bones, field.grid)
    sources = canonical_sources(field, pose)
    return lambda occupancy: from_sources(occupancy, sources)


def from_sources(
    occupancy: Float32[np.ndarray, "R R R"], sources: Int32[np.ndarray, "R R R"]
) -> Float32[np.ndarray, "R R R"]:
    """A type's occupancy in the pose that the sources belong to; 0 where there is no source."""
    return np.where(sources >= 0, occupancy.reshape(-1)[sources], np.float32(0))


def canonical_sources(
    field: OccupancyField, pose: np.ndarray, threads: int | None = None
) -> Int32[np.ndarray, "R R R"]:
    """The canonical voxel (flat index) that each voxel around the body in `pose` comes from, −1 for none.

    Each posed voxel gets skinning weights from the posed mesh, its blended transform is inverted, and the
    canonical voxel is the one that the point lies in, as `Grid.voxel_of` tells it. As many threads as torch
    uses unless told; their number does not change a bit of it.
    """
    pose = checked_pose(pose)
    grid, body = field.grid, field.body
    angles, joints, skin = (torch.from_numpy(array) for array in (pose, body.joints, body.skin_weights))
    posed = pose_vertices(angles, torch.from_numpy(body.vertices), skin, joints).numpy()
    bones = _bones(field, pose)
    threads = threads or torch.get_num_threads()
    sources = np.empty(grid.shape, np.int32)
    with ThreadPoolExecutor(threads) as pool:
        volumes = volumes_around(posed, body.skin_weights, grid, pool, threads)
        boxes = volumes.low, volumes.shape, volumes.begin, volumes.values
        space = grid.axes(), grid.origin, np.float32(grid.voxel)
        slabs = pairwise(np.linspace(0, grid.resolution, PARTS * threads + 1).astype(int))
        for _ in pool.map(lambda slab: find_sources(*slab, *boxes, bones, *space, sources), slabs):
            pass
    return sources


def checked_pose(pose: np.ndarray) -> Float32[np.ndarray, "24 3"]:
    """The pose in single precision. PropfieldError when it is none."""
    pose = np.asarray(pose, dtype=np.float32)
    if pose.shape != (24, 3):
        raise PropfieldError(f"A pose is 24 rows of 3 axis-angle numbers, not an array of {pose.shape}.")
    if not np.isfinite(pose).all():
        raise PropfieldError("The pose holds numbers that are not finite.")
    return pose


def _bones(field: OccupancyField, pose: Float32[np.ndarray, "24 3"]) -> Float32[np.ndarray, "24 12"]:
    """The rows of each bone's (3, 4) transform from the rest pose."""
    joints, rest = torch.from_numpy(field.body.joints), torch.from_numpy(field.rest_pose)
    return bone_transforms(torch.from_numpy(pose), joints, rest)[:, :3].reshape(24, 12).numpy()


def pose_points(
    field: OccupancyField,
    points: Float32[np.ndarray, "P 3"],
    weights: Float32[np.ndarray, "P 24"],
    pose: Float32[np.ndarray, "24 3"],
) -> Float32[np.ndarray, "P 3"]:
    """Canonical points, such as an iso-surface's vertices, carried forward into `pose` (Eq. 5)."""
    bones = bone_transforms(
        torch.from_numpy(pose), torch.from_numpy(field.body.joints), torch.from_numpy(field.rest_pose)
    )
    return skin_forward(torch.from_numpy(points), torch.from_numpy(weights), bones).numpy()
