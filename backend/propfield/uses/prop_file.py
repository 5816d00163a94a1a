"""A prop that the user brings, as a mesh file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh

from propfield.errors import NotFound, PropfieldError

SUFFIXES = (".glb", ".gltf", ".obj", ".ply", ".stl", ".off")
MAX_BYTES = 256 << 20
MAX_FACES = 2_000_000


@dataclass(frozen=True)
class PropFile:
    """Attributes:
    name: of the file.
    scene: all that it holds, with materials, to be written again.
    mesh: its triangles together, in the file's own space.
    closed: whether the mesh has an inside.
    """

    name: str
    scene: trimesh.Scene
    mesh: trimesh.Trimesh
    closed: bool


def read_prop(path: Path) -> PropFile:
    """Reads a mesh file of one of SUFFIXES.

    Triangles with numbers that are not finite are left out. NotFound when there is none; PropfieldError when
    it is no mesh, holds no surface, or more than MAX_BYTES or MAX_FACES.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise PropfieldError(
            f"{path.name} is not a mesh that can be read; give one of {', '.join(SUFFIXES)}."
        )
    if not path.is_file():
        raise NotFound(f"There is no mesh at {path}.")
    if path.stat().st_size > MAX_BYTES:
        raise PropfieldError(f"{path.name} is larger than {MAX_BYTES >> 20} MiB; give a simpler mesh.")
    scene = _read(path)
    faces = sum(len(each.faces) for each in scene.geometry.values() if isinstance(each, trimesh.Trimesh))
    if faces > MAX_FACES:
        raise PropfieldError(
            f"{path.name} has {faces:,} triangles; give a mesh of at most {MAX_FACES:,} (decimate it)."
        )
    mesh = scene.to_mesh() if faces else None
    if mesh is None or not len(mesh.faces):
        raise PropfieldError(f"{path.name} is empty: it holds no triangles.")
    if not np.ptp(mesh.vertices, axis=0).max() > 0 or not mesh.area > 0:
        raise PropfieldError(f"{path.name} is empty: its triangles have no area.")
    # Corners that a file keeps apart for their normals are one place.
    joined = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    joined.merge_vertices(merge_tex=True, merge_norm=True)
    return PropFile(path.name, scene, joined, bool(joined.is_watertight))


def _read(path: Path) -> trimesh.Scene:
    try:
        return trimesh.load_scene(path)
    except Exception as error:  # Readers of six formats raise whatever they stumble over
        raise PropfieldError(
            f"{path.name} is not a whole {path.suffix[1:].lower()} file; export it again."
        ) from error
