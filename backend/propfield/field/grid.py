"""The cube of voxels in which a field lives."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from propfield.errors import PropfieldError


@dataclass(frozen=True)
class Grid:
    """A cube of `resolution`³ voxels, `size` metres wide, around `centre`; arrays over it are [x, y, z]
    with samples at voxel centres. The default is CHORUS's (48³, 3 m)."""

    resolution: int = 48
    size: float = 3.0
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if not 8 <= self.resolution <= 512:
            raise PropfieldError(f"A grid has 8 to 512 voxels a side, not {self.resolution}.")
        if not self.size > 0:
            raise PropfieldError(f"A grid's size is a positive number of metres, not {self.size}.")

    @property
    def voxel(self) -> float:
        """Width of a voxel in metres."""
        return self.size / self.resolution

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.resolution,) * 3

    @property
    def origin(self) -> Float32[np.ndarray, "3"]:
        """The corner with the smallest coordinates."""
        return np.asarray(self.centre, dtype=np.float32) - np.float32(self.size / 2)

    def axes(self) -> Float32[np.ndarray, "3 R"]:
        """Coordinates of the voxel centres along x, y and z, metres."""
        axis = (np.arange(self.resolution) + 0.5) * self.voxel - self.size / 2
        return (axis + np.asarray(self.centre)[:, None]).astype(np.float32)

    def centres(self) -> Float32[np.ndarray, "N 3"]:
        """Voxel centres in metres, C order of [x, y, z]."""
        return np.stack(np.meshgrid(*self.axes(), indexing="ij"), -1).reshape(-1, 3)

    def voxel_of(self, points: Float32[np.ndarray, "*batch 3"]) -> Int64[np.ndarray, "*batch"]:
        """Flat index of the voxel that each point lies in, −1 outside the cube.

        Truncated toward zero as in the official implementation, so that a point less than a voxel outside
        one of the three low borders counts as in the border voxel.
        """
        steps = (points - self.origin) / np.float32(self.voxel)
        inside = ((steps > -1) & (steps < self.resolution)).all(-1)
        ijk = np.where(inside[..., None], steps, 0).astype(np.int64)
        flat = (ijk[..., 0] * self.resolution + ijk[..., 1]) * self.resolution + ijk[..., 2]
        return np.where(inside, flat, -1)
