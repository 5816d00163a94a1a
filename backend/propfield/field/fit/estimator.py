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

from propfield.field.fit.silhouettes import RASTER, agreement, count, explain, look, silhouette
from propfield.field.fit.views import FitView
from propfield.field.grid import Grid
from propfield.progress import Progress, silent

ROUNDS = 8
"""More would sharpen what the skinning's errors blur into nothing (measured on the design's interactions)."""
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
    grid: Grid,
    weights: csr_array,
    voxels: Int64[np.ndarray, " N"],
    inside_body: Bool[np.ndarray, " N"],
    *,
    progress: Progress = silent,
    threads: int | None = None,
) -> Float32[np.ndarray, " N"]:
    """The probability that each of the `voxels` (flat indices) is the object's, from at least one view.

    `weights` are the whole grid's skinning weights, `inside_body` says which of the voxels lie in the body:
    those are never hidden, since an object that reaches into a body is seen by what it covers.
    """
    share = 1 / np.bincount([view.azimuth for view in views], minlength=12).clip(1)
    base = np.array([share[view.azimuth] for view in views], np.float32)
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        fit = _Fit(views, grid, weights, voxels, inside_body, pool)
        sums = fit.sums(None, base)
        doubt = PRIOR_VIEWS * base.mean() + HIDDEN_DOUBT * sums.hidden
        shrink = sums.looked / (sums.looked + doubt)
        votes = sums.found / np.maximum(sums.looked, 1e-9)
        occupancy = votes * shrink
        result = np.zeros(len(voxels), np.float32)
        kept = np.flatnonzero(occupancy >= LEAST_VOTE)
        if not len(kept):
            return result
        fit = _Fit(views, grid, weights, voxels[kept], inside_body[kept], pool)
        occupancy = occupancy[kept]
        belief = np.ones_like(base)
        for number in range(ROUNDS):
            progress("fit the field", number / ROUNDS)
            sums = fit.sums(occupancy, base * belief)
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


class _Fit:
    """The kernels over views and a choice of voxels."""

    def __init__(
        self,
        views: Sequence[FitView],
        grid: Grid,
        weights: csr_array,
        voxels: Int64[np.ndarray, " N"],
        inside_body: Bool[np.ndarray, " N"],
        pool: ThreadPoolExecutor,
    ) -> None:
        rows = weights[voxels]
        self._views = views
        self._voxel = grid.voxel
        self._points = np.ascontiguousarray(grid.centres()[voxels])
        self._starts = rows.indptr.astype(np.int32)
        self._joints = rows.indices.astype(np.uint8)
        self._weights = rows.data.astype(np.float32)
        self._hideable = (~inside_body).astype(np.uint8)
        self._pool = pool

    def sums(self, occupancy: Float32[np.ndarray, " N"] | None, weights: Float32[np.ndarray, " V"]) -> _Sums:
        """The expectation over all views under a field; the plain votes where there is none yet."""
        ranges = np.array_split(np.arange(len(self._views)), CHUNKS)
        parts = list(self._pool.map(lambda part: self._part(part, occupancy, weights), ranges))
        total = parts[0]
        for part in parts[1:]:
            total.found += part.found
            total.looked += part.looked
            total.hidden += part.hidden
        total.agreement = np.concatenate([part.agreement for part in parts])
        return total

    def _part(
        self,
        numbers: Int64[np.ndarray, " V"],
        occupancy: Float32[np.ndarray, " N"] | None,
        weights: Float32[np.ndarray, " views"],
    ) -> _Sums:
        size = len(self._points)
        found, looked, hidden = (np.zeros(size, np.float32) for _ in range(3))
        agreements = np.zeros(len(numbers), np.float32)
        seen, shown = np.zeros((size, 3), np.float32), np.zeros(size, np.uint8)
        for place, number in enumerate(numbers):
            view, weight = self._views[number], float(weights[number])
            look(
                view.bones, view.width, view.height, view.objects, view.people, view.depth, view.cell,
                self._points, self._starts, self._joints, self._weights, self._hideable, seen, shown,
            )  # fmt: skip
            if occupancy is None:
                count(shown, weight, found, looked, hidden)
                continue
            scale = RASTER / max(view.width, view.height)
            raster = int(np.ceil(view.height * scale)), int(np.ceil(view.width * scale))
            likely = np.empty(raster, np.float32)
            silhouette(occupancy, seen, shown, view.focal * self._voxel, scale, likely)
            agreements[place] = agreement(likely, view.objects, view.people, view.width, scale)
            explain(occupancy, seen, shown, likely, scale, weight, found, looked)
        return _Sums(found, looked, hidden, agreements)
