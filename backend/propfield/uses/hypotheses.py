"""What a field says of a photo's object before it is moved: for each type, as learned and mirrored, how
likely the mask is, and the surface that it would be."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import trimesh
from jaxtyping import Float32
from scipy.spatial import cKDTree
from skimage.measure import label

from propfield.body.skeleton import MIRROR
from propfield.body.template import BodyTemplate
from propfield.errors import PropfieldError
from propfield.field.grid import Grid
from propfield.field.occupancy import OccupancyField, TypeField
from propfield.field.posing import into_pose
from propfield.field.surface import iso_surface
from propfield.observations.interaction import WHOLE_BODY
from propfield.observations.observation import Observation
from propfield.uses.mask_cells import BACKGROUND, OBJECT, PERSON, MaskCells
from propfield.uses.placing_kernels import ray_peaks

ALL = "all"
LEVELS = (0.3, 0.5, 0.7)
"""Parts of the posed field's peak at which surfaces are tried."""
SURE = 0.02
"""A field is never surer than this that a pixel shows the object, or that it does not: bodies are fitted, and
studios are not the world."""
SAME_MIRRORED = 0.8
"""Types whose field overlaps so much with its mirror image are not tried mirrored."""
SMALLER_PIECE = 0.3
"""Pieces of the surface that are so much of the largest belong to it: a pair of skis."""
SURFACE_SAMPLES = 1000
TOUCHING = 0.15
"""Metres from a body part within which a surface counts as touching it."""


@dataclass(frozen=True)
class Hypothesis:
    """One way in which the object may be used.

    Attributes:
        type: the interaction type's field.
        mirrored: whether left and right are exchanged: the studio's people are right-handed.
        posed: its occupancy around the posed body, over the field's grid; mirrored ones too.
        part: the body part that the type meets, exchanged where mirrored; None: any.
        likelihood: of the mask, in nats for each cell of the object, against a field that says nothing.
    """

    type: TypeField
    mirrored: bool
    posed: Float32[np.ndarray, "R R R"]
    part: str | None
    likelihood: float

    @property
    def name(self) -> str:
        return self.type.type.name


def hypotheses(
    field: OccupancyField,
    observation: Observation,
    body: BodyTemplate,
    cells: MaskCells,
    *,
    type_name: str | None = None,
) -> list[Hypothesis]:
    """All types (the mix only where there is no other, or it is asked for) and their mirror images, the most
    likely first. `body` is the shaped body that the pose belongs to. NotFound for a type that the field does
    not have; PropfieldError when the field holds nothing."""
    if type_name is not None:
        kinds = [field.type(type_name)]
    else:
        kinds = [kind for kind in field.types if kind.type.name != ALL] or list(field.types)
    worn = replace(field, body=body)
    ways = [into_pose(worn, observation.pose)]
    if field.grid.centre[0] == 0 and not all(map(_symmetric, kinds)):
        ways.append(_mirrored_pose(worn, observation))
    found = []
    for kind in kinds:
        for mirrored, way in enumerate(ways[:1] if _symmetric(kind) else ways):
            posed = way(kind.occupancy)
            if posed.max() > 0:
                part = _exchanged(kind.type.part) if mirrored else kind.type.part
                likelihood = mask_likelihood(posed, field.grid, cells)
                found.append(Hypothesis(kind, bool(mirrored), posed, part, likelihood))
    if not found:
        raise PropfieldError(f"This {field.category} field holds nothing; learn it with more views.")
    return sorted(found, key=lambda each: -each.likelihood)


def mask_likelihood(posed: Float32[np.ndarray, "R R R"], grid: Grid, cells: MaskCells) -> float:
    """Logarithm of how likely the cells are under a posed field, for each cell of the object, less that of
    guessing the object's share everywhere.

    A cell shows the object with the probability of its ray's most likely voxel before the body. Where the
    person is seen the object may be behind, so that only what the field has before the body speaks there.
    """
    front, seen = seen_probability(posed, grid, cells)
    front, seen = np.clip(front, SURE, 1 - SURE), np.clip(seen, SURE, 1 - SURE)
    thing, empty = cells.kind == OBJECT, cells.kind == BACKGROUND
    person = (cells.kind == PERSON) & np.isfinite(cells.body_depth)
    found = np.log(seen[thing]).sum() + np.log1p(-seen[empty]).sum() + np.log1p(-front[person]).sum()
    share = thing.sum() / (thing.sum() + empty.sum() + person.sum())
    guess = thing.sum() * np.log(share) + (empty.sum() + person.sum()) * np.log1p(-min(share, 1 - 1e-6))
    return float((found - guess) / thing.sum())


