"""The object of a photo from its category's field: the posed iso-surface that explains its mask best."""

from dataclasses import dataclass, replace

import numpy as np
import trimesh
from jaxtyping import Bool, Float32
from skimage.measure import label

from propfield.body.template import BodyTemplate
from propfield.errors import PropfieldError
from propfield.field.occupancy import OccupancyField
from propfield.field.posing import into_pose
from propfield.field.surface import iso_surface
from propfield.observations.observation import Observation
from propfield.progress import Progress, silent
from propfield.uses.object_shape import shape_in_mask
from propfield.uses.rendering import scaled_camera, silhouette

LEVELS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Parts of the posed field's peak at which surfaces are tried."""
COARSE_SIDE = 128
"""Masks are compared at this length of the longer side."""


@dataclass(frozen=True)
class ObjectFit:
    """An object beside the posed body, in the person's space (metres).

    Attributes:
        type: name of the interaction type whose field it is from.
        level: occupancy at which the field's surface explains the mask best.
        mesh: closed surface; the field's own where it says nothing about the mask's rays.
        field_iou: overlap (IoU) of the silhouette of the field's surface with the mask.
        mask_iou: the same of `mesh`.
    """

    type: str
    level: float
    mesh: trimesh.Trimesh
    field_iou: float
    mask_iou: float


def fit_object(
    field: OccupancyField,
    observation: Observation,
    body: BodyTemplate,
    posed_body: trimesh.Trimesh,
    *,
    progress: Progress = silent,
) -> ObjectFit:
    """The type and level whose posed surface has the largest overlap with the object's mask, then the shape
    with the mask's outline at that field's depth. `body` is the shaped body that the pose belongs to,
    `posed_body` its mesh in that pose.

    Pixels of the person do not count: what is behind them cannot be known from a mask. PropfieldError when
    the field holds nothing.
    """
    posed_by = into_pose(replace(field, body=body), observation.pose)
    scene = _coarse(observation)
    best: ObjectFit | None = None
    best_posed: Float32[np.ndarray, "R R R"] | None = None
    # The mix of a single type is that type.
    kinds = field.types if len(field.types) != 2 else field.types[1:]
    for index, kind in enumerate(kinds):
        progress("find object", index / len(kinds), kind.type.name)
        posed = posed_by(kind.occupancy)
        peak = float(posed.max())
        for part in LEVELS if peak > 0 else ():
            solid = _largest_piece(posed, part * peak)
            surface = iso_surface(solid, field.grid, part * peak)
            mesh = trimesh.Trimesh(surface.vertices, surface.faces, process=False)
            overlap = scene.overlap(mesh)
            # The mix comes first and wins only by being better than each way of using the object.
            if best is None or overlap > best.field_iou + (0.02 if best.type != "all" else -0.02):
                best, best_posed = ObjectFit(kind.type.name, part * peak, mesh, overlap, overlap), posed
    if best is None or best_posed is None:
        raise PropfieldError(f"This {field.category} field holds nothing; learn it with more views.")
    progress("find object", 0.9, best.type)
    shaped = shape_in_mask(
        best_posed,
        field.grid,
        observation.camera,
        observation.object_mask,
        observation.person_mask,
        posed_body,
        trust=best.field_iou,
    )
    if shaped is None:
        return best
    return replace(best, mesh=shaped, mask_iou=scene.overlap(shaped))


class _coarse:
    """The observation's masks and camera at a resolution at which overlaps are quick to tell."""

    def __init__(self, observation: Observation) -> None:
        width, height = observation.size
        factor = min(1.0, COARSE_SIDE / max(width, height))
        self.size = (max(round(width * factor), 1), max(round(height * factor), 1))
        self.camera = scaled_camera(observation.camera, factor)
        rows = ((np.arange(self.size[1]) + 0.5) / factor).astype(int).clip(max=height - 1)
        columns = ((np.arange(self.size[0]) + 0.5) / factor).astype(int).clip(max=width - 1)
        self.object: Bool[np.ndarray, "h w"] = observation.object_mask[rows][:, columns]
        person = observation.person_mask[rows][:, columns]
        self.counted: Bool[np.ndarray, "h w"] = self.object | ~person

    def overlap(self, mesh: trimesh.Trimesh) -> float:
        """IoU of the mesh's silhouette and the object's mask over the pixels that count."""
        covered = silhouette(mesh, self.camera, self.size) & self.counted
        union = int((covered | self.object).sum())
        return float((covered & self.object).sum()) / union if union else 0.0


def _largest_piece(occupancy: Float32[np.ndarray, "R R R"], level: float) -> Float32[np.ndarray, "R R R"]:
    """The field with all but the largest connected region above the level set to zero: one object."""
    pieces, count = label(occupancy > level, return_num=True)
    if count < 2:
        return occupancy
    largest = 1 + int(np.bincount(pieces.ravel())[1:].argmax())
    return np.where((pieces == largest) | (pieces == 0), occupancy, 0).astype(np.float32)
