"""Which voxels lie in the body itself."""

import numpy as np
import torch
import trimesh
from jaxtyping import Bool, Int64

from propfield.body.skeleton import canonical_pose
from propfield.body.skinning import pose_vertices
from propfield.body.template import BodyTemplate
from propfield.field.grid import Grid


def inside_body(body: BodyTemplate, grid: Grid, voxels: Int64[np.ndarray, " N"]) -> Bool[np.ndarray, " N"]:
    """For each of the voxels (flat indices) whether its centre is in the body in the canonical pose."""
    vertices = pose_vertices(
        torch.from_numpy(canonical_pose()),
        torch.from_numpy(body.vertices),
        torch.from_numpy(body.skin_weights),
        torch.from_numpy(body.joints),
    ).numpy()
    centres = grid.centres()[voxels]
    near = np.flatnonzero(((centres > vertices.min(0)) & (centres < vertices.max(0))).all(1))
    inside = np.zeros(len(voxels), bool)
    if len(near):
        mesh = trimesh.Trimesh(vertices, body.faces, process=False)
        inside[near] = mesh.contains(centres[near].astype(float))
    return inside
