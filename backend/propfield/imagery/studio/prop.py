"""A prop that stands in a scene: its solids placed, for rays as a mesh and for the truth exactly."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import trimesh
from jaxtyping import Bool, Float, Int64

from propfield.imagery.studio.limits import euler_rotation
from propfield.imagery.studio.primitives import PRIMITIVES, Primitive
from propfield.imagery.studio.recipe import Part


@dataclass(frozen=True)
class Prop:
    """Solids with where each stands, and their one mesh.

    Attributes:
        solids: the primitives.
        places: (4, 4) affine of each, from its own space to the scene's.
        mesh: all of them together.
        face_part: (F,) which solid a face belongs to.
    """

    solids: tuple[Primitive, ...]
    places: tuple[Float[np.ndarray, "4 4"], ...]
    mesh: trimesh.Trimesh
    face_part: Int64[np.ndarray, " F"]

    def inside(self, points: Float[np.ndarray, "N 3"]) -> Bool[np.ndarray, " N"]:
        """Which points lie in any of the solids, exactly."""
        # The mesh lies within the true surfaces by up to 1% of a solid's size; the rim covers that.
        low, high = self.mesh.bounds
        rim = 0.02 * (high - low).max()
        near = np.flatnonzero(((points >= low - rim) & (points <= high + rim)).all(1))
        found = np.zeros(len(points), dtype=bool)
        for solid, place in zip(self.solids, self.places, strict=True):
            inverse = np.linalg.inv(place)
            found[near] |= solid.inside(points[near] @ inverse[:3, :3].T + inverse[:3, 3])
        return found

    def moved(self, transform: Float[np.ndarray, "4 4"]) -> "Prop":
        """The same prop elsewhere."""
        return Prop(
            self.solids,
            tuple(transform @ place for place in self.places),
            self.mesh.copy().apply_transform(transform),
            self.face_part,
        )


def build_prop(parts: Sequence[Part], place: Float[np.ndarray, "4 4"]) -> Prop:
    """Solids of a recipe, with the prop's own space placed by an affine of the scene."""
    solids = tuple(PRIMITIVES[part.shape](**part.sizes) for part in parts)
    places = tuple(place @ part_place(part) for part in parts)
    vertices, faces, counts, start = [], [], [], 0
    for solid, at in zip(solids, places, strict=True):
        own_vertices, own_faces = _surface(solid)
        vertices.append(own_vertices @ at[:3, :3].T + at[:3, 3])
        faces.append(own_faces + start)
        counts.append(len(own_faces))
        start += len(own_vertices)
    mesh = trimesh.Trimesh(np.concatenate(vertices), np.concatenate(faces), process=False)
    return Prop(solids, places, mesh, np.repeat(np.arange(len(solids)), counts))


@lru_cache(maxsize=1024)
def _surface(solid: Primitive) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and faces of a solid in its own space; scenes differ only in where they place it."""
    mesh = solid.mesh()
    return np.asarray(mesh.vertices), np.asarray(mesh.faces)


def part_place(part: Part) -> Float[np.ndarray, "4 4"]:
    """Where a part stands in its prop, as a rigid transform."""
    return rigid(euler_rotation(np.asarray(part.turn)), np.asarray(part.at))


def rigid(rotation: Float[np.ndarray, "3 3"], origin: Float[np.ndarray, "3"]) -> Float[np.ndarray, "4 4"]:
    """The transform that turns and then moves."""
    transform = np.eye(4)
    transform[:3, :3], transform[:3, 3] = rotation, origin
    return transform
