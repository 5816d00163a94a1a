"""The problem of one frame, as the kernels take it, and what is measured of a solution."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64
from scipy.spatial import cKDTree

from propfield.field.occupancy import OccupancyField, TypeField
from propfield.uses.placement.body_solid import BodySolid, body_solid
from propfield.uses.placement.character import GRIP, Character, free_vertices, met_parts
from propfield.uses.placement.kernels import Scene, mean_field, overlap, touching
from propfield.uses.placement.posed_field import PosedField, posed_field
from propfield.uses.placement.prop_solid import PropSolid
from propfield.uses.placement.search import Found

MARGIN = 0.1
"""Metres around the posed field in which the search knows the body."""
PART_STEP = 0.04
CONTACT, DEPTH = 2.0, 3.0
"""What a metre of gap to a hand costs, and one of the greatest depth, in soft intersection over union."""
UNSEEN = 0.002
"""Metres of depth that cost nothing: less than anybody sees."""
SKIN = 0.25
"""Part of that for other parts: a viewfinder is met by an eye a few centimetres away."""


@dataclass(frozen=True)
class Frame:
    """One frame of the problem: the posed field, the character, and both for the kernels."""

    field: OccupancyField
    kind: TypeField
    posed: PosedField
    character: Character
    body: BodySolid
    free: Bool[np.ndarray, " V"]
    scene: Scene

    def reach(self, prop: PropSolid, matrix: Float64[np.ndarray, "4 4"]) -> float:
        """The gap that the search sees between the prop and what the type meets; see _part_distances."""
        scale = float(np.cbrt(np.linalg.det(matrix[:3, :3])))
        rotation = np.ascontiguousarray(matrix[:3, :3] / scale)
        gap, _, _, _ = touching(rotation, matrix[:3, 3], scale, prop.points(), 1, self.scene)
        return float(gap)

    def overlap(self, prop: PropSolid, found: Found) -> tuple[float, float]:
        """Soft intersection over union of a placed prop with the field, and the share of the field in it."""
        rotation, shift = np.ascontiguousarray(found.place[:3, :3]), found.place[:3, 3]
        mean = mean_field(rotation, shift, found.scale, prop.inner, 1, self.scene)
        score = overlap(mean, found.scale, prop.volume, self.posed.mass)
        return float(score), float(prop.volume * found.scale**3 * mean / self.posed.mass)

    def gap(self, prop: PropSolid, matrix: Float64[np.ndarray, "4 4"]) -> float | None:
        """Metres from the prop to the farthest of the parts that the type meets; 0 where one reaches into
        the other, None where it names none."""
        parts = [self.character.part(each) for each in met_parts(self.kind.type)]
        points = prop.surface @ matrix[:3, :3].T + matrix[:3, 3]
        tree = cKDTree(points)
        gaps = []
        for part in parts:
            corners = np.asarray(self.character.mesh.vertices)[part]
            if not len(corners):
                continue
            inside = prop.holds((corners - matrix[:3, 3]) @ np.linalg.inv(matrix[:3, :3]).T)
            gaps.append(0.0 if inside.any() else float(tree.query(corners)[0].min()))
        return max(gaps) if gaps else None


def frame_of(
    field: OccupancyField, kind: TypeField, character: Character, ground: float | None, rough: bool = False
) -> Frame:
    """Poses the field and readies the body. PropfieldError for a type that holds nothing. Rough is enough
    where a search begins near to its end, and takes a third of the time."""
    posed = posed_field(field, kind, character.bones, rough)
    free = free_vertices(character, kind.type, posed)
    low, high = posed.bounds
    body = body_solid(character.mesh, low - MARGIN, high + MARGIN, free, rough)
    scene = Scene(
        posed.values,
        posed.origin,
        posed.step,
        posed.mass,
        body.distance,
        body.origin,
        body.step,
        _part_distances(character, kind, low - MARGIN, high + MARGIN),
        low - MARGIN,
        PART_STEP,
        CONTACT,
        DEPTH,
        UNSEEN,
        -np.inf if ground is None else float(ground),
        0.0,
    )
    return Frame(field, kind, posed, character, body, free, scene)


def _part_distances(
    character: Character, kind: TypeField, low: np.ndarray, high: np.ndarray
) -> Float32[np.ndarray, "N P Q R"]:
    """Distance to each of the parts that are met: SKIN of that to the skin, but of a hand to its grip."""
    shape = np.ceil((high - low) / PART_STEP).astype(int) + 1
    nodes = low + np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1) * PART_STEP
    found = []
    for part in met_parts(kind.type):
        corners = np.asarray(character.mesh.vertices)[character.part(part)]
        if part.endswith("hand"):
            found.append(np.linalg.norm(nodes - character.grip(part), axis=-1) - GRIP)
        elif len(corners):
            away = cKDTree(corners).query(nodes.reshape(-1, 3))[0]
            found.append(SKIN * away.reshape(tuple(shape)))
    return np.maximum(np.array(found, np.float32).reshape(-1, *shape), 0)
