"""A field in the posed space: Φ(x | θ, s), by backward skinning unless the field is one for forward skinning
(CHORUS §3.3, "Inference for Posed Space")."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import no_type_check

import numpy as np
import torch
from jaxtyping import Float32, Int32
from numba import njit

from propfield.body.skinning import bone_transforms, pose_vertices, skin_forward
from propfield.errors import PropfieldError
from propfield.field.forward_posing import carried_forward
from propfield.field.occupancy import OccupancyField
from propfield.field.skin_volumes import row_weights
from propfield.field.skinning_weights import PARTS, volumes_around


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
        for _ in pool.map(lambda slab: _sources(*slab, *boxes, bones, *space, sources), slabs):
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


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _sources(first, last, low, shape, begin, values, bones, axes, origin, voxel, sources):
    """Canonical voxels of the voxels in these planes of x."""
    resolution = len(sources)
    weights = np.empty((24, resolution), np.float32)
    joints = np.empty(24, np.int64)
    blended = np.empty((12, resolution), np.float32)
    for x in range(first, last):
        for y in range(resolution):
            used = row_weights(x, y, low, shape, begin, values, weights, joints)
            for k in range(used):
                own, bone = weights[joints[k]], bones[joints[k]]
                for entry in range(12):
                    into, share = blended[entry], bone[entry]
                    if k == 0:
                        for z in range(resolution):
                            into[z] = own[z] * share
                    else:
                        for z in range(resolution):
                            into[z] += own[z] * share
            _row_sources(blended, axes[0, x], axes[1, y], axes[2], origin, voxel, sources[x, y])


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _row_sources(blended, x, y, row, origin, voxel, sources):
    """The voxels that the inverses of the blended transforms, rows of (3, 4), take a row of voxel centres to;
    −1 for those outside the grid and for a transform that has no inverse."""
    resolution = len(row)
    for z in range(resolution):
        a, b, c = np.float64(blended[0, z]), np.float64(blended[1, z]), np.float64(blended[2, z])
        d, e, f = np.float64(blended[4, z]), np.float64(blended[5, z]), np.float64(blended[6, z])
        g, h, i = np.float64(blended[8, z]), np.float64(blended[9, z]), np.float64(blended[10, z])
        u = x - np.float64(blended[3, z])
        v = y - np.float64(blended[7, z])
        w = row[z] - np.float64(blended[11, z])
        # By the adjugate. Without an inverse the steps are infinite or NaN, and neither is inside.
        scale = 1 / (a * (e * i - f * h) + b * (f * g - d * i) + c * (d * h - e * g))
        px = ((e * i - f * h) * u + (c * h - b * i) * v + (b * f - c * e) * w) * scale
        py = ((f * g - d * i) * u + (a * i - c * g) * v + (c * d - a * f) * w) * scale
        pz = ((d * h - e * g) * u + (b * g - a * h) * v + (a * e - b * d) * w) * scale
        i_step = (np.float32(px) - origin[0]) / voxel
        j_step = (np.float32(py) - origin[1]) / voxel
        k_step = (np.float32(pz) - origin[2]) / voxel
        # Not `and`: without branches the loop takes vector instructions.
        inside = (i_step > -1) & (i_step < resolution)
        inside &= (j_step > -1) & (j_step < resolution)
        inside &= (k_step > -1) & (k_step < resolution)
        index = (np.int32(i_step) * resolution + np.int32(j_step)) * resolution + np.int32(k_step)
        sources[z] = index if inside else -1


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
