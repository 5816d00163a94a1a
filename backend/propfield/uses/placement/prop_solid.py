"""A prop as points: of equal volumes through its inside, for the field, and over its surface, for the body
and the ground. A mesh without an inside counts as a sheet of some thickness."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import trimesh
from jaxtyping import Bool, Float64, Int64
from scipy.spatial import cKDTree

from propfield.uses.placement.body_solid import inside_of
from propfield.uses.placement.kernels import Points

CELLS = 80
"""Along the longest side."""
FINEST = 0.008
"""Metres; the least width of the prop's cells, and so of a sheet without an inside."""
INNER, OUTER = 2000, 1500
HULL = 200
FINE_OUTER = 6000
SAME = 0.02
"""Part of its size by which a prop may differ from itself turned. Its samples lie some 1.5% apart."""


@dataclass(frozen=True)
class PropSolid:
    """In the prop's own axes, metres, about `centre`.

    Attributes:
    centre: of its volume, in the prop's frame.
    inner: points that stand for equal volumes, in an order in which neighbours are close.
    outer: points on its surface, corners that stand out first.
    hull: how many those are.
    volume: cubic metres.
    size: of its bounding box' diagonal.
    mesh: as it was given, about `centre`.
    cells: which cells of a lattice about it it fills; `origin` is the lowest one's middle.
    """

    centre: Float64[np.ndarray, "3"]
    inner: Float64[np.ndarray, "N 3"]
    outer: Float64[np.ndarray, "M 3"]
    hull: int
    volume: float
    size: float
    mesh: trimesh.Trimesh
    cells: Bool[np.ndarray, "X Y Z"]
    origin: Float64[np.ndarray, "3"]
    cell: float

    def points(self, more: Float64[np.ndarray, "N 3"] | None = None) -> Points:
        """What the kernels take; `more` are further points of the surface that must not be missed."""
        outer = self.outer if more is None else np.concatenate([more, self.outer])
        return Points(self.inner, outer, self.hull + (0 if more is None else len(more)), self.volume)

    def holds(self, points: Float64[np.ndarray, "N 3"]) -> Bool[np.ndarray, " N"]:
        """Which points (about the centre, metres) lie in the cells that the prop fills."""
        cells = np.rint((points - self.origin) / self.cell).astype(int)
        there = ((cells >= 0) & (cells < self.cells.shape)).all(1)
        found = np.zeros(len(points), bool)
        found[there] = self.cells[tuple(cells[there].T)]
        return found

    def same_turned(self, turn: Float64[np.ndarray, "3 3"]) -> bool:
        """Whether a turn about the centre takes the prop onto itself, so that nobody could tell: a ball, and
        not a laptop whose lid lies where its keyboard was."""
        away, _ = self._tree.query(self.outer[self.hull :] @ turn.T)
        return bool(np.quantile(away, 0.98) < SAME * self.size)

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.surface)

    @cached_property
    def surface(self) -> Float64[np.ndarray, "N 3"]:
        """Points all over the surface, and its corners."""
        points, _ = trimesh.sample.sample_surface(self.mesh, FINE_OUTER, seed=1)
        corners = np.asarray(self.mesh.vertices)
        every = max(1, len(corners) // FINE_OUTER)
        return np.concatenate([points, corners[::every]])


def prop_solid(mesh: trimesh.Trimesh) -> PropSolid:
    """The prop of a mesh (metres) with an area."""
    low, high = mesh.bounds
    cell = max(float((high - low).max()) / CELLS, FINEST)
    shape = np.ceil((high - low) / cell).astype(int) + 1
    origin = (low + high) / 2 - (shape - 1) / 2 * cell
    filled = inside_of(mesh, origin, shape, cell)
    on_surface, _ = trimesh.sample.sample_surface(mesh, 40_000, seed=0)
    places = np.clip(np.rint((on_surface - origin) / cell).astype(int), 0, shape - 1)
    shell = np.zeros(tuple(shape), bool)
    shell[tuple(places.T)] = True
    # Half of a closed surface's cells lie inside already; of an open sheet none do.
    if filled.sum() < 0.5 * shell.sum():
        filled |= shell
    middles = origin + np.argwhere(filled) * cell
    centre = middles.mean(0)
    random = np.random.default_rng(0)
    chosen = evenly(np.argwhere(filled), INNER)
    inner = middles[chosen] + random.uniform(-0.5, 0.5, (INNER, 3)) * cell
    corners = _hull_corners(np.asarray(mesh.vertices))
    points, _ = trimesh.sample.sample_surface(mesh, OUTER, seed=0)
    about = trimesh.Trimesh(np.asarray(mesh.vertices) - centre, mesh.faces, process=False)
    return PropSolid(
        centre,
        inner - centre,
        np.concatenate([corners, points]) - centre,
        len(corners),
        float(filled.sum()) * cell**3,
        float(np.linalg.norm(high - low)),
        about,
        filled,
        origin - centre,
        cell,
    )


def evenly(cells: Int64[np.ndarray, "N 3"], count: int) -> Int64[np.ndarray, " M"]:
    """So many of the cells of a lattice (up to 1,024 a side), and again where there are fewer, spread evenly
    over all of them, as every third or fifth of those is (not every eighth, which leaves out corners): in the
    order of a curve through space (Morton 1966). Drawn by chance the ends of a long prop would not have equal
    shares, and it would lie off its place."""
    code = np.zeros(len(cells), np.int64)
    for bit in range(10):
        for axis in range(3):
            code |= (cells[:, axis] >> bit & 1) << (3 * bit + axis)
    steps = ((np.arange(count) + 0.5) / count * len(cells)).astype(np.int64)
    return code.argsort(kind="stable")[steps]


def _hull_corners(vertices: Float64[np.ndarray, "V 3"]) -> Float64[np.ndarray, "N 3"]:
    """The vertices that are farthest out in HULL directions all around."""
    i = np.arange(HULL) + 0.5
    polar, around = np.arccos(1 - 2 * i / HULL), np.pi * (1 + 5**0.5) * i
    ways = np.stack([np.cos(around) * np.sin(polar), np.cos(polar), np.sin(around) * np.sin(polar)], 1)
    return vertices[np.unique((vertices @ ways.T).argmax(0))]
