"""How deep points are in a posed body, to a fraction of a millimetre: a lattice for the search, and exact
distances to the surface to judge what came out."""

from dataclasses import dataclass

import numpy as np
import trimesh
from jaxtyping import Bool, Float32, Float64, Int64
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

STEP = 0.01
"""Metres between the lattice's nodes, where the room that is asked for is not larger than MOST_NODES."""
MOST_NODES = 3_000_000
BAND = 0.04
"""Metres from the surface within which the lattice is exact; beyond, it is to about a step."""
SPACING = 0.004
"""Metres between the surface's samples by which the nearest triangles are found."""
MOST_SAMPLES = 400_000
NEIGHBOURS = 6


@dataclass(frozen=True)
class BodySolid:
    """Attributes:
    distance: metres to the surface at the lattice's nodes, negative inside.
    origin: the first node.
    step: metres between nodes.
    mesh: the posed body.
    face_free: (F,) triangles into which a prop may go.
    """

    distance: Float32[np.ndarray, "X Y Z"]
    origin: Float64[np.ndarray, "3"]
    step: float
    mesh: trimesh.Trimesh
    face_free: Bool[np.ndarray, " F"]
    _samples: cKDTree
    _sample_face: Int64[np.ndarray, " S"]

    def depths(self, points: Float64[np.ndarray, "N 3"]) -> Float64[np.ndarray, " N"]:
        """Metres that points are inside the body, measured to its triangles; 0 outside of it, and where the
        nearest triangle is one that a prop may go into."""
        depth = np.zeros(len(points))
        cells = np.rint((points - self.origin) / self.step).astype(int)
        there = ((cells >= 0) & (cells < self.distance.shape)).all(1)
        near = np.zeros(len(points), bool)
        near[there] = self.distance[tuple(cells[there].T)] < 1.5 * self.step
        chosen = np.flatnonzero(near)
        if len(chosen):
            lattice = self.distance[tuple(cells[chosen].T)]
            away, outside, face = self.to_surface(points[chosen])
            # Farther from the surface than a step its lattice knows the side; nearer, the triangle does.
            inside = np.where(np.abs(lattice) > self.step, lattice < 0, ~outside)
            depth[chosen] = np.where(inside & ~self.face_free[face], away, 0)
        return depth

    def to_surface(
        self, points: Float64[np.ndarray, "N 3"], neighbours: int = NEIGHBOURS
    ) -> tuple[Float64[np.ndarray, " N"], Bool[np.ndarray, " N"], Int64[np.ndarray, " N"]]:
        """Distance to the nearest triangle, whether the point is before it, and which it is."""
        _, nearest = self._samples.query(points, k=min(neighbours, self._samples.n))
        faces = self._sample_face[nearest.reshape(len(points), -1)]
        count = faces.shape[1]
        corners = np.asarray(self.mesh.vertices)[self.mesh.faces[faces.ravel()]]
        repeated = np.repeat(points, count, 0)
        closest = trimesh.triangles.closest_point(corners, repeated)
        offset = (repeated - closest).reshape(-1, count, 3)
        away = np.linalg.norm(offset, axis=2)
        row, best = np.arange(len(points)), away.argmin(1)
        # Of triangles that share the nearest corner the one that the point is most before or behind tells.
        normals = self.mesh.face_normals[faces.ravel()].reshape(-1, count, 3)
        side = np.where(away <= away[row, best, None] + 1e-6, (offset * normals).sum(2), 0)
        strongest = side[row, np.abs(side).argmax(1)]
        return away[row, best], strongest >= 0, faces[row, best]


