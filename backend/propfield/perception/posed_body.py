"""A fitted body in its shape and pose, and whether it lies where the photo shows the person."""

import numpy as np
import torch
import trimesh
from jaxtyping import Bool, Float32

from propfield.body.skinning import pose_vertices
from propfield.body.template import BodyTemplate
from propfield.observations.observation import Camera
from propfield.perception.rendering import scaled_camera, silhouette

LEAST_COVER = 0.5
"""A fitted body of which less lies on the person's mask is not that person: keypoints were imagined."""
_LONGER_SIDE = 160
"""Pixels at which silhouettes are compared."""
_BOX = 0.98
"""A mask that fills this much of its own box is an annotator's box and tells nothing of the outline."""


def worn_body(body: BodyTemplate, shape: Float32[np.ndarray, " S"]) -> BodyTemplate:
    """The body in a fitted shape, as far as it has shape numbers."""
    count = min(len(shape), body.shape_directions.shape[2])
    return body.shaped(shape[:count]) if count else body


def posed_mesh(body: BodyTemplate, pose: Float32[np.ndarray, "24 3"]) -> trimesh.Trimesh:
    """A body in a pose (radians), in the person's space, metres."""
    vertices = pose_vertices(
        torch.from_numpy(pose),
        torch.from_numpy(body.vertices),
        torch.from_numpy(body.skin_weights),
        torch.from_numpy(body.joints),
    )
    return trimesh.Trimesh(vertices.numpy(), body.faces, process=False)


def covers_person(
    mesh: trimesh.Trimesh,
    camera: Camera,
    person_mask: Bool[np.ndarray, "H W"],
    object_mask: Bool[np.ndarray, "H W"],
) -> bool:
    """Whether at least half of the posed body is where the person or the object is (which may hide a good
    part of it), and at least half of the person is covered by it."""
    height, width = person_mask.shape
    factor = min(1.0, _LONGER_SIDE / max(width, height))
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    covered = silhouette(mesh, scaled_camera(camera, factor), size)
    rows = ((np.arange(size[1]) + 0.5) / factor).astype(int).clip(max=height - 1)
    columns = ((np.arange(size[0]) + 0.5) / factor).astype(int).clip(max=width - 1)
    person = person_mask[rows][:, columns]
    allowed = person | object_mask[rows][:, columns]
    if (covered & allowed).sum() < LEAST_COVER * max(int(covered.sum()), 1):
        return False
    return _is_box(person) or bool((covered & person).sum() >= LEAST_COVER * max(int(person.sum()), 1))


def _is_box(mask: Bool[np.ndarray, "H W"]) -> bool:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return False
    area = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
    return bool(mask.sum() >= _BOX * area)
