"""The nearest places on a mesh of any size, found without holding Python's lock for long.

Blender's tree is built in one call, during which no other thread runs and the window stands still; so a large
mesh is a tree for each piece.
"""

import numpy as np
from mathutils.bvhtree import BVHTree

PIECE = 12_000
"""Triangles of a tree: some 4 ms to build."""


class Surface:
    """(V, 3) vertices and (F, 3) triangles, at least one."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray) -> None:
        middles = vertices[faces].mean(1)
        ordered = np.argsort(middles[:, np.ptp(middles, axis=0).argmax()], kind="stable")
        self._pieces = []
        for rows in np.array_split(ordered, -(-len(faces) // PIECE)):
            used, local = np.unique(faces[rows], return_inverse=True)
            points = vertices[used].astype(np.float64)
            tree = BVHTree.FromPolygons(points.tolist(), local.reshape(-1, 3).tolist(), all_triangles=True)
            # Blender's tree is of single precision.
            self._pieces.append((tree, rows, points.min(0) - 1e-5, points.max(0) + 1e-5))

    def nearest(
        self, points: np.ndarray, reach: float = np.inf
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Of (P, 3) points the (P,) distances to the surface, (P, 3) nearest places on it, (P, 3) normals
        there, and (P,) numbers of the triangles: −1 where all is farther than `reach`, which is then the
        distance."""
        distance = np.full(len(points), reach)
        feet, normals = np.array(points, dtype=np.float64), np.zeros((len(points), 3))
        faces = np.full(len(points), -1)
        for tree, rows, low, high in self._pieces:
            apart = np.linalg.norm(np.maximum(np.maximum(low - points, points - high), 0), axis=1)
            near = np.flatnonzero(apart <= distance)
            limits = np.minimum(distance[near], 1e18).tolist()
            for row, point, limit in zip(near.tolist(), points[near].tolist(), limits, strict=True):
                foot, normal, face, found = tree.find_nearest(point, limit)
                if face is not None and found <= distance[row]:
                    distance[row], faces[row] = found, rows[face]
                    feet[row], normals[row] = foot, normal
        return distance, feet, normals, faces
