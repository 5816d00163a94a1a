"""How deep points are in the posed body, and how far from it, on a lattice around it."""

from dataclasses import dataclass

import numpy as np
import trimesh
from jaxtyping import Bool, Float32, Int32
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

STEP = 0.02
"""Metres between the lattice's points."""
_MARGIN = 0.3


@dataclass(frozen=True)
class BodyDistance:
    """Attributes:
    distance: metres to the body's surface, negative inside, to about half a step.
    origin: the lattice's lower corner; samples are at the middle of cells of STEP metres.
    """

    distance: Float32[np.ndarray, "X Y Z"]
    origin: Float32[np.ndarray, "3"]

    def at(self, points: Float32[np.ndarray, "N 3"]) -> Float32[np.ndarray, " N"]:
        """Metres from the body, negative inside, inf beyond the lattice."""
        cells = np.floor((points - self.origin) / STEP).astype(int)
        there = ((cells >= 0) & (cells < self.distance.shape)).all(1)
        found = np.full(len(points), np.inf, np.float32)
        found[there] = self.distance[tuple(cells[there].T)]
        return found

    def without(self, body: trimesh.Trimesh, vertices: Int32[np.ndarray, " N"]) -> "BodyDistance":
        """The same where being inside of what is nearest to these vertices of the body does not count."""
        if not len(vertices):
            return self
        inside = np.argwhere(self.distance < 0)
        _, nearest = cKDTree(body.vertices).query(self.origin + (inside + 0.5) * STEP)
        free = inside[np.isin(nearest, vertices)]
        distance = self.distance.copy()
        distance[tuple(free.T)] = 0
        return BodyDistance(distance, self.origin)


def body_distance(body: trimesh.Trimesh) -> BodyDistance:
    """The lattice around a posed body (metres)."""
    low, high = body.bounds[0] - _MARGIN, body.bounds[1] + _MARGIN
    shape = np.ceil((high - low) / STEP).astype(int)
    inside = _inside(body, low, shape)
    away = distance_transform_edt(~inside) - 0.5
    deep = distance_transform_edt(inside) - 0.5
    distance = np.where(inside, -deep, away) * STEP
    return BodyDistance(distance.astype(np.float32), low.astype(np.float32))


def _inside(body: trimesh.Trimesh, low: np.ndarray, shape: np.ndarray) -> Bool[np.ndarray, "X Y Z"]:
    """Cells around whose middle the body winds: how often a ray along z went in more than out. Where limbs
    reach into each other that is still right, and holes leak along single columns alone."""
    x, y = (low[axis] + (np.arange(shape[axis]) + 0.5) * STEP for axis in (0, 1))
    start = np.stack([*np.meshgrid(x, y, indexing="ij"), np.full((shape[0], shape[1]), low[2])], -1)
    start = start.reshape(-1, 3)
    places, rays, faces = body.ray.intersects_location(
        start, np.broadcast_to([0.0, 0.0, 1.0], start.shape), multiple_hits=True
    )
    steps = np.zeros((len(start), shape[2] + 1), np.int32)
    cells = np.clip(np.ceil((places[:, 2] - low[2]) / STEP - 0.5), 0, shape[2]).astype(int)
    turns = np.where(body.face_normals[faces][:, 2] < 0, 1, -1)
    np.add.at(steps, (rays, cells), turns)
    # A column that does not come out again has lost a hit; it says nothing.
    steps[steps.sum(1) != 0] = 0
    return (steps.cumsum(1)[:, :-1] > 0).reshape(tuple(shape))