def seen_probability(
    posed: Float32[np.ndarray, "R R R"], grid: Grid, cells: MaskCells
) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
    """Of each cell's ray the most likely voxel before the body, and up to its surface."""
    height, width = cells.kind.shape
    K, R = cells.camera.K.astype(float), cells.camera.R.astype(float)
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    rays = np.stack([(x - K[0, 2]) / K[0, 0], (y - K[1, 2]) / K[1, 1], np.ones_like(x)], -1).reshape(-1, 3)
    front, seen = np.zeros(len(rays), np.float32), np.zeros(len(rays), np.float32)
    eye, depth = cells.camera.centre.astype(float), cells.body_depth.ravel().astype(float)
    ray_peaks(posed, grid.origin.astype(float), grid.voxel, eye, rays @ R, depth, front, seen)
    return front.reshape(height, width), seen.reshape(height, width)


def surface_at(hypothesis: Hypothesis, grid: Grid, share: float) -> trimesh.Trimesh:
    """The posed field's surface at a part of its peak."""
    return main_surface(hypothesis.posed, grid, share)


def main_surface(posed: Float32[np.ndarray, "R R R"], grid: Grid, share: float) -> trimesh.Trimesh:
    """A field's surface at a part of its peak: one object, so without small pieces beside it."""
    level = share * float(posed.max())
    pieces, count = label(posed > level, return_num=True)
    if count > 1:
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        kept = np.flatnonzero(sizes >= SMALLER_PIECE * sizes.max())
        posed = np.where(np.isin(pieces, kept) | (pieces == 0), posed, 0).astype(np.float32)
    surface = iso_surface(posed, grid, level)
    return trimesh.Trimesh(surface.vertices, surface.faces, process=False)


def pieces_of(surface: trimesh.Trimesh) -> list[trimesh.Trimesh]:
    """The main pieces of a field's surface, each alone. What two limbs hold comes apart where they do other
    things than the field's people did, and one piece is then where the object is."""
    # A hollow's wall is a piece of negative volume.
    pieces = [piece for piece in surface.split(only_watertight=False) if piece.volume > 0]
    largest = max((piece.volume for piece in pieces), default=0.0)
    return [piece for piece in pieces if piece.volume >= SMALLER_PIECE * largest]


def agreement(mesh: trimesh.Trimesh, hypothesis: Hypothesis, grid: Grid) -> float:
    """How much a mesh's surface lies where the posed field has the object: the mean logarithm, over the
    surface, of the field as a part of its peak (at least SURE)."""
    points, _ = trimesh.sample.sample_surface(mesh, SURFACE_SAMPLES, seed=0)
    voxels = grid.voxel_of(points.astype(np.float32))
    likely = np.where(voxels >= 0, hypothesis.posed.ravel()[voxels], 0)
    return float(np.log(np.maximum(likely / hypothesis.posed.max(), SURE)).mean())


def touched_vertices(hypothesis: Hypothesis, body: BodyTemplate) -> np.ndarray:
    """Indices of the body's vertices that the type says the object meets; none where it does not say."""
    if hypothesis.part is None or hypothesis.part == WHOLE_BODY:
        return np.zeros(0, np.int32)
    return body.part_vertices(hypothesis.part)


def contact_point(
    thing: trimesh.Trimesh, body: trimesh.Trimesh, touched: np.ndarray
) -> Float32[np.ndarray, "3"] | None:
    """The middle of where a surface in place touches these vertices of the posed body; None where it does
    not, or none are given."""
    if not len(touched):
        return None
    away, _ = cKDTree(body.vertices[touched]).query(thing.vertices)
    if away.min() > TOUCHING:
        return None
    # The nearest share of the surface's own vertices; beyond arm's width they are another part of it.
    weight = np.exp(-(((away - away.min()) / 0.04) ** 2))
    return ((weight[:, None] * thing.vertices).sum(0) / weight.sum()).astype(np.float32)


def _symmetric(kind: TypeField) -> bool:
    flipped = kind.occupancy[::-1]
    return bool(
        np.minimum(flipped, kind.occupancy).sum() > SAME_MIRRORED * np.maximum(flipped, kind.occupancy).sum()
    )


def _mirrored_pose(
    field: OccupancyField, observation: Observation
) -> Callable[[Float32[np.ndarray, "R R R"]], Float32[np.ndarray, "R R R"]]:
    """What poses a type's field with left and right exchanged: around the mirrored body, and back. The grid
    must be symmetric about x = 0."""
    pose = observation.pose[list(MIRROR)] * np.array([1, -1, -1], np.float32)
    way = into_pose(field, pose)
    return lambda occupancy: np.ascontiguousarray(way(occupancy)[::-1])


def _exchanged(part: str | None) -> str | None:
    sides = {"left": "right", "right": "left"}
    side, _, rest = (part or "").partition(" ")
    return f"{sides[side]} {rest}" if side in sides else part
