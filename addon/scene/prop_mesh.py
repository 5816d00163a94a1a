"""A prop as the search takes it: its evaluated mesh in its world size, and the way back to its object."""

from dataclasses import dataclass

import bpy
import numpy as np

from .axes import points_from_blender, transforms_from_blender, transforms_to_blender
from .errors import SceneError
from .evaluated import MeshReading, moved, read_mesh, shown

SMALLEST = 1e-4
MOST_FACES = 1_000_000


@dataclass(frozen=True)
class PropMesh:
    """Attributes:
    vertices: (V, 3) metres, in the backend's axes; the object's own directions, about its middle.
    faces: (F, 3) int32.
    own: (4, 4) from the object's own space to the vertices': its size in the world, and the middle.
    """

    vertices: np.ndarray
    faces: np.ndarray
    own: np.ndarray

    def to_world(self, placement: np.ndarray, unit: float) -> np.ndarray:
        """(4, 4) the object's matrix in Blender's world, of a placement (4, 4) in the backend's space.

        `unit` is how many of the world's units are a metre.
        """
        return np.diag([unit, unit, unit, 1.0]) @ transforms_to_blender(placement) @ self.own

    def from_world(self, matrix: np.ndarray, unit: float) -> np.ndarray:
        """The inverse of `to_world`."""
        shrink = np.diag([1 / unit, 1 / unit, 1 / unit, 1.0])
        return transforms_from_blender(shrink @ matrix @ np.linalg.inv(self.own))


@dataclass(frozen=True)
class PropReading:
    """A prop as Blender has it now: its mesh, its scale's signs (3,), and its name for messages."""

    name: str
    mesh: MeshReading
    scale: np.ndarray


def read_prop(prop: bpy.types.Object) -> PropReading:
    """Reads the prop's evaluated mesh. SceneError for what has no faces or too many, or no place."""
    if prop.type not in ("MESH", "CURVE", "SURFACE", "FONT", "META"):
        raise SceneError(f"“{prop.name}” is not a mesh: choose a mesh object as the prop.")
    with shown(prop):
        mesh = read_mesh(prop)
    if not len(mesh.starts):
        raise SceneError(f"“{prop.name}” has no faces: choose a mesh object with faces as the prop.")
    count = mesh.triangle_count
    if count > MOST_FACES:
        raise SceneError(
            f"“{prop.name}” has {count:,} triangles: place a simpler one (up to {MOST_FACES:,})."
        )
    if not (np.isfinite(mesh.points).all() and np.isfinite(mesh.matrix).all()):
        raise SceneError(f"“{prop.name}” has coordinates that are not numbers: repair its mesh first.")
    if np.abs(np.linalg.svd(mesh.matrix[:3, :3], compute_uv=False)).min() < 1e-9:
        raise SceneError(f"“{prop.name}” is scaled to zero: set its scale to 1 first.")
    return PropReading(prop.name, mesh, np.array(prop.scale))


def prop_mesh(reading: PropReading, unit: float = 1.0) -> PropMesh:
    """The mesh in its world size; `unit` is how many of the world's units are a metre. Touches nothing of
    Blender's data.

    SceneError for what has no size.
    """
    own = np.eye(4)
    own[:3, :3] = _stretch(reading.mesh.matrix[:3, :3], reading.scale) / unit
    sized = moved(own, reading.mesh.points.astype(np.float64))
    low, high = sized.min(0), sized.max(0)
    if (high - low).max() < SMALLEST:
        raise SceneError(f"“{reading.name}” has no size: choose another prop, or set its scale.")
    own[:3, 3] = -(low + high) / 2
    vertices = points_from_blender(sized + own[:3, 3])
    return PropMesh(vertices, reading.mesh.triangles(), own)


def _stretch(linear: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(3, 3) S of linear = R S with a rotation R: what is left of an object's matrix when it is turned back.

    Mirrored along the axes whose scale is negative, so that a mirrored prop keeps its own directions.
    """
    signs = np.where(scale < 0, -1.0, 1.0)
    if signs.prod() * np.linalg.det(linear) < 0:
        signs = np.array([np.sign(np.linalg.det(linear)), 1.0, 1.0])
    left, _, right = np.linalg.svd(linear * signs)
    return (left @ right).T @ linear
