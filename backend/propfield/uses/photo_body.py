"""The body that is fitted to a photo's person: which one, in which shape, posed, and whether it is them."""

import numpy as np
import torch
import trimesh
from jaxtyping import Float32

from propfield.body.loaders import open_body
from propfield.body.skinning import pose_vertices
from propfield.body.template import BodyTemplate
from propfield.errors import PropfieldError
from propfield.field.occupancy import OccupancyField
from propfield.perception.observe import Perceived
from propfield.uses.rendering import scaled_camera, silhouette

LEAST_COVER = 0.5
"""A fitted body of which less lies on the person's mask is not that person: keypoints were imagined."""


def fitting_body(field: OccupancyField | None) -> BodyTemplate:
    """The field's body; a field file keeps no shape numbers, but the open body is here with them."""
    if field is None or field.body.name == open_body().name:
        return open_body()
    return field.body


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


def check_cover(perceived: Perceived, mesh: trimesh.Trimesh, name: str) -> None:
    """PropfieldError, with the photo's name, where the posed body is not where the person is."""
    width, height = perceived.observation.size
    factor = min(1.0, 160 / max(width, height))
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    covered = silhouette(mesh, scaled_camera(perceived.fit.camera, factor), size)
    rows = ((np.arange(size[1]) + 0.5) / factor).astype(int).clip(max=height - 1)
    columns = ((np.arange(size[0]) + 0.5) / factor).astype(int).clip(max=width - 1)
    observation = perceived.observation
    # The object may hide a good part of the body.
    allowed = (observation.person_mask | observation.object_mask)[rows][:, columns]
    person = observation.person_mask[rows][:, columns]
    inside = (covered & allowed).sum() / max(int(covered.sum()), 1)
    explained = (covered & person).sum() / max(int(person.sum()), 1)
    if min(inside, explained) < LEAST_COVER:
        raise PropfieldError(
            f"The person in {name} could not be made out well enough to fit a body; "
            "give a photo that shows the torso, or annotations with keypoints."
        )
