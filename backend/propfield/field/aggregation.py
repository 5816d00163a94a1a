"""Votes of views for voxels: the sums of CHORUS Eq. 6, for several interaction types in one pass."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64, UInt32
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from propfield.body.skeleton import canonical_pose
from propfield.body.skinning import pose_vertices
from propfield.body.template import BodyTemplate
from propfield.field.canonical_voxels import CanonicalVoxels
from propfield.field.grid import Grid
from propfield.observations.interaction import InteractionType
from propfield.observations.observation import Camera, Observation

AZIMUTH_BINS = 12
PART_REACH = 0.13
"""Metres from a body part's vertices to the voxels of its interaction region (Supp. A.7)."""


def azimuth_bin(camera: Camera) -> int:
    """Which of the 12 bins of 30° around the person the camera stands in, from atan2(z, x) of its centre."""
    x, _, z = camera.centre
    return int((np.degrees(np.arctan2(z, x)) % 360) // (360 / AZIMUTH_BINS)) % AZIMUTH_BINS


@dataclass
class Votes:
    """Counts of one interaction type, kept by azimuth bin, so that Eq. 6's r_k needs no second pass and
    counts from several processes add up exactly, in whatever order.

    Attributes:
        mask: (12, N) views of each bin whose object mask holds the voxel's pixel.
        image: (12, N) views of each bin whose picture holds it.
        cameras: (12,) views counted in each bin.
    """

    mask: UInt32[np.ndarray, "12 N"]
    image: UInt32[np.ndarray, "12 N"]
    cameras: Int64[np.ndarray, "12"]

    @classmethod
    def none(cls, voxels: int) -> "Votes":
        return cls(
            mask=np.zeros((AZIMUTH_BINS, voxels), np.uint32),
            image=np.zeros((AZIMUTH_BINS, voxels), np.uint32),
            cameras=np.zeros(AZIMUTH_BINS, np.int64),
        )

    def add(self, bin_index: int, in_mask: Bool[np.ndarray, " N"], in_image: Bool[np.ndarray, " N"]) -> None:
        """Counts one view."""
        self.mask[bin_index] += in_mask
        self.image[bin_index] += in_image
        self.cameras[bin_index] += 1

    def merge(self, other: "Votes") -> None:
        """Adds the counts of views seen elsewhere."""
        self.mask += other.mask
        self.image += other.image
        self.cameras += other.cameras

    @property
    def views(self) -> int:
        return int(self.cameras.sum())

    def sums(
        self, cameras: Int64[np.ndarray, "12"] | None = None
    ) -> tuple[Float32[np.ndarray, " N"], Float32[np.ndarray, " N"]]:
        """Numerator and denominator of Eq. 6, with r_k = 1 / (cameras in the view's bin).

        `cameras` are the counts that r_k is made of; this type's own when None.
        """
        counts = self.cameras if cameras is None else cameras
        share = 1 / np.maximum(counts, 1)
        return (share @ self.mask).astype(np.float32), (share @ self.image).astype(np.float32)

    def occupancy(self) -> Float32[np.ndarray, " N"]:
        """Φ of Eq. 6; 0 where no view saw the voxel."""
        mask, image = self.sums()
        return mask / np.maximum(image, np.float32(1e-7))

    def support(self) -> UInt32[np.ndarray, " N"]:
        """How many views saw each voxel."""
        return self.image.sum(0, dtype=np.uint32)


class Aggregator:
    """Takes views one by one and counts their votes for every type that they belong to.

    A view belongs to a type if its prompt is the type's (a type without prompt takes all) and, where the type
    names a body part, if its object mask meets a voxel within 0.13 m of that part (CHORUS §3.4).
    The pixel of a voxel is its projection truncated toward zero, as in the official implementation; a voxel
    behind the camera is not in its picture.
    """

    def __init__(
        self,
        body: BodyTemplate,
        grid: Grid,
        weights: csr_array,
        types: Sequence[InteractionType],
        device: str | torch.device = "cpu",
    ) -> None:
        self._voxels = CanonicalVoxels(body, grid, weights, device)
        self.types = tuple(types)
        self.votes = [Votes.none(grid.resolution**3) for _ in self.types]
        self._regions = {
            kind.part: part_region(body, grid, kind.part) for kind in self.types if kind.part is not None
        }

    def hits(self, view: Observation) -> tuple[Bool[np.ndarray, " N"], Bool[np.ndarray, " N"]]:
        """For each voxel whether its pixel is in the view's object mask, and whether it is in the picture."""
        camera = view.camera
        projection = self._voxels.tensor(camera.K @ np.concatenate([camera.R, camera.t[:, None]], 1))
        height, width = view.object_mask.shape
        seen = self._voxels.posed(view.pose) @ projection[:, :3].T + projection[:, 3]
        pixels = (seen[:, :2] / seen[:, 2:]).nan_to_num_(-1e6).clamp_(-1e6, 1e6).trunc_().long()
        x, y = pixels.unbind(-1)
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height) & (seen[:, 2] > 0)
        mask = torch.from_numpy(np.ascontiguousarray(view.object_mask)).to(self._voxels.device).flatten()
        in_mask = mask[torch.where(inside, y * width + x, 0)] & inside
        return in_mask.cpu().numpy(), inside.cpu().numpy()

    def add(self, view: Observation) -> None:
        """Counts one view for each type that it belongs to."""
        belongs = [kind.prompt in ("", view.prompt) for kind in self.types]
        if not any(belongs):
            return
        in_mask, in_image = self.hits(view)
        bin_index = azimuth_bin(view.camera)
        for kind, votes, wanted in zip(self.types, self.votes, belongs, strict=True):
            if wanted and (kind.part is None or in_mask[self._regions[kind.part]].any()):
                votes.add(bin_index, in_mask, in_image)


def part_region(body: BodyTemplate, grid: Grid, part: str) -> Int64[np.ndarray, " M"]:
    """Flat indices of the voxels within 0.13 m of a body part's vertices in the canonical pose."""
    chosen = body.part_vertices(part)
    vertices = pose_vertices(
        torch.from_numpy(canonical_pose()),
        torch.from_numpy(body.vertices[chosen]),
        torch.from_numpy(body.skin_weights[chosen]),
        torch.from_numpy(body.joints),
    ).numpy()
    distance, _ = cKDTree(vertices).query(grid.centres(), distance_upper_bound=PART_REACH)
    return np.flatnonzero(np.isfinite(distance))
