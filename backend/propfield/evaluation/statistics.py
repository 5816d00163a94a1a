"""Statistics of views, as in CHORUS's Table 1: how many the filters reject, how varied the cameras are."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

from propfield.errors import PropfieldError
from propfield.observations.filters import FILTERS, failed_filter
from propfield.observations.observation import Observation

CELLS = 2**17
"""Equal parts of the sphere over which the entropy is told; about σ wide, so that a Gaussian's sum over them
is its integral to far below a hundredth of a bit."""
SPREAD = 0.01
"""σ of the Gaussian around each camera, radians on the sphere."""
REACH = 6.0
"""Spreads beyond which a Gaussian counts as zero."""


@dataclass(frozen=True)
class ViewStatistics:
    """Attributes:
    seen: how many views there were.
    rejected: how many of them each filter rejected, in the filters' order, zeros included.
    camera_entropy: of the kept views' cameras, bits; None when none was kept.
    """

    seen: int
    rejected: dict[str, int]
    camera_entropy: float | None

    @property
    def kept(self) -> int:
        return self.seen - sum(self.rejected.values())

    @property
    def rejection_rate(self) -> float:
        """Share of the views that some filter rejected, in [0, 1]; 0 of no views."""
        return sum(self.rejected.values()) / max(self.seen, 1)


class ViewCounter:
    """Counts views as they pass the filters; `statistics` tells Table 1's numbers of what it has seen."""

    def __init__(self) -> None:
        self._rejected = dict.fromkeys(FILTERS, 0)
        self._centres: list[np.ndarray] = []

    def kept(self, views: Iterable[Observation]) -> Iterable[Observation]:
        """The views that pass all filters."""
        for view in views:
            failed = failed_filter(view)
            if failed is None:
                self._centres.append(view.camera.centre)
                yield view
            else:
                self._rejected[failed] += 1

    def statistics(self) -> ViewStatistics:
        centres = np.array(self._centres, dtype=float).reshape(-1, 3)
        return ViewStatistics(
            seen=len(centres) + sum(self._rejected.values()),
            rejected=dict(self._rejected),
            camera_entropy=camera_entropy(centres) if len(centres) else None,
        )


def camera_entropy(centres: Float[np.ndarray, "n 3"]) -> float:
    """Entropy in bits of where cameras stand around the person (CHORUS §4.3, Table 1).

    Each camera's direction c_i from the person's origin becomes a Gaussian of the geodesic distance d over
    2¹⁷ equal cells of the sphere (a Fibonacci lattice), p_i(x) ∝ exp(−d(x, c_i)² / 2σ²) with σ = 0.01, each
    summing to 1. H = −Σ_x p(x) log₂ p(x) with p the mean of the p_i. The paper does not tell its cells; with
    these one camera gives log₂(2πe σ² 2¹⁷ / 4π) = 4.15 bits, n cameras far apart 4.15 + log₂ n, and no set of
    cameras more than 17.
    """
    distances = np.linalg.norm(centres, axis=1)
    if not len(centres) or not np.isfinite(centres).all() or not (distances > 0).all():
        raise PropfieldError("Camera entropy needs cameras that stand somewhere other than in the origin.")
    directions = centres / distances[:, None]
    tree = _lattice()
    mass = np.zeros(CELLS)
    for part in np.array_split(directions, -(-len(directions) // 1000)):
        cells = tree.query_ball_point(part, 2 * np.sin(REACH * SPREAD / 2))
        camera = np.repeat(np.arange(len(part)), [len(each) for each in cells])
        cell = np.concatenate(cells).astype(np.int64)
        chord = np.linalg.norm(tree.data[cell] - part[camera], axis=1)
        weight = np.exp(-0.5 * (2 * np.arcsin(np.minimum(chord / 2, 1)) / SPREAD) ** 2)
        weight /= np.bincount(camera, weight, minlength=len(part))[camera]
        mass += np.bincount(cell, weight, minlength=CELLS)
    share = mass[mass > 0] / len(directions)
    return float(-(share * np.log2(share)).sum())


@cache
def _lattice() -> cKDTree:
    """Points spread evenly over the sphere, each the middle of an equal part of it."""
    number = np.arange(CELLS)
    height = 1 - (2 * number + 1) / CELLS
    turn = number * (np.pi * (3 - np.sqrt(5)))
    radius = np.sqrt(1 - height**2)
    return cKDTree(np.stack([radius * np.cos(turn), height, radius * np.sin(turn)], 1))
