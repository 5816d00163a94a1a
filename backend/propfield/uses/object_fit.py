"""The object of a photo: how it is used, by its category's field, and where its mesh explains its mask."""

from dataclasses import dataclass, replace

import numpy as np
import trimesh
from jaxtyping import Bool, Float32, Float64

from propfield.body.template import BodyTemplate
from propfield.field.occupancy import OccupancyField
from propfield.observations.observation import Observation
from propfield.progress import Progress, silent
from propfield.uses.body_distance import body_distance
from propfield.uses.hypotheses import (
    LEVELS,
    Hypothesis,
    agreement,
    hypotheses,
    pieces_of,
    surface_at,
    touched_vertices,
)
from propfield.uses.mask_cells import mask_cells
from propfield.uses.object_measures import deepest, ground_under, mask_overlap, surface_gap
from propfield.uses.placing import LAST_STEPS, Placement, Search
from propfield.uses.placing_problem import forbidden, search_of
from propfield.uses.prop_axes import principal_axes, ways_to_lie
from propfield.uses.prop_file import PropFile
from propfield.uses.simple_mesh import simplified

MOST_HYPOTHESES = 4
"""So many of the likeliest are placed."""
ROUNDS = ((12, 4), (6, 6), (3, 8))
"""So many placements are followed for so many steps."""
MIRRORED_COST = 0.7
"""Nats: what is used with the other hand than the field knows is rarer, but not rare."""
LIKELIHOOD = 0.5
"""How much a nat of the field's own likelihood counts against one of the placement."""
AGREEMENT = 4.0
"""How much the ways count in which a user's prop lies as the field has its object (hypotheses.agreement)."""
PIECES_COST = 0.25
"""Nats for each piece of a surface in several: pieces far from the mask are out of the search's sight,
and must not come along for nothing."""
PROP_LEVEL = 0.3
"""The level of the surface that a user's prop is laid along."""


@dataclass(frozen=True)
class Candidate:
    """A way of using the object that was tried: see ObjectFit; `likelihood` of the mask under the field as it
    lies (hypotheses.mask_likelihood), `cost` of the best placement in nats, of which the least was taken."""

    type: str
    mirrored: bool
    likelihood: float
    cost: float


@dataclass(frozen=True)
class ObjectFit:
    """An object beside the posed body, in the person's space (metres).

    Attributes:
        type: name of the interaction type whose field it is from.
        mirrored: whether that type was taken with left and right exchanged.
        level: occupancy at which the field's surface is taken.
        mesh: the field's surface, or the user's prop, as placed.
        transform: (4, 4) to `mesh` from the surface as the field has it, or from the prop's file.
        moved: (4, 4) the part of it that the search found: from where the field has the object.
        prop: the user's prop, when one was given.
        field_iou: how well the field's surface explains the mask where the field has it, and
        mask_iou: how well `mesh` does: see object_measures.mask_overlap.
        contact: the body part that the type meets; None where it does not say.
        gap: metres from the mesh to that part, 0 where they touch; None without a part.
        sunk: metres that the mesh is deep in what it may not enter (placing_problem.forbidden).
        posed: the type's occupancy around the posed body, over the field's grid, before anything was moved.
        candidates: all types that were placed, as they are and mirrored, the best first.
    """

    type: str
    mirrored: bool
    level: float
    mesh: trimesh.Trimesh
    transform: Float64[np.ndarray, "4 4"]
    moved: Float64[np.ndarray, "4 4"]
    prop: PropFile | None
    field_iou: float
    mask_iou: float
    contact: str | None
    gap: float | None
    sunk: float
    posed: Float32[np.ndarray, "R R R"]
    candidates: tuple[Candidate, ...]


