"""How much each voxel around a body follows each bone (CHORUS Eq. 4 and Supp. A.5)."""

from concurrent.futures import Executor, ThreadPoolExecutor

import numpy as np
import torch
from jaxtyping import Float32
from scipy.sparse import csr_array

from propfield.body.skeleton import canonical_pose
from propfield.body.skinning import pose_vertices
from propfield.body.template import BodyTemplate
from propfield.errors import PropfieldError
from propfield.field.grid import Grid
from propfield.field.nearest_skin import nearest_skin
from propfield.field.skin_volumes import SkinVolumes, compressed, smoothed_volumes

PARTS = 4
"""Pieces of work for each thread, so that none waits long for the last."""
VOXELS = 1 << 15
"""Of a piece at most; it bounds the memory that a thread needs."""


def voxel_weights(body: BodyTemplate, grid: Grid) -> csr_array:
    """The voxels' skinning weights in the canonical pose: (R³, 24) float32 rows that sum to 1, voxels in C
    order of [x, y, z]."""
    pose = torch.from_numpy(canonical_pose())
    vertices = pose_vertices(
        pose,
        torch.from_numpy(body.vertices),
        torch.from_numpy(body.skin_weights),
        torch.from_numpy(body.joints),
    )
    return weights_around(vertices.numpy(), body.skin_weights, grid)


def weights_around(
    vertices: Float32[np.ndarray, "V 3"],
    skin_weights: Float32[np.ndarray, "V 24"],
    grid: Grid,
    threads: int | None = None,
) -> csr_array:
    """The skinning weights of a grid's voxels around a mesh in any pose, as `voxel_weights` gives them.

    Eq. 4: inverse-distance mean over the 30 nearest vertices; then the pelvis' share grows with the distance
    d to the nearest one, 1 − ((1 − r)/(1 + r))^¼ with r = d / 0.8 m; then 30 smoothing passes
    w ← 0.7 w + 0.3 · mean of the six neighbours, in which voxels beyond 0.8 m stay with the pelvis alone.
    As many threads as torch uses unless told; their number does not change a bit of it. PropfieldError for a
    mesh without vertices or with numbers that are not finite.
    """
    threads = threads or torch.get_num_threads()
    with ThreadPoolExecutor(threads) as pool:
        volumes = volumes_around(vertices, skin_weights, grid, pool, threads)
        return compressed(volumes, pool, PARTS * threads)


def volumes_around(
    vertices: Float32[np.ndarray, "V 3"],
    skin_weights: Float32[np.ndarray, "V 24"],
    grid: Grid,
    pool: Executor,
    threads: int,
) -> SkinVolumes:
    """The same weights before they are put into rows, for who reads all of them once."""
    if not len(vertices):
        raise PropfieldError("A body without vertices has no skin to follow.")
    if not (np.isfinite(vertices).all() and np.isfinite(skin_weights).all()):
        raise PropfieldError(
            "The body's vertices or its skin weights are not all finite numbers; check its shape and pose."
        )
    parts = max(PARTS * threads, grid.resolution**3 // VOXELS)
    found = nearest_skin(grid.axes(), vertices, skin_weights, pool, parts)
    return smoothed_volumes(found, grid.resolution, pool)


def weights_at(
    points: Float32[np.ndarray, "P 3"], weights: csr_array, grid: Grid
) -> Float32[np.ndarray, "P 24"]:
    """Skinning weights of any canonical points, by trilinear interpolation of their eight voxels' rows.

    Points beyond the outermost voxel centres take the border's.
    """
    steps = np.clip((points - grid.origin) / grid.voxel - 0.5, 0, grid.resolution - 1)
    low = np.minimum(steps.astype(np.int64), grid.resolution - 2)
    share = (steps - low).astype(np.float32)
    result = np.zeros((len(points), 24), dtype=np.float32)
    for corner in np.ndindex(2, 2, 2):
        i, j, k = (low + corner).T
        rows = weights[(i * grid.resolution + j) * grid.resolution + k].toarray()
        result += np.where(corner, share, 1 - share).prod(1, keepdims=True) * rows
    return result
