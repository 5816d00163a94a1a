"""Points spread evenly over a mesh, and rotations spread evenly over all."""

import numpy as np

from .kinematics import rotation_matrices


def surface_samples(
    vertices: np.ndarray, faces: np.ndarray, count: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """(count, 3) points of the faces, by area, and where they face, of length 1; of what has no area, points
    along its edges."""
    random = np.random.default_rng(seed)
    corners = vertices[faces]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(facing, axis=1)
    facing /= np.maximum(area, 1e-20)[:, None]
    if not area.sum() > 0:
        area = np.ones(len(faces))
    # Equal steps through the summed area leave no gaps, as drawing at random would.
    steps = (np.arange(count) + random.random(count)) / count * area.sum()
    rows = np.minimum(np.searchsorted(np.cumsum(area), steps), len(faces) - 1)
    first, along, across = (
        corners[rows, 0],
        corners[rows, 1] - corners[rows, 0],
        corners[rows, 2] - corners[rows, 0],
    )
    a, b = random.random((2, count))
    flip = a + b > 1
    a, b = np.where(flip, 1 - a, a), np.where(flip, 1 - b, b)
    return first + a[:, None] * along + b[:, None] * across, facing[rows]


def spread_rotations(count: int) -> np.ndarray:
    """(count, 3, 3) rotations spread evenly: super-Fibonacci spirals (Alexa, CVPR 2022, Algorithm 1)."""
    phi, psi = np.sqrt(2.0), 1.533751168755204288118041
    s = np.arange(count) + 0.5
    t = s / count
    r, big = np.sqrt(t), np.sqrt(1 - t)
    alpha, beta = 2 * np.pi * s / phi, 2 * np.pi * s / psi
    x, y, z, w = r * np.sin(alpha), r * np.cos(alpha), big * np.sin(beta), big * np.cos(beta)
    half = np.arccos(np.clip(w, -1, 1))
    axis = np.stack([x, y, z], 1) / np.maximum(np.sin(half), 1e-12)[:, None]
    return rotation_matrices(axis * (2 * half)[:, None])


def axis_rotations(points: np.ndarray, cloud: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(24, 3, 3) rotations of the points that lay their principal axes along those of the weighted cloud, in
    every order and direction."""
    own = _axes(points, np.ones(len(points)))
    other = _axes(cloud, weights)
    turns = []
    for order in ((0, 1, 2), (1, 2, 0), (2, 0, 1), (1, 0, 2), (0, 2, 1), (2, 1, 0)):
        for signs in np.ndindex(2, 2, 2):
            frame = other[:, order] * (1 - 2 * np.array(signs))
            if np.linalg.det(frame) > 0:
                turns.append(frame @ own.T)
    return np.array(turns)


def _axes(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    off = points - np.average(points, axis=0, weights=weights)
    _, axes = np.linalg.eigh((weights[:, None] * off).T @ off)
    return axes * np.array([1.0, 1.0, np.linalg.det(axes)])
