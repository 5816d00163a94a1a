"""How much each voxel around a posed body follows each bone (CHORUS Eq. 4 and Supp. A.5), in numpy.

What the backend computes with compiled kernels (field/skinning_weights.py), which the add-on cannot import.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .skeleton import JOINT_COUNT

NEAREST = 30
REACH = 0.8
"""Metres: a voxel with no vertex nearer stays with the pelvis."""
PASSES, SHARE = 30, 0.3
FLOOR = 1e-6
"""Smaller weights count as none."""
BLOCK = 4
"""Voxels a side of the blocks that choose their candidates among the vertices together."""
SPREAD = 10
"""Voxels that smoothing can carry a weight."""
CHUNK = 8_000_000
"""Distances that are held at a time."""


@dataclass(frozen=True)
class Grid:
    """Voxel centres at first + voxel·[i, j, k], metres; `shape` voxels along x, y, z."""

    first: np.ndarray
    voxel: float
    shape: tuple[int, int, int]

    def centres(self, cells: np.ndarray) -> np.ndarray:
        """(..., 3) centres of voxels."""
        return self.first + self.voxel * cells


def weights_around(vertices: np.ndarray, skin: np.ndarray, grid: Grid) -> np.ndarray:
    """(X, Y, Z, 24) float32 skinning weights that sum to 1, around a body of (V, 3) vertices in metres with
    (V, 24) skin weights.

    The inverse-distance mean over the 30 nearest vertices, of which the pelvis takes the share
    1 − ((1 − r)/(1 + r))^¼, r = distance to the nearest / 0.8 m; then 30 passes
    w ← 0.7 w + 0.3 · mean of the six neighbours, in which voxels that follow the pelvis alone, and the
    grid's outermost layer, stay as they are.
    """
    weights = np.zeros((*grid.shape, JOINT_COUNT), np.float32)
    skin = np.asarray(skin, np.float32)
    for cells, chosen in _nearby(np.asarray(vertices, np.float64), grid):
        weights[tuple(cells.T)] = _nearest_mean(grid.centres(cells), vertices, skin, chosen)
    # The pelvis has what the others leave, so it is not smoothed.
    weights[..., 0] = 0
    moves = (np.float32(1) - weights.sum(-1)) != 1
    moves[[0, -1]] = moves[:, [0, -1]] = moves[:, :, [0, -1]] = False
    for joint in range(1, JOINT_COUNT):
        _smooth(weights[..., joint], moves)
    weights[..., 0] = 1 - weights.sum(-1)
    weights[weights < FLOOR] = 0
    return weights / weights.sum(-1, keepdims=True)


def _nearby(vertices: np.ndarray, grid: Grid) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of voxels, and those vertices that can be among the 30 nearest of one of each; none for blocks
    out of reach."""
    axes = [np.arange(0, size, BLOCK) for size in grid.shape]
    corners = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    inner = np.stack(np.meshgrid(*[np.arange(BLOCK)] * 3, indexing="ij"), -1).reshape(-1, 3)
    half = (BLOCK - 1) / 2
    radius = half * grid.voxel * np.sqrt(3) * (1 + 1e-6)
    nearest = min(NEAREST, len(vertices))
    length = (vertices**2).sum(1)
    step = max(1, CHUNK // len(vertices))
    for start in range(0, len(corners), step):
        part = corners[start : start + step]
        centres = grid.centres(part + half)
        squared = length - 2 * centres @ vertices.T + (centres**2).sum(1)[:, None]
        distance = np.sqrt(np.maximum(squared, 0))
        bound = np.partition(distance, nearest - 1, axis=1)[:, nearest - 1] + 2 * radius
        reached = distance.min(1) <= REACH + radius
        for number in np.flatnonzero(reached):
            cells = part[number] + inner
            yield (
                cells[(cells < grid.shape).all(1)],
                np.flatnonzero(distance[number] <= bound[number] + 1e-6),
            )


def _nearest_mean(
    points: np.ndarray, vertices: np.ndarray, skin: np.ndarray, chosen: np.ndarray
) -> np.ndarray:
    """(P, 24) weights before smoothing; zeros beyond reach."""
    near = vertices[chosen].astype(np.float64)
    # Without the points' own lengths, which all of a row share.
    order = (near**2).sum(1) - 2 * points @ near.T
    count = min(NEAREST, len(chosen))
    picked = np.argpartition(order, count - 1, axis=1)[:, :count]
    distance = np.linalg.norm(points[:, None] - near[picked], axis=2)
    shortest = distance.min(1)
    with np.errstate(divide="ignore"):
        inverse = np.where(distance > 0, 1 / distance, 0)
    # A vertex at the very centre counts alone.
    inverse = np.where((shortest == 0)[:, None], distance == 0, inverse)
    mean = np.einsum("pk,pkj->pj", inverse / inverse.sum(1, keepdims=True), skin[chosen[picked]])
    reach = np.clip((REACH - shortest) / (REACH + shortest), 0, None) ** 0.25
    return mean * reach[:, None]


def _smooth(weights: np.ndarray, moves: np.ndarray) -> None:
    """Smooths one joint's weights in place, in the box that they can come to."""
    spans = [np.flatnonzero(weights.any(other)) for other in ((1, 2), (0, 2), (0, 1))]
    if not len(spans[0]):
        return
    box = tuple(
        slice(max(span[0] - SPREAD, 0), min(span[-1] + SPREAD + 1, size))
        for span, size in zip(spans, weights.shape, strict=True)
    )
    own = weights[box].copy()
    inner = (slice(1, -1),) * 3
    free = moves[box][inner]
    for _ in range(PASSES):
        around = own[:-2, 1:-1, 1:-1] + own[2:, 1:-1, 1:-1]
        around += own[1:-1, :-2, 1:-1]
        around += own[1:-1, 2:, 1:-1]
        around += own[1:-1, 1:-1, :-2]
        around += own[1:-1, 1:-1, 2:]
        around *= np.float32(SHARE / 6)
        around += np.float32(1 - SHARE) * own[inner]
        np.copyto(own[inner], around, where=free)
    weights[box] = own
