"""A lighter mesh over the same skin, mirror-symmetric, whose vertices know their places on the base mesh."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from scipy.spatial import cKDTree

from propfield.errors import Unavailable

# Triangles of one half: gives 6,892 vertices, about SMPL's 6,890, so that nearest-vertex work is small.
HALF_TRIANGLES = 6842
AGGRESSIVENESS = 3
ON_THE_MIDDLE = 1e-5  # metres from the plane x = 0
CANDIDATES = 12  # nearest base vertices whose triangles are searched for the closest point


@dataclass(frozen=True)
class LightMesh:
    """A mesh whose vertices are points of the base mesh's triangles.

    Attributes:
        triangles: (F, 3) its own faces.
        anchors: (V, 3) vertices of the base mesh around each vertex.
        shares: (V, 3) barycentric shares of the anchors; rows sum to 1.
        mirror: (V,) the vertex on the other side (itself on the middle).
    """

    triangles: Int64[np.ndarray, "F 3"]
    anchors: Int64[np.ndarray, "V 3"]
    shares: Float64[np.ndarray, "V 3"]
    mirror: Int64[np.ndarray, " V"]

    def take(self, values: Float64[np.ndarray, "base n"]) -> Float64[np.ndarray, "V n"]:
        """Values over the base mesh's vertices, at this mesh's vertices."""
        return np.einsum("vk,vkn->vn", self.shares, values[self.anchors])


def decimate(vertices: Float64[np.ndarray, "base 3"], triangles: Int64[np.ndarray, "F 3"]) -> LightMesh:
    """Decimate the half x ≥ 0 (quadric error metrics, pyfqmr), put its vertices back on the skin, mirror it.

    Unavailable without pyfqmr.
    """
    half = triangles[(vertices[triangles][:, :, 0] > -ON_THE_MIDDLE).all(1)]
    points, faces = _simplified(vertices, half)
    middle = np.abs(points[:, 0]) < ON_THE_MIDDLE / 10
    points[middle, 0] = 0
    anchors, shares = _closest_points(points, vertices, half)

    sides = np.flatnonzero(~middle)
    twin = np.arange(len(points))
    twin[sides] = len(points) + np.arange(len(sides))
    mirrored_base = _mirror_table(vertices, triangles)
    return LightMesh(
        triangles=np.concatenate([faces, twin[faces][:, ::-1]]),
        anchors=np.concatenate([anchors, mirrored_base[anchors[sides]]]),
        shares=np.concatenate([shares, shares[sides]]),
        mirror=np.concatenate([twin, sides]),
    )


def _simplified(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """pyfqmr's decimation to HALF_TRIANGLES; the open border (the middle) stays where it is."""
    try:
        import pyfqmr
    except ModuleNotFoundError as error:
        raise Unavailable(
            "Building the body needs pyfqmr; get it with: pip install 'propfield[body]'"
        ) from error
    used, local = np.unique(triangles, return_inverse=True)
    simplify = pyfqmr.Simplify()
    simplify.setMesh(vertices[used], local.reshape(-1, 3))
    simplify.simplify_mesh(
        target_count=HALF_TRIANGLES, aggressiveness=AGGRESSIVENESS, preserve_border=True, verbose=0
    )
    points, faces, _ = simplify.getMesh()
    return np.array(points, dtype=np.float64), np.array(faces, dtype=np.int64)


def _closest_points(
    points: np.ndarray, vertices: np.ndarray, triangles: np.ndarray
) -> tuple[Int64[np.ndarray, "P 3"], Float64[np.ndarray, "P 3"]]:
    """For each point, the triangle that it is closest to (by its vertices) and barycentric shares there."""
    from trimesh.triangles import closest_point, points_to_barycentric

    used = np.unique(triangles)
    _, near = cKDTree(vertices[used]).query(points, k=CANDIDATES)
    order = np.argsort(triangles.ravel(), kind="stable")
    first = np.searchsorted(triangles.ravel()[order], np.arange(len(vertices) + 1))
    best = np.empty(len(points), dtype=np.int64)
    # In millimetres: trimesh's tolerances are absolute, and too large for the eyelids' triangles in metres.
    points, vertices = 1e3 * points, 1e3 * vertices
    for point, neighbours in enumerate(used[near]):
        around = np.unique(np.concatenate([order[first[v] : first[v + 1]] for v in neighbours]) // 3)
        here = np.broadcast_to(points[point], (len(around), 3))
        landed = closest_point(vertices[triangles[around]], here)
        best[point] = around[np.linalg.norm(landed - here, axis=1).argmin()]
    corners = vertices[triangles[best]]
    shares = np.clip(points_to_barycentric(corners, closest_point(corners, points), method="cross"), 0, 1)
    return triangles[best], shares / shares.sum(1, keepdims=True)


def _mirror_table(vertices: np.ndarray, triangles: np.ndarray) -> Int64[np.ndarray, " base"]:
    """For each vertex of the skin, the one on the other side; -1 for vertices that the skin has not."""
    used = np.unique(triangles)
    distance, twin = cKDTree(vertices[used]).query(vertices[used] * [-1, 1, 1])
    if distance.max() > ON_THE_MIDDLE:
        raise ValueError(f"the base mesh is not mirror-symmetric: {distance.max():.2g} m")
    table = np.full(len(vertices), -1)
    table[used] = used[twin]
    return table
