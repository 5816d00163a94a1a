"""A prop as the search takes it: its evaluated mesh in its world size, and the way back to its object."""

from dataclasses import dataclass

import bpy
import numpy as np

from .axes import points_from_blender, transforms_from_blender, transforms_to_blender
from .errors import SceneError
from .evaluated import mesh_arrays, moved, shown, world_matrix

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


def prop_mesh(prop: bpy.types.Object, unit: float = 1.0) -> tuple[PropMesh, np.ndarray]:
    """The prop's evaluated mesh, and its (4, 4) matrix in the world now.

    `unit`: how many of the world's units are a metre. SceneError for what has no faces or no size.
    """
    if prop.type not in ("MESH", "CURVE", "SURFACE", "FONT", "META"):
        raise SceneError(f"“{prop.name}” is not a mesh: choose a mesh object as the prop.")
    with shown(prop):
        points, faces = mesh_arrays(prop)
        matrix = world_matrix(prop)
    if not len(faces):
        raise SceneError(f"“{prop.name}” has no faces: choose a mesh object with faces as the prop.")
    if len(faces) > MOST_FACES:
        raise SceneError(
            f"“{prop.name}” has {len(faces):,} triangles: place a simpler one (up to {MOST_FACES:,})."
        )
    if not (np.isfinite(points).all() and np.isfinite(matrix).all()):
        raise SceneError(f"“{prop.name}” has coordinates that are not numbers: repair its mesh first.")
    if np.abs(np.linalg.svd(matrix[:3, :3], compute_uv=False)).min() < 1e-9:
        raise SceneError(f"“{prop.name}” is scaled to zero: set its scale to 1 first.")
    own = np.eye(4)
    own[:3, :3] = _stretch(matrix[:3, :3], np.array(prop.scale)) / unit
    sized = moved(own, points)
    low, high = sized.min(0), sized.max(0)
    if (high - low).max() < SMALLEST:
        raise SceneError(f"“{prop.name}” has no size: choose another prop, or set its scale.")
    own[:3, 3] = -(low + high) / 2
    vertices = points_from_blender(sized + own[:3, 3])
    return PropMesh(vertices, faces, own), matrix


def _stretch(linear: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(3, 3) S of linear = R S with a rotation R: what is left of an object's matrix when it is turned back.

    Mirrored along the axes whose scale is negative, so that a mirrored prop keeps its own directions.
    """
    signs = np.where(scale < 0, -1.0, 1.0)
    if signs.prod() * np.linalg.det(linear) < 0:
        signs = np.array([np.sign(np.linalg.det(linear)), 1.0, 1.0])
    left, _, right = np.linalg.svd(linear * signs)
    return (left @ right).T @ linear
