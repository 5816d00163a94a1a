"""Meshes seen through a photo's camera, by casting a ray for each pixel (trimesh with embree)."""

from dataclasses import dataclass

import numpy as np
import trimesh
from jaxtyping import Bool, Float32, Int64

from propfield.observations.observation import Camera


@dataclass(frozen=True)
class Rendering:
    """What a camera sees of one mesh.

    Attributes:
        covered: the silhouette.
        depth: metres along the camera's z; inf beside the mesh.
        shade: brightness in [0, 1] under a light at the camera.
    """

    covered: Bool[np.ndarray, "H W"]
    depth: Float32[np.ndarray, "H W"]
    shade: Float32[np.ndarray, "H W"]


def scaled_camera(camera: Camera, factor: float) -> Camera:
    """The camera of the same photo at `factor` times its size."""
    K = camera.K.copy()
    K[:2] *= np.float32(factor)
    return Camera(K=K, R=camera.R, t=camera.t)


def silhouette(mesh: trimesh.Trimesh, camera: Camera, size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """Where the mesh covers a picture of `size` (width, height)."""
    faces, _ = _cast(mesh, camera, size)
    return (faces >= 0).reshape(size[1], size[0])


def render(mesh: trimesh.Trimesh, camera: Camera, size: tuple[int, int]) -> Rendering:
    """The mesh in a picture of `size` (width, height): silhouette, depth, shading by smooth normals."""
    faces, rays = _cast(mesh, camera, size)
    hit = np.flatnonzero(faces >= 0)
    depth = np.full(len(faces), np.inf, dtype=np.float32)
    shade = np.zeros(len(faces), dtype=np.float32)
    if len(hit):
        corners = mesh.triangles[faces[hit]]
        normals = mesh.face_normals[faces[hit]]
        # Distance to the triangle's plane along the ray; rays have z = 1 in the camera, so this is the depth.
        along = (normals * (corners[:, 0] - camera.centre)).sum(1) / (normals * rays[hit]).sum(1)
        depth[hit] = along
        points = camera.centre + rays[hit] * along[:, None]
        weights = trimesh.triangles.points_to_barycentric(corners, points)
        smooth = (mesh.vertex_normals[mesh.faces[faces[hit]]] * weights[..., None]).sum(1)
        towards = -rays[hit] / np.linalg.norm(rays[hit], axis=1, keepdims=True)
        length = np.maximum(np.linalg.norm(smooth, axis=1), 1e-6)
        shade[hit] = np.clip((smooth * towards).sum(1) / length, 0, 1)
    shape = (size[1], size[0])
    return Rendering(
        covered=(faces >= 0).reshape(shape), depth=depth.reshape(shape), shade=shade.reshape(shape)
    )


def _cast(
    mesh: trimesh.Trimesh, camera: Camera, size: tuple[int, int]
) -> tuple[Int64[np.ndarray, " N"], Float32[np.ndarray, "N 3"]]:
    """The first face that each pixel's ray meets, −1 for none, and the rays (z = 1 in the camera)."""
    width, height = size
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    K = camera.K
    seen = np.stack([(x - K[0, 2]) / K[0, 0], (y - K[1, 2]) / K[1, 1], np.ones_like(x)], -1).reshape(-1, 3)
    rays = (seen @ camera.R).astype(np.float32)
    faces = np.full(len(rays), -1, dtype=np.int64)
    # Only the rays in the mesh's box; half of a photo or more is usually elsewhere.
    corners = mesh.vertices @ camera.R.T + camera.t
    if (corners[:, 2] > 0.05).all():
        pixels = corners @ K.T
        pixels = pixels[:, :2] / pixels[:, 2:]
        (x0, y0), (x1, y1) = pixels.min(0) - 1, pixels.max(0) + 1
        wanted = ((x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)).ravel()
    else:
        wanted = np.ones(len(rays), dtype=bool)
    if wanted.any():
        origins = np.broadcast_to(camera.centre, (int(wanted.sum()), 3))
        faces[wanted] = mesh.ray.intersects_first(origins, rays[wanted])
    return faces, rays
