"""Sparse skinning weights as the field file holds them, and how they come to lie between voxels."""

from dataclasses import dataclass

import numpy as np

from .skeleton import JOINT_COUNT


@dataclass(frozen=True)
class WeightRows:
    """Compressed rows: entry k of row r, for starts[r] ≤ k < starts[r + 1], gives `values[k]` to `joints[k]`.

    Attributes:
        starts: (N + 1,) int32.
        joints: (nnz,) uint8.
        values: (nnz,) float32; each row sums to 1.
    """

    starts: np.ndarray
    joints: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    def dense(self, rows: np.ndarray | None = None) -> np.ndarray:
        """(n, 24) float32 weights of the given rows; of all when None."""
        rows = np.arange(len(self)) if rows is None else np.asarray(rows)
        counts = self.starts[rows + 1] - self.starts[rows]
        owner = np.repeat(np.arange(len(rows)), counts)
        entry = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        entry += np.repeat(self.starts[rows], counts)
        result = np.zeros((len(rows), JOINT_COUNT), np.float32)
        result[owner, self.joints[entry]] = self.values[entry]
        return result


def interpolate_weights(voxels: WeightRows, shape: tuple[int, int, int], steps: np.ndarray) -> np.ndarray:
    """(P, 24) weights at `steps` (P, 3), positions in voxels with whole numbers at voxel centres: trilinear
    between the eight voxels around, held constant beyond the outermost centres."""
    upper = np.asarray(shape) - 1
    clamped = np.clip(steps, 0, upper)
    base = np.minimum(np.floor(clamped).astype(np.int64), upper - 1)
    share = (clamped - base).astype(np.float32)
    result = np.zeros((len(steps), JOINT_COUNT), np.float32)
    for corner in np.ndindex(2, 2, 2):
        factor = np.where(corner, share, 1 - share).prod(1)
        if not factor.any():
            # Points that all lie at centres need but the one voxel.
            continue
        cell = base + corner
        result += factor[:, None] * voxels.dense((cell[:, 0] * shape[1] + cell[:, 1]) * shape[2] + cell[:, 2])
    return result / result.sum(1, keepdims=True)
