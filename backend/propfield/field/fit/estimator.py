"""A field fitted to masks by expectation and maximisation, from the votes on.

Voting asks of a voxel how often its pixel shows the object; then all voxels on a ray get the vote of the one
that is there. Here a ray that shows the object shares its one vote out. Let φ(x) be the probability sought,
h_k(x) whether view k shows the object on the ray through voxel x, and H_k(x) the probability under the field
that it does. An occupied voxel that nothing hides implies that its ray shows the object, so by Bayes' rule

    P(x occupied | h_k = 1) = φ(x) / H_k(x),    P(x occupied | h_k = 0) = 0    (expectation)
    φ(x) ← Σ_k w_k h_k(x) φ(x) / H_k(x)  /  Σ_k w_k                            (maximisation)

over the views in which the body does not hide the voxel, with w_k = r_k of CHORUS Eq. 6 times how far view k
is believed. It is the multiplicative form of a gradient step on the silhouettes' likelihood, as in emission
tomography (Shepp & Vardi 1982), with a union along the ray (silhouettes.py) in place of the sum.
From the second round on each view's pose is corrected too (alignment.py), within what its keypoints leave
open; where all keypoints are where the poses have them, none is.
Voxels are warped as votes are (Eq. 5): sampled backward from posed space, those that no sample comes back to
would never be told anything, and learning and truth would not mean the same by a voxel.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64
from scipy.sparse import csr_array

from propfield.field.fit.alignment import LEAST_OCCUPANCY, align
from propfield.field.fit.limbs import Skeleton
from propfield.field.fit.posed_view import PosedView, Shown, Voxels
from propfield.field.fit.silhouettes import agreement, count, explain
from propfield.field.fit.views import FitView
from propfield.field.grid import Grid
from propfield.progress import Progress, silent

ROUNDS = 8
"""More would sharpen what the skinning's errors blur into nothing (measured on the design's interactions)."""
ALIGNED_FROM = 2
"""The round from which on poses are corrected: votes are too blurred to tell."""
ALIGNED_WIDTH = 0.0625
"""Metres, of the voxels that poses are corrected with: those of finer grids are thinned out to it."""
LEAST_VOTE = 0.05
"""Voxels with a smaller share of votes are taken for empty."""
PRIOR_VIEWS = 2.0
"""So many views of emptiness are added to each voxel's, for those that few views could see."""
HIDDEN_DOUBT = 0.02
"""What a view in which the body hides a voxel says against it, as a share of a view that sees it empty."""
DISBELIEF_FROM = 0.5
"""A view whose agreement with the field is less than this share of the median loses weight, by its square."""
CHUNKS = 8
"""Sums are taken over so many ranges of views, in order, so that the number of threads changes nothing."""


@dataclass
class _Sums:
    found: Float32[np.ndarray, " N"]
    looked: Float32[np.ndarray, " N"]
    hidden: Float32[np.ndarray, " N"]
    agreement: Float32[np.ndarray, " views"]


def fit_occupancy(
    views: Sequence[FitView],
    skeleton: Skeleton,
    grid: Grid,
    weights: csr_array,
    voxels: Int64[np.ndarray, " N"],
    inside_body: Bool[np.ndarray, " N"],
    *,
    progress: Progress = silent,
    threads: int | None = None,
) -> Float32[np.ndarray, " N"]:
    """The probability that each of the `voxels` (flat indices) is the object's, from at least one view.

    `skeleton` is that of the views' bodies, `weights` are the whole grid's skinning weights, `inside_body`
    says which of the voxels lie in the body: those are never hidden, since an object that reaches into a body
    is seen by what it covers.
    """
    azimuths = [view.seen.azimuth for view in views]
    base = (1 / np.bincount(azimuths, minlength=12).clip(1))[azimuths].astype(np.float32)
    every = Voxels.of(grid, weights, voxels, inside_body)
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        fit = _Fit([PosedView(view, skeleton) for view in views], pool)
        sums = fit.sums(every, None, base)
        doubt = PRIOR_VIEWS * base.mean() + HIDDEN_DOUBT * sums.hidden
        shrink = sums.looked / (sums.looked + doubt)
        votes = sums.found / np.maximum(sums.looked, 1e-9)
        occupancy = votes * shrink
        result = np.zeros(len(voxels), np.float32)
        kept = np.flatnonzero(occupancy >= LEAST_VOTE)
        if not len(kept):
            return result
        likely, occupancy = every.some(kept), occupancy[kept]
        apart = max(int(ALIGNED_WIDTH / grid.voxel + 1e-6), 1)
        sparse = _lattice(grid, voxels[kept], apart)
        coarse = likely.some(sparse, width=apart * grid.voxel)
        belief = np.ones_like(base)
        for number in range(ROUNDS):
            progress("fit the field", number / ROUNDS)
            if number >= ALIGNED_FROM:
                fit.align(coarse, occupancy[sparse])
                progress("fit the field", (number + 0.5) / ROUNDS)
            sums = fit.sums(likely, occupancy, base * belief)
            occupancy = np.minimum(sums.found / np.maximum(sums.looked, 1e-9), 1).astype(np.float32)
            belief = believed(sums.agreement)
        result[kept] = occupancy * shrink[kept]
    progress("fit the field", 1.0)
    return result


