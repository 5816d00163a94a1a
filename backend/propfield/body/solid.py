"""A posed body as a solid: how far from it a point is."""

import numpy as np
import torch
from jaxtyping import Float, Float32, Int32

from propfield.body.skinning import pose_vertices
from propfield.body.template import BodyTemplate

DEEPEST = 0.3
"""Metres: nothing within a person is as far from the skin."""


def farthest_reach(body: BodyTemplate) -> float:
    """Metres from the pelvis joint beyond which no vertex comes, whatever the pose: a vertex is a mean of
    places that are as far from a joint of its as in the T-pose, and joints hang on bones of fixed length."""
    lengths = np.zeros(24)
    for joint, parent in enumerate(body.parents[1:], 1):
        lengths[joint] = lengths[parent] + np.linalg.norm(body.joints[joint] - body.joints[parent])
    away = np.linalg.norm(body.vertices[:, None] - body.joints, axis=2)
    return float((lengths + away)[body.skin_weights > 0].max())


def distance_outside(
    point: Float32[np.ndarray, "3"], body: BodyTemplate, pose: Float32[np.ndarray, "24 3"]
) -> float:
    """Metres from a point to the nearest vertex of the body in `pose` (axis-angle, radians); 0 inside it."""
    arrays = pose, body.vertices, body.skin_weights, body.joints
    vertices = pose_vertices(*map(torch.from_numpy, arrays)).numpy()
    nearest = float(np.linalg.norm(vertices - point, axis=1).min())
    inside = nearest < DEEPEST and winding_number(point, vertices, body.faces) > 0.5
    return 0.0 if inside else nearest


def winding_number(
    point: Float[np.ndarray, "3"], vertices: Float[np.ndarray, "V 3"], faces: Int32[np.ndarray, "F 3"]
) -> float:
    """How often a mesh, counter-clockwise from outside, winds around a point: 1 inside, 0 outside, something
    between at a hole (van Oosterom & Strackee 1983: the solid angles of its triangles)."""
    a, b, c = np.moveaxis((vertices.astype(np.float64) - point)[faces], 1, 0)
    la, lb, lc = (np.linalg.norm(corner, axis=1) for corner in (a, b, c))
    volume = np.einsum("fi,fi->f", a, np.cross(b, c))
    rest = la * lb * lc + (a * b).sum(1) * lc + (b * c).sum(1) * la + (c * a).sum(1) * lb
    return float(np.arctan2(volume, rest).sum() / (2 * np.pi))
