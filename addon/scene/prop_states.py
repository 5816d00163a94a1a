"""Places of a prop as seven numbers, where a grid of them is highest, and when two of them are one."""

import numpy as np

from .kinematics import rotation_matrices


def peaks(values: np.ndarray, count: int, apart: float) -> list[np.ndarray]:
    """The (3,) indices of a circular grid's highest values, each at least `apart` steps from the others."""
    left, reach, found = values.copy(), int(np.ceil(apart)), []
    for _ in range(count):
        peak = np.array(np.unravel_index(left.argmax(), left.shape))
        found.append(peak)
        around = [
            np.arange(p - min(reach, n // 2), p + min(reach, n // 2) + 1) % n
            for p, n in zip(peak, left.shape, strict=True)
        ]
        left[np.ix_(*around)] = -np.inf
    return found


def matrix_of(state: np.ndarray) -> np.ndarray:
    """(4, 4) of a state: a turn (axis-angle), the place of the middle and the logarithm of the scale."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.exp(state[6]) * rotation_matrices(state[:3])
    matrix[:3, 3] = state[3:6]
    return matrix


def same_place(points: np.ndarray, other: np.ndarray, share: float = 0.04) -> bool:
    """Whether two placements' samples lie within each other, in the mean, by a share of their size: a prop
    that looks the same turned round counts once."""
    # Two drawings of one surface are as far from each other as its own halves are.
    own = _apart(points[::2], points[1::2])
    return _apart(points[::2], other[1::2]) < own + share * float(np.linalg.norm(np.ptp(points, 0)))


def _apart(points: np.ndarray, other: np.ndarray) -> float:
    distance = ((points[:, None] - other[None]) ** 2).sum(2)
    return float(np.sqrt(distance.min(1)).mean() + np.sqrt(distance.min(0)).mean()) / 2


def turn_vectors(turns: np.ndarray) -> np.ndarray:
    """(..., 3, 3) rotations as (..., 3) axis-angle, by their quaternions (Shepperd's method), all at once."""
    m = turns
    trace = np.trace(m, axis1=-2, axis2=-1)
    diagonal = np.diagonal(m, axis1=-2, axis2=-1)
    squares = np.concatenate([1 + trace[..., None], 1 - trace[..., None] + 2 * diagonal], -1)
    largest = squares.argmax(-1)
    rows = [
        (
            squares[..., 0],
            m[..., 2, 1] - m[..., 1, 2],
            m[..., 0, 2] - m[..., 2, 0],
            m[..., 1, 0] - m[..., 0, 1],
        ),
        (
            m[..., 2, 1] - m[..., 1, 2],
            squares[..., 1],
            m[..., 1, 0] + m[..., 0, 1],
            m[..., 0, 2] + m[..., 2, 0],
        ),
        (
            m[..., 0, 2] - m[..., 2, 0],
            m[..., 1, 0] + m[..., 0, 1],
            squares[..., 2],
            m[..., 2, 1] + m[..., 1, 2],
        ),
        (
            m[..., 1, 0] - m[..., 0, 1],
            m[..., 0, 2] + m[..., 2, 0],
            m[..., 2, 1] + m[..., 1, 2],
            squares[..., 3],
        ),
    ]
    all_four = np.stack([np.stack(row, -1) for row in rows], -2)
    quaternion = np.take_along_axis(all_four, largest[..., None, None], -2)[..., 0, :]
    quaternion /= np.linalg.norm(quaternion, axis=-1, keepdims=True)
    quaternion *= np.where(quaternion[..., :1] < 0, -1, 1)
    sine = np.linalg.norm(quaternion[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, quaternion[..., :1])
    return quaternion[..., 1:] * np.where(sine > 1e-9, angle / np.maximum(sine, 1e-9), 2.0)
