"""A mesh with few triangles, to be drawn thousands of times."""

import numpy as np
import trimesh
from jaxtyping import Float32, Int32

MOST_FACES = 500
_FINEST, _COARSEST = 48, 6


def simplified(
    mesh: trimesh.Trimesh, most: int = MOST_FACES
) -> tuple[Float32[np.ndarray, "V 3"], Int32[np.ndarray, "F 3"]]:
    """Vertices and triangles of about the same outline: vertices within a cell of a lattice become their mean
    (Rossignac & Borrel 1993), finer where the mesh has less. It need not be closed."""
    vertices, faces = np.asarray(mesh.vertices, float), np.asarray(mesh.faces)
    if len(faces) <= most:
        return vertices.astype(np.float32), faces.astype(np.int32)
    low, size = vertices.min(0), max(float(np.ptp(vertices, axis=0).max()), 1e-9)
    cells = float(_FINEST)
    while True:
        steps = np.floor((vertices - low) / size * cells).astype(np.int64)
        _, cluster = np.unique((steps[:, 0] << 40) | (steps[:, 1] << 20) | steps[:, 2], return_inverse=True)
        kept = cluster[faces]
        kept = kept[(kept[:, 0] != kept[:, 1]) & (kept[:, 1] != kept[:, 2]) & (kept[:, 0] != kept[:, 2])]
        _, first = np.unique(np.sort(kept, 1), axis=0, return_index=True)
        if len(first) <= most or cells <= _COARSEST:
            break
        cells *= 0.85
    count = np.bincount(cluster)
    means = np.stack([np.bincount(cluster, vertices[:, axis]) for axis in range(3)], 1) / count[:, None]
    return means.astype(np.float32), kept[np.sort(first)].astype(np.int32)
