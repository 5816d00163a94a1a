"""A posed field on a regular grid, and what a grid says at points between its samples."""

from dataclasses import dataclass

import numpy as np

from .field_file import FieldData
from .kinematics import skin_forward
from .lattice import crop_lattice
from .weights import interpolate_weights

MOST_CELLS = 64
"""Along each axis: a prop's place needs no more to begin with."""


@dataclass(frozen=True)
class Cloud:
    """A field's voxels on the posed body.

    Attributes:
        points: (N, 3) metres.
        values: (N,) occupancy relative to the type's peak, in (0, 1].
        joints: (N, 24) how much each joint carries them.
        step: metres between them, before they were posed.
    """

    points: np.ndarray
    values: np.ndarray
    joints: np.ndarray
    step: float

    @property
    def centre(self) -> np.ndarray:
        """(3,) the middle of what is likely."""
        weights = self.values**2
        return (weights[:, None] * self.points).sum(0) / weights.sum()

    @property
    def radius(self) -> float:
        """Metres: how far what is likely lies from its middle, in the mean of squares."""
        weights = self.values**2
        off = ((self.points - self.centre) ** 2).sum(1)
        return float(np.sqrt((weights * off).sum() / weights.sum()))


def posed_cloud(field: FieldData, type_name: str, bones: np.ndarray) -> Cloud:
    """A type's voxels carried by (24, 4, 4) bones: forward skinning. SceneError for an unknown type."""
    lattice = crop_lattice(field, (type_name,))
    steps = np.argwhere(lattice.values[0] > 0.04)
    joints = interpolate_weights(
        field.voxel_weights, (field.resolution,) * 3, lattice.origin + steps * lattice.factor
    )
    points = skin_forward(lattice.first + steps * lattice.step, joints, bones)
    return Cloud(points, lattice.values[0][tuple(steps.T)].astype(np.float64), joints, lattice.step)


@dataclass(frozen=True)
class Grid:
    """Values at first + step·[i, j, k], in metres."""

    first: np.ndarray
    step: float
    values: np.ndarray

    def at(self, points: np.ndarray, outside: float = 0.0) -> np.ndarray:
        """(...,) trilinear between the samples around (..., 3) points; `outside` beyond the grid."""
        place = (points - self.first) / self.step
        base = np.floor(place).astype(np.int64)
        inside = ((base >= 0) & (base < np.array(self.values.shape) - 1)).all(-1)
        base = np.where(inside[..., None], base, 0)
        share = place - base
        _, y, z = self.values.shape
        index = (base[..., 0] * y + base[..., 1]) * z + base[..., 2]
        flat, result = self.values.ravel(), np.zeros(points.shape[:-1])
        for a, b, c in np.ndindex(2, 2, 2):
            part = (share[..., 0] if a else 1 - share[..., 0]) * (share[..., 1] if b else 1 - share[..., 1])
            part = part * (share[..., 2] if c else 1 - share[..., 2])
            result += part * flat[index + (a * y + b) * z + c]
        return np.where(inside, result, outside)

    def centres(self) -> np.ndarray:
        """(X, Y, Z, 3) where the samples are."""
        return self.first + self.step * np.moveaxis(np.indices(self.values.shape), 0, -1)


def field_grid(cloud: Cloud, margin: float) -> Grid:
    """The cloud's mean at the samples of a grid that reaches `margin` metres beyond it."""
    low, high = cloud.points.min(0) - margin, cloud.points.max(0) + margin
    step = max(1.15 * cloud.step, float((high - low).max()) / (MOST_CELLS - 2))
    shape = np.ceil((high - low) / step).astype(int) + 2
    total, weight = np.zeros(shape.prod()), np.zeros(shape.prod())
    place = (cloud.points - low) / step
    base = np.floor(place).astype(np.int64)
    share = place - base
    for corner in np.ndindex(2, 2, 2):
        part = np.where(corner, share, 1 - share).prod(1)
        index = np.ravel_multi_index(tuple((base + corner).T), tuple(shape))
        np.add.at(total, index, part * cloud.values)
        np.add.at(weight, index, part)
    return Grid(low, step, (total / np.maximum(weight, 0.35)).reshape(shape))
