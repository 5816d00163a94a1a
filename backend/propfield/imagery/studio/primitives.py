"""Simple solids that props are built of: each knows its own mesh and, exactly, which points lie inside it.

All are centred at their own origin; round ones stand along y. Metres.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import trimesh
from jaxtyping import Bool, Float

SECTIONS = 28
"""Facets around a round solid: 0.6% of its radius lies between the facets and the true surface."""

Points = Float[np.ndarray, "N 3"]
Inside = Bool[np.ndarray, " N"]


@runtime_checkable
class Primitive(Protocol):
    """What every solid gives."""

    def inside(self, points: Points) -> Inside:
        """Which points lie in the solid, exactly."""
        ...

    def mesh(self) -> trimesh.Trimesh:
        """Its closed surface, as triangles."""
        ...


def _revolved(profile: np.ndarray) -> trimesh.Trimesh:
    """The solid that a profile of (radius, height) rows makes when it turns about y."""
    mesh = trimesh.creation.revolve(profile, sections=SECTIONS)
    # trimesh turns about z; this is the rotation that takes z to y.
    mesh.apply_transform(np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]]))
    return mesh


def _arc(start: float, end: float, count: int = 10) -> np.ndarray:
    angles = np.radians(np.linspace(start, end, count))
    return np.stack([np.cos(angles), np.sin(angles)], 1)


@dataclass(frozen=True)
class Box:
    """A cuboid of full widths `size`."""

    size: tuple[float, float, float]

    def inside(self, points: Points) -> Inside:
        return (np.abs(points) <= np.asarray(self.size) / 2).all(-1)

    def mesh(self) -> trimesh.Trimesh:
        return trimesh.creation.box(extents=self.size)


@dataclass(frozen=True)
class Pillow:
    """A box with soft edges: the superellipsoid |2x/w|ⁿ + |2y/h|ⁿ + |2z/d|ⁿ ≤ 1 of full widths `size`."""

    size: tuple[float, float, float]
    power: float = 4.0

    def inside(self, points: Points) -> Inside:
        return (np.abs(points / (np.asarray(self.size) / 2)) ** self.power).sum(-1) <= 1

    def mesh(self) -> trimesh.Trimesh:
        mesh = trimesh.creation.icosphere(subdivisions=3)
        directions = mesh.vertices
        reach = (np.abs(directions) ** self.power).sum(1, keepdims=True) ** (-1 / self.power)
        mesh.vertices = directions * reach * np.asarray(self.size) / 2
        return mesh


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid of full widths `size`."""

    size: tuple[float, float, float]

    def inside(self, points: Points) -> Inside:
        return ((points / (np.asarray(self.size) / 2)) ** 2).sum(-1) <= 1

    def mesh(self) -> trimesh.Trimesh:
        mesh = trimesh.creation.icosphere(subdivisions=3)
        mesh.vertices = mesh.vertices * np.asarray(self.size) / 2
        return mesh


@dataclass(frozen=True)
class Sphere:
    """A ball."""

    radius: float

    def inside(self, points: Points) -> Inside:
        return (points**2).sum(-1) <= self.radius**2

    def mesh(self) -> trimesh.Trimesh:
        return trimesh.creation.icosphere(subdivisions=3, radius=self.radius)


@dataclass(frozen=True)
class Cylinder:
    """A cylinder along y; with `top`, the radius of its upper end, a frustum."""

    radius: float
    height: float
    top: float | None = None

    def inside(self, points: Points) -> Inside:
        top = self.radius if self.top is None else self.top
        share = points[:, 1] / self.height + 0.5
        radius = self.radius + (top - self.radius) * share
        return (share >= 0) & (share <= 1) & (np.hypot(points[:, 0], points[:, 2]) <= radius)

    def mesh(self) -> trimesh.Trimesh:
        top = self.radius if self.top is None else self.top
        half = self.height / 2
        return _revolved(np.array([[0, -half], [self.radius, -half], [top, half], [0, half]]))


@dataclass(frozen=True)
class Cone:
    """A cone along y with its point up."""

    radius: float
    height: float

    def inside(self, points: Points) -> Inside:
        share = 0.5 - points[:, 1] / self.height
        return (share >= 0) & (share <= 1) & (np.hypot(points[:, 0], points[:, 2]) <= self.radius * share)

    def mesh(self) -> trimesh.Trimesh:
        half = self.height / 2
        return _revolved(np.array([[0, -half], [self.radius, -half], [0, half]]))


@dataclass(frozen=True)
class Capsule:
    """A cylinder along y with round ends; `height` is between the centres of the ends."""

    radius: float
    height: float

    def inside(self, points: Points) -> Inside:
        beyond = np.maximum(np.abs(points[:, 1]) - self.height / 2, 0)
        return points[:, 0] ** 2 + points[:, 2] ** 2 + beyond**2 <= self.radius**2

    def mesh(self) -> trimesh.Trimesh:
        ends = _arc(-90.0, 90.0, 14) * self.radius
        ends[:7, 1] -= self.height / 2
        ends[7:, 1] += self.height / 2
        ends[[0, -1], 0] = 0
        return _revolved(ends)


@dataclass(frozen=True)
class Torus:
    """A ring about y: `radius` to the middle of a tube of radius `tube`."""

    radius: float
    tube: float

    def inside(self, points: Points) -> Inside:
        ring = np.hypot(points[:, 0], points[:, 2]) - self.radius
        return ring**2 + points[:, 1] ** 2 <= self.tube**2

    def mesh(self) -> trimesh.Trimesh:
        profile = _arc(0.0, 360.0, 15) * self.tube
        profile[-1] = profile[0]
        return _revolved(profile + np.array([self.radius, 0]))


@dataclass(frozen=True)
class Cap:
    """The cap of a sphere: a rim of `radius` at y = 0, its top at y = `rise`; `hollow` is the rise of a lower
    cap on the same rim that is taken out of it, as under an umbrella."""

    radius: float
    rise: float
    hollow: float = 0.0

    def _sphere(self, rise: float) -> tuple[float, float]:
        """Height of the centre and radius of the sphere through the rim with that rise."""
        sphere = (self.radius**2 + rise**2) / (2 * rise)
        return rise - sphere, sphere

    def inside(self, points: Points) -> Inside:
        x, y, z = points.T
        centre, sphere = self._sphere(self.rise)
        found = (y >= 0) & (x**2 + (y - centre) ** 2 + z**2 <= sphere**2)
        if self.hollow > 0:
            centre, sphere = self._sphere(self.hollow)
            found &= x**2 + (y - centre) ** 2 + z**2 >= sphere**2
        return found

    def _profile(self, rise: float) -> np.ndarray:
        centre, sphere = self._sphere(rise)
        rim = np.degrees(np.arctan2(-centre, self.radius))
        rows = _arc(float(rim), 90.0) * sphere + np.array([0, centre])
        rows[0], rows[-1] = [self.radius, 0], [0, rise]
        return rows

    def mesh(self) -> trimesh.Trimesh:
        lower = (
            self._profile(self.hollow)[::-1] if self.hollow > 0 else np.array([[0.0, 0], [self.radius, 0]])
        )
        return _revolved(np.concatenate([lower, self._profile(self.rise)[1:]]))


PRIMITIVES: dict[str, type] = {
    kind.__name__.lower(): kind
    for kind in (Box, Pillow, Ellipsoid, Sphere, Cylinder, Cone, Capsule, Torus, Cap)
}
"""The solids by the names that interaction files use."""
AXIAL = ("cylinder", "cone", "capsule")
"""Those that a file may place by their two ends (`from`, `to`)."""
