"""A view with its person where the fit has come to believe, and what it shows of a choice of voxels."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8
from scipy.sparse import csr_array

from propfield.field.fit.limbs import CORRECTIONS, PARENT_OF, Skeleton, posed_bones
from propfield.field.fit.silhouettes import RASTER, look, silhouette
from propfield.field.fit.views import FitView
from propfield.field.grid import Grid


@dataclass(frozen=True)
class Voxels:
    """Some of a grid's voxels, as the kernels take them.

    Attributes:
        width: of a voxel in metres.
        points: their centres in the canonical pose.
        rows: their skinning weights.
        hideable: 0 for those in the body, which are never hidden.
    """

    width: float
    points: Float32[np.ndarray, "N 3"]
    rows: csr_array
    hideable: UInt8[np.ndarray, " N"]

    @classmethod
    def of(
        cls, grid: Grid, weights: csr_array, voxels: Int64[np.ndarray, " N"], inside: Bool[np.ndarray, " N"]
    ) -> "Voxels":
        """Those with the flat indices `voxels`; `inside` says which of them lie in the body."""
        return cls(
            grid.voxel,
            np.ascontiguousarray(grid.centres()[voxels]),
            weights[voxels],
            (~inside).astype(np.uint8),
        )

    def __len__(self) -> int:
        return len(self.points)

    def some(self, chosen: Int64[np.ndarray, " n"], *, width: float | None = None) -> "Voxels":
        """A part of them, drawn as wide as `width` where there is one."""
        return Voxels(width or self.width, self.points[chosen], self.rows[chosen], self.hideable[chosen])

    @property
    def skin(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`starts`, `joints`, `weights` of silhouettes.py."""
        return self.rows.indptr.astype(np.int32), self.rows.indices.astype(np.uint8), self.rows.data


@dataclass
class Shown:
    """What a view shows of N voxels (silhouettes.look): written anew for each view."""

    seen: Float32[np.ndarray, "N 3"]
    shown: UInt8[np.ndarray, " N"]
    skin: tuple[np.ndarray, np.ndarray, np.ndarray]

    @classmethod
    def room_for(cls, voxels: Voxels) -> "Shown":
        return cls(np.zeros((len(voxels), 3), np.float32), np.zeros(len(voxels), np.uint8), voxels.skin)


class PosedView:
    """Attributes:
    view: as it was given.
    scale: cells of a silhouette a pixel.
    focal: length in pixels.
    places, bones: of the joints, and of the limbs as limbs.posed_bones has them, after the correction.
    pulled, eagerness: how alignment.py has come to the correction.
    """

    def __init__(self, view: FitView, skeleton: Skeleton) -> None:
        self.view = view
        self.scale = RASTER / max(view.seen.width, view.seen.height)
        self.focal = float(view.seen.lens[:2].mean())
        self.places = np.empty((len(view.turns), 3), np.float32)
        self.bones = np.empty((len(view.turns), 3, 4), np.float32)
        self.pulled = np.zeros(CORRECTIONS * 3, np.float32)
        self.eagerness = 0.5
        self._skeleton = skeleton
        self.move(np.zeros((CORRECTIONS, 3), np.float32))

    def move(self, correction: Float32[np.ndarray, "25 3"]) -> None:
        """Puts the person to where a correction of the given pose has it."""
        posed_bones(
            self.view.turns, self.view.pelvis, correction, PARENT_OF, self._skeleton.bones,
            self._skeleton.rest, self.view.seen.lens, self.places, self.bones,
        )  # fmt: skip

    def look(self, voxels: Voxels, into: Shown) -> None:
        """Where each voxel is in the picture, and what the picture shows there."""
        seen = self.view.seen
        look(
            self.bones, seen.width, seen.height, seen.objects, seen.people, self.view.depth, self.view.cell,
            voxels.points, *into.skin, voxels.hideable, into.seen, into.shown,
        )  # fmt: skip

    def draw(
        self, voxels: Voxels, occupancy: Float32[np.ndarray, " N"], shown: Shown
    ) -> Float32[np.ndarray, "h w"]:
        """The likely silhouette of what `look` saw."""
        seen = self.view.seen
        likely = np.empty([int(np.ceil(side * self.scale)) for side in (seen.height, seen.width)], np.float32)
        silhouette(occupancy, shown.seen, shown.shown, self.focal * voxels.width, self.scale, likely)
        return likely
