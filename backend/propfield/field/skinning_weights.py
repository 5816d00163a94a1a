"""How much each voxel around a body follows each bone (CHORUS Eq. 4 and Supp. A.5)."""

import numpy as np
import torch
from jaxtyping import Float32
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from propfield.body.skeleton import canonical_pose
from propfield.body.skinning import pose_vertices
from propfield.body.template import BodyTemplate
from propfield.field.grid import Grid

NEIGHBOURS = 30
REACH = 0.8
"""Metres: the nearest vertex farther than this means that a voxel stays with the pelvis."""
SMOOTHING_PASSES = 30
SMOOTHING_SHARE = np.float32(0.3)
WEIGHT_FLOOR = 1e-6
"""Smaller weights are not stored; what they move is far below a voxel."""
PELVIS = 0


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
    vertices: Float32[np.ndarray, "V 3"], skin_weights: Float32[np.ndarray, "V 24"], grid: Grid
) -> csr_array:
    """The skinning weights of a grid's voxels around a mesh in any pose, as `voxel_weights` gives them.

    Eq. 4: inverse-distance mean over the 30 nearest vertices; then the pelvis' share grows with the distance
    d to the nearest one, 1 − ((1 − r)/(1 + r))^¼ with r = d / 0.8 m; then 30 smoothing passes
    w ← 0.7 w + 0.3 · mean of the six neighbours, in which voxels beyond 0.8 m stay with the pelvis alone.
    """
    dense = _nearest_vertex_weights(vertices, skin_weights, grid)
    near = dense[:, PELVIS] < 1.0
    cube = _smoothed(dense.reshape(*grid.shape, 24), near.reshape(grid.shape))
    flat = cube.reshape(-1, 24)
    flat[flat < WEIGHT_FLOOR] = 0
    flat /= flat.sum(1, keepdims=True)
    return csr_array(flat)


def _nearest_vertex_weights(vertices: np.ndarray, skin_weights: np.ndarray, grid: Grid) -> np.ndarray:
    """Eq. 4 with the pelvis' share, before smoothing: (N, 24). Beyond reach exactly the pelvis alone."""
    centres = grid.centres()
    tree = cKDTree(vertices)
    nearest, _ = tree.query(centres, distance_upper_bound=REACH, workers=-1)
    within = np.flatnonzero(np.isfinite(nearest))
    weights = np.zeros((len(centres), 24), dtype=np.float32)
    weights[:, PELVIS] = 1
    # In slices: k neighbours' weights of a whole 256³ grid would not fit.
    for part in np.array_split(within, max(1, len(within) // 20_000)):
        if not len(part):
            continue
        distances, indices = tree.query(centres[part], k=NEIGHBOURS, workers=-1)
        exact = distances[:, 0] == 0
        inverse = 1 / np.where(exact[:, None], 1, distances)
        inverse[exact] = np.eye(1, NEIGHBOURS)
        inverse /= inverse.sum(1, keepdims=True)
        own = np.einsum("nk,nkj->nj", inverse.astype(np.float32), skin_weights[indices])
        reach = np.clip(distances[:, :1] / REACH, 0, 1)
        share = (1 - ((1 - reach) / (1 + reach)) ** 0.25).astype(np.float32)
        own *= 1 - share
        own[:, PELVIS] += share[:, 0]
        weights[part] = own
    return weights


def _smoothed(weights: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Jacobi smoothing of a (R, R, R, 24) cube inside its border; voxels not `near` are reset each pass."""
    corners = [np.flatnonzero(near.any(axis)) for axis in ((1, 2), (0, 2), (0, 1))]
    if not all(len(axis) for axis in corners):
        return weights
    # Only the box around the near voxels can change: one border voxel of pelvis is kept around it.
    box = tuple(slice(max(axis[0] - 1, 0), axis[-1] + 2) for axis in corners)
    cube, reset = np.ascontiguousarray(weights[box]), ~near[box]
    inner = (slice(1, -1),) * 3
    if min(cube.shape[:3]) < 3:
        return weights
    # Where the box touches the grid's border, the border is never smoothed; elsewhere its rim is pelvis.
    far = np.eye(1, 24, dtype=np.float32)[0]
    for _ in range(SMOOTHING_PASSES):
        around = cube[2:, 1:-1, 1:-1] + cube[:-2, 1:-1, 1:-1]
        around += cube[1:-1, 2:, 1:-1]
        around += cube[1:-1, :-2, 1:-1]
        around += cube[1:-1, 1:-1, 2:]
        around += cube[1:-1, 1:-1, :-2]
        around *= SMOOTHING_SHARE / 6
        around += (1 - SMOOTHING_SHARE) * cube[inner]
        cube[inner] = around
        cube[reset] = far
        cube /= cube.sum(-1, keepdims=True)
    weights[box] = cube
    return weights


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