def fit_object(
    field: OccupancyField,
    observation: Observation,
    body: BodyTemplate,
    posed_body: trimesh.Trimesh,
    *,
    unknown: Bool[np.ndarray, "H W"] | None = None,
    type_name: str | None = None,
    prop: PropFile | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> ObjectFit:
    """Places the field's own surface, or a user's prop.

    `body` is the shaped body that the pose belongs to, `posed_body` its mesh in that pose; `unknown` is where
    other things are, which may hide the object. The same for the same arguments. PropfieldError when the
    field holds nothing, NotFound for a type that it does not have.
    """
    unknown = np.zeros_like(observation.object_mask) if unknown is None else unknown
    progress("find object", 0.0)
    cells = mask_cells(
        observation.camera, observation.object_mask, observation.person_mask, unknown, posed_body
    )
    ways = hypotheses(field, observation, body, cells, type_name=type_name)[:MOST_HYPOTHESES]
    ground = body_distance(posed_body), ground_under(observation, body, posed_body)
    trials: list[_Trial] = []
    for number, way in enumerate(ways):
        for laid in _laid(way, field, prop):
            # The field's surface is of a mean length; a user's mesh is as it is.
            axis = np.zeros(3) if prop else principal_axes(laid.mesh)[1][:, 0]
            search = search_of(way, laid.mesh, axis, body, posed_body, *ground, cells, observation, seed)
            trials += [_Trial(way, laid, search, start) for start in search.started()]
        progress("find object", 0.1 + 0.3 * (number + 1) / len(ways), way.name)
    best = _followed(trials, progress)
    way, laid = best.way, best.laid
    moved = best.search.transform(best.placement)
    mesh = prop.mesh.copy().apply_transform(laid.transform) if prop else laid.mesh.copy()
    mesh.apply_transform(moved)
    surface = surface_at(way, field.grid, laid.share)
    touched = touched_vertices(way, body)
    return ObjectFit(
        type=way.name,
        mirrored=way.mirrored,
        level=laid.share * float(way.posed.max()),
        mesh=mesh,
        transform=moved @ laid.transform,
        moved=moved,
        prop=prop,
        field_iou=mask_overlap(surface, posed_body, observation, unknown),
        mask_iou=mask_overlap(mesh, posed_body, observation, unknown),
        contact=way.part if len(touched) else None,
        gap=surface_gap(mesh, posed_body, touched),
        sunk=deepest(mesh, forbidden(ground[0], way, posed_body, touched)),
        posed=way.posed,
        candidates=_candidates(trials),
    )


@dataclass(frozen=True)
class _Laid:
    """A mesh where the field would have it, by which transform, at which part of the field's peak, and what
    lying so costs, in nats."""

    mesh: trimesh.Trimesh
    transform: Float64[np.ndarray, "4 4"]
    share: float
    cost: float


@dataclass(frozen=True)
class _Trial:
    way: Hypothesis
    laid: _Laid
    search: Search
    placement: Placement

    @property
    def cost(self) -> float:
        """In nats."""
        prior = MIRRORED_COST * self.way.mirrored - LIKELIHOOD * max(self.way.likelihood, -10.0)
        return self.placement.energy + prior + self.laid.cost


def _laid(way: Hypothesis, field: OccupancyField, prop: PropFile | None) -> list[_Laid]:
    if prop is None:
        laid = []
        for share in LEVELS:
            surface = surface_at(way, field.grid, share)
            pieces = pieces_of(surface)
            alone = pieces if len(pieces) > 1 else []
            laid.append(_Laid(surface, np.eye(4), share, PIECES_COST * len(alone)))
            laid += [_Laid(piece, np.eye(4), share, 0.0) for piece in alone]
        return laid
    surface = surface_at(way, field.grid, PROP_LEVEL)
    transforms = ways_to_lie(prop.mesh, surface)
    # It is drawn thousands of times; the whole mesh is moved at the end.
    simple = trimesh.Trimesh(*simplified(prop.mesh), process=False)
    meshes = [simple.copy().apply_transform(transform) for transform in transforms]
    agreed = [agreement(mesh, way, field.grid) for mesh in meshes]
    return [
        _Laid(mesh, transform, PROP_LEVEL, AGREEMENT * (max(agreed) - each))
        for mesh, transform, each in zip(meshes, transforms, agreed, strict=True)
    ]


def _followed(trials: list[_Trial], progress: Progress) -> _Trial:
    """The best of the trials after successive halving: the more a start promises, the longer it is followed.
    The list's entries are replaced by what they came to."""
    order = sorted(range(len(trials)), key=lambda index: trials[index].cost)
    for number, (most, steps) in enumerate(ROUNDS):
        for index in order[:most]:
            trial = trials[index]
            trials[index] = replace(trial, placement=trial.search.refined(trial.placement, steps))
            progress("find object", 0.4 + 0.15 * number, trial.way.name)
        order = sorted(order[:most], key=lambda index: trials[index].cost)
    best = trials[order[0]]
    progress("find object", 0.9, best.way.name)
    return replace(best, placement=best.search.refined(best.placement, LAST_STEPS, 0.4))


def _candidates(trials: list[_Trial]) -> tuple[Candidate, ...]:
    least: dict[tuple[str, bool], Candidate] = {}
    for trial in sorted(trials, key=lambda each: each.cost):
        way = trial.way
        found = Candidate(way.name, way.mirrored, way.likelihood, trial.cost)
        least.setdefault((way.name, way.mirrored), found)
    return tuple(least.values())