def body_solid(
    mesh: trimesh.Trimesh,
    low: Float64[np.ndarray, "3"],
    high: Float64[np.ndarray, "3"],
    vertex_free: Bool[np.ndarray, " V"],
    rough: bool = False,
) -> BodySolid:
    """The posed body (metres) as a solid between two corners of space; triangles of which a corner is free
    may be gone into. A rough one's lattice is twice as wide; its exact distances are as exact."""
    step = 2 * STEP if rough else STEP
    margin = BAND + step
    low = np.maximum(low, mesh.bounds[0] - margin)
    high = np.maximum(np.minimum(high, mesh.bounds[1] + margin), low + 2 * step)
    step = max(step, float(np.cbrt(np.prod(high - low) / MOST_NODES)))
    shape = np.ceil((high - low) / step).astype(int) + 1
    face_free = vertex_free[mesh.faces].any(1)
    count = int(np.clip(mesh.area / (2 * SPACING if rough else SPACING) ** 2, 2000, MOST_SAMPLES))
    samples, sample_face = trimesh.sample.sample_surface(mesh, count, seed=0)
    corners = np.asarray(mesh.vertices)[mesh.faces].mean(1)
    # Each triangle has a sample, however small it is.
    tree = cKDTree(np.concatenate([samples, corners]))
    faces = np.concatenate([sample_face, np.arange(len(mesh.faces))]).astype(np.int64)
    inside = inside_of(mesh, low, shape, step)
    distance = np.ones(tuple(shape), np.float32)
    solid = BodySolid(distance, low, step, mesh, face_free, tree, faces)
    if not inside.any() or inside.all():
        return solid
    deep, outside = distance_transform_edt(inside, return_indices=True)
    distance[:] = step * np.where(inside, 0.5 - deep, distance_transform_edt(~inside) - 0.5)
    band = np.argwhere(np.abs(distance) < BAND)
    away, _, face = solid.to_surface(low + band * step, neighbours=1)
    distance[tuple(band.T)] = np.where(inside[tuple(band.T)], -away, away)
    if face_free.any():
        # Each node inside goes by the triangle that is nearest to where it would come out.
        free = np.zeros(tuple(shape), bool)
        free[tuple(band.T)] = face_free[face]
        within = tuple(np.argwhere(inside).T)
        out = tuple(axis[within] for axis in outside)
        distance[within] = np.where(free[within] | free[out], 0, distance[within])
    return solid


def inside_of(
    mesh: trimesh.Trimesh, low: Float64[np.ndarray, "3"], shape: Int64[np.ndarray, "3"], step: float
) -> Bool[np.ndarray, "X Y Z"]:
    """Nodes around which the mesh winds along at least two of the axes: how often a ray went in more than
    out. That is right where limbs reach into each other, and a hole in a mesh misleads one axis alone."""
    votes = np.zeros(tuple(shape), np.int8)
    for axis in range(3):
        votes += _wound(mesh, low, shape, step, axis)
    return votes >= 2


def _wound(
    mesh: trimesh.Trimesh, low: np.ndarray, shape: np.ndarray, step: float, axis: int
) -> Bool[np.ndarray, "X Y Z"]:
    others = [each for each in range(3) if each != axis]
    first, second = (low[each] + np.arange(shape[each]) * step for each in others)
    start = np.empty((shape[others[0]], shape[others[1]], 3))
    # Not through the corners of symmetric meshes, which lie on round numbers.
    start[..., others[0]], start[..., others[1]] = first[:, None] + 1.3e-5, second[None] + 1.7e-5
    start[..., axis] = min(low[axis], mesh.bounds[0][axis]) - 1
    start = start.reshape(-1, 3)
    way = np.zeros_like(start)
    way[:, axis] = 1
    places, rays, faces = mesh.ray.intersects_location(start, way, multiple_hits=True)
    steps = np.zeros((len(start), shape[axis] + 1), np.int32)
    nodes = np.clip(np.ceil((places[:, axis] - low[axis]) / step), 0, shape[axis]).astype(int)
    np.add.at(steps, (rays, nodes), np.where(mesh.face_normals[faces][:, axis] < 0, 1, -1))
    # A ray that does not come out again has lost a hit; it says nothing.
    steps[steps.sum(1) != 0] = 0
    wound = steps.cumsum(1)[:, :-1] > 0
    return np.moveaxis(wound.reshape(*(shape[each] for each in others), shape[axis]), 2, axis)
