"""The object of a photo from its category's field: the posed iso-surface that explains its mask best."""

from dataclasses import dataclass, replace

import numpy as np
import trimesh
from jaxtyping import Bool, Float32
from scipy.optimize import minimize
from skimage.measure import label

from propfield.body.template import BodyTemplate
from propfield.errors import PropfieldError
from propfield.field.occupancy import OccupancyField
from propfield.field.posing import pose_field
from propfield.field.surface import iso_surface
from propfield.observations.observation import Observation
from propfield.progress import Progress, silent
from propfield.uses.rendering import scaled_camera, silhouette

LEVELS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Parts of the posed field's peak at which surfaces are tried."""
COARSE_SIDE = 128
"""Masks are compared at this length of the longer side."""
MOST_SHIFT, MOST_SCALE = 0.25, 1.5
"""Metres, and a factor, by which an object may be moved and resized to lie on its mask."""


@dataclass(frozen=True)
class ObjectFit:
    """An object beside the posed body, in the person's space (metres).

    Attributes:
        type: name of the interaction type whose field it is from.
        level: occupancy of its surface.
        mesh: closed surface.
        field_iou: of its silhouette and the mask as the field has it, before it was moved.
        mask_iou: the same after.
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
    *,
    progress: Progress = silent,
) -> ObjectFit:
    """The type and level whose posed surface has the largest overlap with the object's mask, moved a little
    so that it lies on it. `body` is the shaped body that the observation's pose belongs to.

    Pixels of the person do not count: what is behind them cannot be known from a mask. PropfieldError when
    the field holds nothing.
    """
    worn = replace(field, body=body)
    scene = _coarse(observation)
    best: ObjectFit | None = None
    for index, kind in enumerate(field.types):
        progress("find object", index / len(field.types), kind.type.name)
        posed = pose_field(worn, kind.type.name, observation.pose)
        peak = float(posed.max())
        for part in LEVELS if peak > 0 else ():
            solid = _largest_piece(posed, part * peak)
            surface = iso_surface(solid, field.grid, part * peak)
            mesh = trimesh.Trimesh(surface.vertices, surface.faces, process=False)
            overlap = scene.overlap(mesh)
            # The mix comes first and wins only by being better than each way of using the object.
            if best is None or overlap > best.field_iou + (0.02 if best.type != "all" else -0.02):
                best = ObjectFit(kind.type.name, part * peak, mesh, overlap, overlap)
    if best is None:
        raise PropfieldError(f"This {field.category} field holds nothing; learn it with more views.")
    progress("find object", 0.95, best.type)
    return _moved(best, scene)


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


def _moved(found: ObjectFit, scene: _coarse) -> ObjectFit:
    """The object moved and resized about its middle, up to MOST_SHIFT and MOST_SCALE, to lie on its mask.
    Along the line of sight a mask says next to nothing, so only a resize is made there."""
    vertices = np.asarray(found.mesh.vertices)
    middle = (vertices.min(0) + vertices.max(0)) / 2
    across = scene.camera.R[:2]

    def mesh_at(change: np.ndarray) -> trimesh.Trimesh:
        shift, scale = np.clip(change[:2], -MOST_SHIFT, MOST_SHIFT), np.exp(change[2])
        scale = np.clip(scale, 1 / MOST_SCALE, MOST_SCALE)
        moved = (vertices - middle) * scale + middle + shift @ across
        return trimesh.Trimesh(moved.astype(np.float32), found.mesh.faces, process=False)

    def cost(change: np.ndarray) -> float:
        # A gentle pull keeps the object where the field has it when the mask cannot tell.
        pull = 0.05 * (np.square(change[:2] / MOST_SHIFT).sum() + (change[2] / np.log(MOST_SCALE)) ** 2)
        return pull - scene.overlap(mesh_at(change))

    starts = np.array([[0, 0, 0], [0.12, 0, 0], [0, 0.12, 0], [0, 0, 0.2]], dtype=float)
    result = minimize(
        cost,
        starts[0],
        method="Nelder-Mead",
        options={"initial_simplex": starts, "maxfev": 90, "xatol": 2e-3, "fatol": 1e-3},
    )
    mesh = mesh_at(result.x)
    overlap = scene.overlap(mesh)
    if overlap <= found.field_iou:
        return found
    return replace(found, mesh=mesh, mask_iou=overlap)
