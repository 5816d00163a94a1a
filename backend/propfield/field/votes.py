"""Votes of views for voxels: the two sums of CHORUS Eq. 6, kept as integers by azimuth bin."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float32, Int64, UInt, UInt32
from numba import njit

from propfield.errors import PropfieldError
from propfield.observations.observation import Camera

AZIMUTH_BINS = 12
_SLICE = 2**18
"""Voxels whose sums are made at once: what they need in between stays in the processor's cache."""


def azimuth_bins(R: Float32[np.ndarray, "V 3 3"], t: Float32[np.ndarray, "V 3"]) -> Int64[np.ndarray, " V"]:
    """Which of the 12 bins of 30° around the person each camera stands in, from atan2(z, x) of its centre;
    `R`, `t` are world → camera."""
    centres = -(np.swapaxes(R, 1, 2) @ t[..., None])[..., 0]
    degrees = np.degrees(np.arctan2(centres[:, 2], centres[:, 0])) % 360
    return (degrees // (360 / AZIMUTH_BINS)).astype(np.int64) % AZIMUTH_BINS


def azimuth_bin(camera: Camera) -> int:
    """`azimuth_bins` of one camera."""
    return int(azimuth_bins(camera.R[None], camera.t[None])[0])


@dataclass
class Counts:
    """What some views counted, by azimuth bin, so that Eq. 6's r_k needs no second pass and counts from
    several processes add up exactly, in whatever order.

    Attributes:
        mask: (12, N) views of each bin whose object mask holds the voxel's pixel; 16 bits wide until a bin
            has more cameras than that holds, then 32.
        image: (12, N) views of each bin whose picture holds it; as wide.
        cameras: (12,) views counted in each bin.
    """

    mask: UInt[np.ndarray, "12 N"]
    image: UInt[np.ndarray, "12 N"]
    cameras: Int64[np.ndarray, "12"]

    @classmethod
    def none(cls, voxels: int) -> "Counts":
        return cls(
            mask=np.zeros((AZIMUTH_BINS, voxels), np.uint16),
            image=np.zeros((AZIMUTH_BINS, voxels), np.uint16),
            cameras=np.zeros(AZIMUTH_BINS, np.int64),
        )

    def expect(self, cameras: Int64[np.ndarray, "12"]) -> None:
        """Counts these cameras, and makes room for what they will add to `mask` and `image`."""
        self.cameras += cameras
        if self.cameras.max() > np.iinfo(self.mask.dtype).max:
            self.mask, self.image = self.mask.astype(np.uint32), self.image.astype(np.uint32)

    def merge(self, other: "Counts") -> None:
        """Adds the counts of views seen elsewhere."""
        self.expect(other.cameras)
        # A sum that fits may still come as wider numbers from elsewhere.
        np.add(self.mask, other.mask, out=self.mask, casting="unsafe")
        np.add(self.image, other.image, out=self.image, casting="unsafe")


class Votes:
    """The votes of one interaction type: what all groups of views that belong to it have counted so far."""

    def __init__(self, counts: Sequence[Counts], voxels: int) -> None:
        self._counts = list(counts)
        self._voxels = voxels

    @property
    def cameras(self) -> Int64[np.ndarray, "12"]:
        """Views counted in each bin."""
        return sum((counts.cameras for counts in self._counts), np.zeros(AZIMUTH_BINS, np.int64))

    @property
    def views(self) -> int:
        """Views counted."""
        return int(self.cameras.sum())

    def sums(
        self, cameras: Int64[np.ndarray, "12"] | None = None
    ) -> tuple[Float32[np.ndarray, " N"], Float32[np.ndarray, " N"]]:
        """Numerator and denominator of Eq. 6, with r_k = 1 / (cameras in the view's bin).

        `cameras` are the counts that r_k is made of; this type's own when None. A voxel's sums do not depend
        on which other voxels are counted.
        """
        share = 1 / np.maximum(self.cameras if cameras is None else cameras, 1)
        result = np.zeros((2, self._voxels), np.float32)
        for start in range(0, self._voxels, _SLICE):
            part = slice(start, start + _SLICE)
            for row, name in enumerate(("mask", "image")):
                weighted = np.zeros(len(result[row, part]))
                for place in np.flatnonzero(self.cameras):
                    _add_weighted(self._added(name, int(place), part), share[place], weighted)
                result[row, part] = weighted
        return result[0], result[1]

    def occupancy(self) -> Float32[np.ndarray, " N"]:
        """Φ of Eq. 6; 0 where no view saw the voxel."""
        mask, image = self.sums()
        return mask / np.maximum(image, np.float32(1e-7))

    def support(self) -> UInt32[np.ndarray, " N"]:
        """How many views saw each voxel."""
        seen = np.zeros(self._voxels, np.uint32)
        for place in np.flatnonzero(self.cameras):
            seen += self._added("image", int(place), slice(None))
        return seen

    def _added(self, name: str, place: int, part: slice) -> UInt[np.ndarray, " n"]:
        """The exact counts of one bin, over all groups of views."""
        rows = [getattr(counts, name)[place, part] for counts in self._counts if counts.cameras[place]]
        if len(rows) == 1:
            return rows[0]
        total = rows[0].astype(np.uint32)
        for row in rows[1:]:
            total += row
        return total


@njit(cache=True, nogil=True)
@no_type_check
def _add_weighted(counts, share, total):
    for i in range(len(counts)):
        total[i] += share * np.float64(counts[i])


@dataclass
class Tally:
    """All that has been counted for several types: small to send, exact to add up.

    A view belongs to a set of types, and is counted once for the whole set; a type's votes are those of all
    sets that hold it.

    Attributes:
        types: how many types there are.
        resolution: of the grid.
        voxels: (N,) flat grid index of each counted voxel, in the order in which they are counted.
        groups: the set of types (their indices, ascending) → counts of its views.
    """

    types: int
    resolution: int
    voxels: UInt32[np.ndarray, " N"]
    groups: dict[tuple[int, ...], Counts]

    def counts_of(self, members: tuple[int, ...]) -> list[Counts]:
        """Where views that belong to just these types are counted: one place, as long as there are fewer
        sets than types. Later sets are split into known ones, so that body parts, of which views meet all
        sorts of combinations, need no more memory than twice one count a type."""
        if members not in self.groups and len(self.groups) < self.types:
            self.groups[members] = Counts.none(len(self.voxels))
        if members in self.groups:
            return [self.groups[members]]
        places, left = [], set(members)
        for known in sorted(self.groups, key=lambda group: (-len(group), group)):
            if left.issuperset(known):
                places.append(self.groups[known])
                left.difference_update(known)
        for single in sorted(left):
            self.groups[(single,)] = Counts.none(len(self.voxels))
            places.append(self.groups[(single,)])
        return places

    def merge(self, other: "Tally") -> None:
        """Adds what was counted elsewhere. PropfieldError when it is of other voxels or types."""
        same = self.types == other.types and self.resolution == other.resolution
        if not same or not np.array_equal(self.voxels, other.voxels):
            raise PropfieldError("Counts of different voxels or types do not add up.")
        for members, counts in other.groups.items():
            for place in self.counts_of(members):
                place.merge(counts)

    def votes(self) -> list[Votes]:
        """The votes of each type."""
        return [
            Votes([counts for members, counts in self.groups.items() if index in members], len(self.voxels))
            for index in range(self.types)
        ]

    def dense(self, values: np.ndarray, fill: int = 0) -> np.ndarray:
        """Values of the counted voxels, (N,), as a cube (R, R, R), with `fill` where nothing is counted."""
        cube = np.full(self.resolution**3, fill, values.dtype)
        cube[self.voxels] = values
        return cube.reshape((self.resolution,) * 3)
