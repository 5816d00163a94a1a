"""How deep points are in a posed body, to a fraction of a millimetre: a lattice for the search, and exact
distances to the surface to judge what came out."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import trimesh
from jaxtyping import Bool, Float32, Float64, Int64
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

STEP = 0.01
"""Metres between the lattice's nodes, where the room that is asked for is not larger than MOST_NODES."""
MOST_NODES, MOST_FAR = 3_000_000, 200_000
BAND = 0.04
"""Metres from the surface within which the lattice is exact; beyond, it is to about a step."""
SPACING = 0.004
"""Metres between the surface's samples by which the nearest triangles are found."""
MOST_SAMPLES = 400_000
FAR_STEP = 0.03
"""Metres between the nodes of the lattice of the whole body, where there is no finer one."""
NEIGHBOURS = 6
MANY = 2000
"""Points for which it is worth to ask in several threads."""


@dataclass(frozen=True)
class BodySolid:
    """Attributes:
    distance: metres to the surface at the lattice's nodes, negative inside.
    origin: the first node.
    step: metres between nodes.
    mesh: the posed body.
    face_free: (F,) triangles into which a prop may go.
    far, far_origin, far_step: a rough lattice of the whole body, true to a step.
    """

    distance: Float32[np.ndarray, "X Y Z"]
    origin: Float64[np.ndarray, "3"]
    step: float
    mesh: trimesh.Trimesh
    face_free: Bool[np.ndarray, " F"]
    far: Float32[np.ndarray, "P Q R"]
    far_origin: Float64[np.ndarray, "3"]
    far_step: float
    _samples: cKDTree
    _sample_face: Int64[np.ndarray, " S"]

    @cached_property
    def _corners(self) -> Float64[np.ndarray, "F 3 3"]:
        return np.array(self.mesh.triangles, float)

    @cached_property
    def _counting(self) -> tuple[cKDTree, Int64[np.ndarray, " S"]]:
        """The samples of what may not be gone into."""
        counts = ~self.face_free[self._sample_face]
        return cKDTree(np.asarray(self._samples.data)[counts]), self._sample_face[counts]

    def depths(self, points: Float64[np.ndarray, "N 3"]) -> Float64[np.ndarray, " N"]:
        """Metres that points are inside the body, measured to its triangles; 0 outside of it, and where the
        nearest triangle is one that a prop may go into."""
        depth = np.zeros(len(points))
        chosen = np.flatnonzero(self.nearly_inside(points, 0.0))
        if len(chosen):
            raw, face, _ = self.signed(points[chosen])
            depth[chosen] = np.where(self.face_free[face], 0, np.maximum(raw, 0))
        return depth

    def nearly_inside(
        self, points: Float64[np.ndarray, "N 3"], reach: Float64[np.ndarray, " N"] | float
    ) -> Bool[np.ndarray, " N"]:
        """Which points may be in the body, or so many metres outside of it; none is left out that is."""
        cells, there = self._cells(points)
        result = np.zeros(len(points), bool)
        reach = np.broadcast_to(reach, len(points))
        # A node is up to 0.9 steps away, and the lattice within BAND to 0.3 steps, elsewhere to one.
        off = np.where(reach[there] < BAND / 2, 1.2, 1.9) * self.step
        result[there] = self.distance[tuple(cells[there].T)] < off + reach[there]
        low, high = self.mesh.bounds
        away = np.maximum(np.maximum(low - points, points - high), 0).max(1)
        beyond = np.flatnonzero(~there & (away <= np.maximum(reach, 0)))
        result[beyond] = self._far_at(points[beyond]) < 1.9 * self.far_step + reach[beyond]
        return result

    def signed(
        self, points: Float64[np.ndarray, "N 3"]
    ) -> tuple[Float64[np.ndarray, " N"], Int64[np.ndarray, " N"], Float64[np.ndarray, "N 3"]]:
        """Metres inside the body, negative outside, whatever may be gone into; the nearest triangle; and the
        nearest place on it."""
        cells, there = self._cells(points)
        away, outside, face, closest = self.to_surface(points)
        inside = ~outside
        # Farther from the surface than a step its lattice knows the side; nearer, the triangle does.
        lattice = self.distance[tuple(cells[there].T)]
        inside[there] = np.where(np.abs(lattice) > self.step, lattice < 0, inside[there])
        far = self._far_at(points[~there])
        inside[~there] = np.where(np.abs(far) > self.far_step, far < 0, inside[~there])
        return np.where(inside, away, -away), face, closest

    def may_count(
        self, points: Float64[np.ndarray, "N 3"], reach: Float64[np.ndarray, " N"]
    ) -> Bool[np.ndarray, " N"]:
        """Points within whose reach the nearest triangle may be one that may not be gone into."""
        if not self.face_free.any():
            return np.ones(len(points), bool)
        if self.face_free.all():
            return np.zeros(len(points), bool)
        free = self.to_surface(points)[0]
        other = self._nearest(*self._counting, points)[0].min(1)
        return other - reach <= free + reach

    def _cells(
        self, points: Float64[np.ndarray, "N 3"]
    ) -> tuple[Int64[np.ndarray, "N 3"], Bool[np.ndarray, " N"]]:
        cells = np.rint((points - self.origin) / self.step).astype(np.int64)
        return cells, ((cells >= 0) & (cells < self.distance.shape)).all(1)

    def _far_at(self, points: Float64[np.ndarray, "N 3"]) -> Float32[np.ndarray, " N"]:
        cells = np.rint((points - self.far_origin) / self.far_step).astype(np.int64)
        return self.far[tuple(np.clip(cells, 0, np.array(self.far.shape) - 1).T)]

    def to_surface(
        self, points: Float64[np.ndarray, "N 3"], neighbours: int = NEIGHBOURS
    ) -> tuple[
        Float64[np.ndarray, " N"],
        Bool[np.ndarray, " N"],
        Int64[np.ndarray, " N"],
        Float64[np.ndarray, "N 3"],
    ]:
        """Distance to the nearest triangle, whether the point is before it, which it is, and where on it."""
        away, faces, closest = self._nearest(self._samples, self._sample_face, points, neighbours)
        offset = points[:, None] - closest
        row, best = np.arange(len(points)), away.argmin(1)
        # Of triangles that share the nearest corner the one that the point is most before or behind tells.
        normals = self.mesh.face_normals[faces.ravel()].reshape(*faces.shape, 3)
        side = np.where(away <= away[row, best, None] + 1e-6, (offset * normals).sum(2), 0)
        strongest = side[row, np.abs(side).argmax(1)]
        return away[row, best], strongest >= 0, faces[row, best], closest[row, best]

    def _nearest(
        self,
        samples: cKDTree,
        sample_face: Int64[np.ndarray, " S"],
        points: Float64[np.ndarray, "N 3"],
        neighbours: int = NEIGHBOURS,
    ) -> tuple[Float64[np.ndarray, "N K"], Int64[np.ndarray, "N K"], Float64[np.ndarray, "N K 3"]]:
        """Distances to the triangles of the nearest samples, which they are, and where on them is nearest."""
        count = min(neighbours, samples.n)
        _, nearest = samples.query(points, k=count, workers=-1 if len(points) > MANY else 1)
        faces = sample_face[nearest.reshape(len(points), count)]
        repeated = np.repeat(points, count, 0)
        closest = trimesh.triangles.closest_point(self._corners[faces.ravel()], repeated).reshape(
            -1, count, 3
        )
        return np.linalg.norm(points[:, None] - closest, axis=2), faces, closest


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
    solid = BodySolid(distance, low, step, mesh, face_free, *_far(mesh), tree, faces)
    if not inside.any() or inside.all():
        return solid
    deep, outside = distance_transform_edt(inside, return_indices=True)
    distance[:] = step * np.where(inside, 0.5 - deep, distance_transform_edt(~inside) - 0.5)
    band = np.argwhere(np.abs(distance) < BAND)
    away, _, face, _ = solid.to_surface(low + band * step, neighbours=1)
    distance[tuple(band.T)] = np.where(inside[tuple(band.T)], -away, away)
    if face_free.any():
        # Each node inside goes by the triangle that is nearest to where it would come out.
        free = np.zeros(tuple(shape), bool)
        free[tuple(band.T)] = face_free[face]
        within = tuple(np.argwhere(inside).T)
        out = tuple(axis[within] for axis in outside)
        distance[within] = np.where(free[within] | free[out], 0, distance[within])
    return solid


def _far(mesh: trimesh.Trimesh) -> tuple[Float32[np.ndarray, "P Q R"], Float64[np.ndarray, "3"], float]:
    low, high = mesh.bounds
    step = max(FAR_STEP, float(np.cbrt(np.prod(high - low) / MOST_FAR)))
    inside = inside_of(mesh, low - step, np.ceil((high - low) / step).astype(int) + 3, step)
    away = distance_transform_edt(~inside) - distance_transform_edt(inside)
    return (step * away).astype(np.float32), low - step, step


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
