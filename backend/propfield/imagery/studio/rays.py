"""What a camera's rays meet first, by embree."""

import numpy as np
import trimesh
from jaxtyping import Bool, Float, Int64
from trimesh.ray.ray_pyembree import RayMeshIntersector

from propfield.imagery.studio.scene import Scene
from propfield.observations.observation import Camera

NEAR = 0.02


class Caster:
    """Rays against one scene; several cameras share it.

    Attributes:
        face_thing: (F,) which thing each face belongs to: the people first, then the props, then scenery.
        mesh: all things in one mesh.
    """

    def __init__(self, scene: Scene) -> None:
        meshes = scene.meshes
        self.people = len(scene.people)
        self.face_thing = np.repeat(np.arange(len(meshes)), [len(mesh.faces) for mesh in meshes])
        starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
        self.mesh = trimesh.Trimesh(
            np.concatenate([mesh.vertices for mesh in meshes]),
            np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=False)]),
            process=False,
        )
        self._corners = [np.asarray(mesh.vertices) for mesh in meshes]
        self._intersector = RayMeshIntersector(self.mesh)

    def first_faces(
        self, origins: Float[np.ndarray, "N 3"], directions: Float[np.ndarray, "N 3"]
    ) -> Int64[np.ndarray, " N"]:
        """The face that each ray meets first; −1 for none."""
        return np.asarray(self._intersector.intersects_first(origins, directions), dtype=np.int64)

    def depths(
        self,
        origins: Float[np.ndarray, "N 3"],
        directions: Float[np.ndarray, "N 3"],
        faces: Int64[np.ndarray, " N"],
    ) -> Float[np.ndarray, " N"]:
        """How many lengths of its direction each ray goes to the plane of its face; inf for face −1."""
        corners = self.mesh.vertices[self.mesh.faces[faces]]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        across = (normals * directions).sum(1)
        toward = (normals * (corners[:, 0] - origins)).sum(1)
        safe = np.where(np.abs(across) < 1e-12, 1e-12, across)
        return np.where(faces < 0, np.inf, toward / safe)

    def things(self, camera: Camera, size: int) -> Int64[np.ndarray, "size size"]:
        """Which thing each pixel of a square picture shows; −1 for none."""
        seen = np.full((size, size), -1, dtype=np.int64)
        wanted = np.zeros((size, size), dtype=bool)
        for thing in range(len(self._corners)):
            rows, columns = self._window(thing, camera, size)
            wanted[rows, columns] = True
        v, u = np.nonzero(wanted)
        if len(v):
            origins, directions = pixel_rays(camera, np.stack([u, v], 1) + 0.5)
            faces = self.first_faces(origins, directions)
            seen[v, u] = np.where(faces < 0, -1, self.face_thing[faces])
        return seen

    def _window(self, thing: int, camera: Camera, size: int) -> tuple[slice, slice]:
        """The pixels that a thing's projection can lie in: all of them where it reaches behind the camera."""
        vertices = self._corners[thing]
        depth = vertices @ camera.R[2] + camera.t[2]
        if (depth < NEAR).any():
            return slice(0, size), slice(0, size)
        pixels = camera.project(vertices.astype(np.float32))
        low = np.clip(np.floor(pixels.min(0)), 0, size).astype(int)
        high = np.clip(np.ceil(pixels.max(0)), 0, size).astype(int)
        return slice(low[1], high[1]), slice(low[0], high[0])


def pixel_rays(
    camera: Camera, pixels: Float[np.ndarray, "N 2"]
) -> tuple[Float[np.ndarray, "N 3"], Float[np.ndarray, "N 3"]]:
    """Origins and directions in the scene of the rays through pixel coordinates (x, y); a pixel's middle is
    at a half. A direction's length is one metre of depth."""
    focal, centre = camera.K[[0, 1], [0, 1]].astype(float), camera.K[:2, 2].astype(float)
    plane = np.concatenate([(pixels - centre) / focal, np.ones((len(pixels), 1))], 1)
    directions = plane @ camera.R.astype(float)
    return np.broadcast_to(camera.centre.astype(float), directions.shape), directions


def visible_points(
    caster: Caster, camera: Camera, points: Float[np.ndarray, "N 3"], margin: Float[np.ndarray, " N"]
) -> tuple[Bool[np.ndarray, " N"], Int64[np.ndarray, " N"]]:
    """Whether nothing stands more than `margin` metres before each point, and which thing is met first."""
    origins = np.broadcast_to(camera.centre.astype(float), points.shape)
    directions = points - origins
    faces = caster.first_faces(origins, directions)
    length = np.linalg.norm(directions, axis=1)
    clear = caster.depths(origins, directions, faces) * length > length - margin
    return clear, np.where(faces < 0, -1, caster.face_thing[faces])
