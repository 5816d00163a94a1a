"""What a placement of an object is held against: the photo, the body, the contact, the ground, a prior."""

import numpy as np
import trimesh
from jaxtyping import Float64, Int32

from propfield.body.template import BodyTemplate
from propfield.observations.observation import Observation
from propfield.uses.body_distance import STEP, BodyDistance
from propfield.uses.hypotheses import Hypothesis, contact_point, touched_vertices
from propfield.uses.mask_cells import MaskCells
from propfield.uses.placing import Search
from propfield.uses.placing_kernels import Arrays, Photo, Solid, Weights
from propfield.uses.simple_mesh import simplified

GIVING = ("hand", "foot", "hips", "head")
"""Parts that what they touch may enter: hands close around it, saddles give way, heads are in hats."""


def forbidden(
    around: BodyDistance, way: Hypothesis, posed_body: trimesh.Trimesh, touched: Int32[np.ndarray, " N"]
) -> BodyDistance:
    """The body as what an object may not enter: all of it but a part that holds it, stands on it, or
    is in it."""
    closes = way.part is not None and way.part.endswith(GIVING)
    return around.without(posed_body, touched) if closes else around


def search_of(
    way: Hypothesis,
    mesh: trimesh.Trimesh,
    axis: Float64[np.ndarray, "3"],
    body: BodyTemplate,
    posed_body: trimesh.Trimesh,
    around: BodyDistance,
    ground: Float64[np.ndarray, "4"],
    cells: MaskCells,
    observation: Observation,
    seed: int,
) -> Search:
    """The search for a mesh's placement: about the contact and near to it where the type has one. It may be
    stretched along the axis (zeros: not at all)."""
    touched = touched_vertices(way, body)
    contact = contact_point(mesh, posed_body, touched)
    free = forbidden(around, way, posed_body, touched)
    vertices, faces = simplified(mesh)
    pivot = np.asarray(contact if contact is not None else vertices.mean(0), float)
    R, t = (np.asarray(each, float) for each in (observation.camera.R, observation.camera.t))
    K = cells.camera.K.astype(float)
    # What stands under the feet is the ground itself.
    level = np.zeros(4) if way.part and way.part.endswith("foot") else ground
    return Search(
        observation.camera,
        Arrays((vertices - pivot) @ R.T, faces, R @ pivot + t, R @ axis),
        Photo(
            cells.kind,
            cells.body_depth,
            cells.away,
            np.array([K[0, 0], K[1, 1], K[0, 2], K[1, 2]]),
            cells.middle.astype(float),
            cells.scale,
        ),
        Solid(free.distance, free.origin.astype(float), STEP, R, t),
        Weights(
            overlap=10.0,
            wrong=1.0,
            centroid=1.0,
            plane_spread=0.08 if contact is not None else 0.2,
            depth_spread=0.15 if contact is not None else 0.3,
            turn_spread=0.6,
            scale_spread=0.15,
            stretch_spread=0.3,
            penetration=150.0,
            ground=level,
        ),
        seed=seed,
    )
