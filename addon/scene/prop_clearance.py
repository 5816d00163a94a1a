"""How far points are from the posed body, and how a prop is moved out of it."""

import numpy as np

from .surface import Surface

LEFT_IN = 0.004
"""Metres that a prop may be in the body: less than the 5 mm allowed, since samples miss a little."""
ROUNDS = 30


class Body:
    """A posed body's surface: (B, 3) vertices, (F, 3) faces; of these only `solid` (F,) keep things out."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, solid: np.ndarray | None = None) -> None:
        self._vertices = vertices.astype(np.float64)
        corners = self._vertices[faces]
        facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals = np.zeros_like(self._vertices)
        for corner in range(3):
            np.add.at(normals, faces[:, corner], facing)
        # Those of vertices tell inside from outside at sharp edges too.
        self._normals = normals / np.maximum(np.linalg.norm(normals, axis=1), 1e-20)[:, None]
        self._faces = faces
        self._solid = np.ones(len(faces), bool) if solid is None else solid
        self._surface = Surface(self._vertices, faces)

    def nearest(self, points: np.ndarray, reach: float = 10.0) -> tuple[np.ndarray, np.ndarray]:
        """Of (P, 3) points the (P,) signed distances in metres, inside below zero, and (P, 3) the outward
        directions. What is beyond `reach`, or nearest to what is not solid, is outside."""
        distance, feet, _, faces = self._surface.nearest(points, reach)
        outward = np.zeros((len(points), 3))
        rows = np.flatnonzero(faces >= 0)
        if not len(rows):
            return distance, outward
        hit, foot_points = faces[rows], feet[rows]
        off = points[rows] - foot_points
        length = np.linalg.norm(off, axis=1)
        corners = self._faces[hit]
        near = 1 / (np.linalg.norm(self._vertices[corners] - foot_points[:, None], axis=2) + 1e-9)
        normal = (near[..., None] * self._normals[corners]).sum(1)
        normal /= np.maximum(np.linalg.norm(normal, axis=1), 1e-20)[:, None]
        inside = ((off * normal).sum(1) < 0) & self._solid[hit]
        distance[rows] = np.where(inside, -length, length)
        outward[rows] = normal
        return distance, outward

    def depth(self, points: np.ndarray) -> float:
        """Metres of the deepest of (P, 3) points."""
        return max(0.0, -float(self.nearest(points, 0.2)[0].min()))

    def cleared(self, points: np.ndarray, facing: np.ndarray, most: float = 0.15) -> np.ndarray | None:
        """(3,) by how much a surface is to be moved so that nothing of it is deeper than LEFT_IN; None where
        that takes more than `most` metres.

        The surface is (P, 3) points and the directions that it faces there.
        """
        # What is farther away than it may be moved never gets in.
        near = self.nearest(points, most)[0] < most
        points, facing = points[near], facing[near]
        if not len(points):
            return np.zeros(3)
        # Out of the body the short way; what has gone halfway through a limb has to go back as it came.
        ways = (self._moved_out(points, None, most), self._moved_out(points, facing, most))
        found = [shift for shift in ways if shift is not None]
        return min(found, key=lambda shift: float(np.linalg.norm(shift))) if found else None

    def _moved_out(self, points: np.ndarray, facing: np.ndarray | None, most: float) -> np.ndarray | None:
        """As `cleared`, along the body's outward directions, or against those that the surface faces."""
        shift = np.zeros(3)
        for _ in range(ROUNDS):
            distance, outward = self.nearest(points + shift, most)
            deep = distance < -LEFT_IN
            if not deep.any():
                return shift
            # The deepest say the way: a step as deep as they are, along what they have in common.
            weight = -distance[deep]
            way = (weight[:, None] * (outward[deep] if facing is None else -facing[deep])).sum(0)
            length = np.linalg.norm(way)
            if length < 0.1 * weight.sum():
                return None
            shift = shift + way / length * (weight.max() - 0.7 * LEFT_IN)
            if np.linalg.norm(shift) > most:
                return None
        return None