def believed(agreement: Float32[np.ndarray, " views"]) -> Float32[np.ndarray, " views"]:
    """How far each view is believed, in [0, 1], by how its mask agrees with the field's silhouette: a wrong
    mask, a wrong pose or the wrong person's back agrees with nothing."""
    usual = float(np.median(agreement))
    if usual <= 0:
        return np.ones_like(agreement)
    return np.minimum(agreement / (DISBELIEF_FROM * usual), 1).astype(np.float32) ** 2


def _lattice(grid: Grid, voxels: Int64[np.ndarray, " N"], apart: int) -> Int64[np.ndarray, " n"]:
    """The places in `voxels` of each `apart`-th voxel along x, y and z."""
    steps = np.unravel_index(voxels, grid.shape)
    return np.flatnonzero(np.all([step % apart == apart // 2 for step in steps], axis=0))


class _Fit:
    """The kernels over views, on threads over ranges of them."""

    def __init__(self, views: Sequence[PosedView], pool: ThreadPoolExecutor) -> None:
        self._ranges = [
            [(number, views[number]) for number in part.tolist()]
            for part in np.array_split(np.arange(len(views)), CHUNKS)
        ]
        self._pool = pool

    def align(self, voxels: Voxels, occupancy: Float32[np.ndarray, " N"]) -> None:
        """Corrects the poses by a field."""
        some = np.flatnonzero(occupancy >= LEAST_OCCUPANCY)
        if not len(some):
            return
        voxels, occupancy = voxels.some(some), occupancy[some]

        def of_part(part: list[tuple[int, PosedView]]) -> None:
            shown = Shown.room_for(voxels)
            for _, view in part:
                align(view, voxels, occupancy, shown)

        list(self._pool.map(of_part, self._ranges))

    def sums(
        self,
        voxels: Voxels,
        occupancy: Float32[np.ndarray, " N"] | None,
        weights: Float32[np.ndarray, " views"],
    ) -> _Sums:
        """The expectation over all views under a field; the plain votes where there is none yet."""
        parts = list(self._pool.map(lambda part: _part(part, voxels, occupancy, weights), self._ranges))
        total = parts[0]
        for part in parts[1:]:
            total.found += part.found
            total.looked += part.looked
            total.hidden += part.hidden
        total.agreement = np.concatenate([part.agreement for part in parts])
        return total


def _part(
    views: list[tuple[int, PosedView]],
    voxels: Voxels,
    occupancy: Float32[np.ndarray, " N"] | None,
    weights: Float32[np.ndarray, " views"],
) -> _Sums:
    found, looked, hidden = (np.zeros(len(voxels), np.float32) for _ in range(3))
    agreements = np.zeros(len(views), np.float32)
    shown = Shown.room_for(voxels)
    for place, (number, posed) in enumerate(views):
        weight, seen = float(weights[number]), posed.view.seen
        posed.look(voxels, shown)
        if occupancy is None:
            count(shown.shown, weight, found, looked, hidden)
            continue
        likely = posed.draw(voxels, occupancy, shown)
        agreements[place] = agreement(likely, seen.objects, seen.people, seen.width, posed.scale)
        explain(occupancy, shown.seen, shown.shown, likely, posed.scale, weight, found, looked)
    return _Sums(found, looked, hidden, agreements)
