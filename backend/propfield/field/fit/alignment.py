"""A view's pose corrected by the object's mask, as far as the keypoints leave open.

With L the misfit between mask and likely silhouette, and C what the keypoints leave unsure, the likeliest
correction δ minimises L(δ) + ½ δᵀ C⁻¹ δ, so that δ = −C ∇L(δ). It is stepped to, damped: δ = C p with
p ← p + a (−∇L − p), which needs no inverse of C. As in the refinement of electron microscopy, where views'
offsets have a prior and are refined in turns with the volume (Scheres 2012): the field of the round is
explained best where the person is, and the next field is made of persons who are there.
"""

import numpy as np
from jaxtyping import Float32

from propfield.body.skeleton import JOINT_COUNT
from propfield.field.fit.limbs import CORRECTIONS, PARENT_OF
from propfield.field.fit.posed_view import PosedView, Shown, Voxels
from propfield.field.fit.silhouettes import edges, misfit, pull

STEPS = 3
"""Tried in a round."""
LEAST_OCCUPANCY = 0.03
"""Fainter voxels neither pull nor are drawn."""
TEMPER = 50.0
"""So many cells of a silhouette tell as much as one would that is independent of its neighbours."""
LEAST_EAGERNESS = 0.01


def align(posed: PosedView, voxels: Voxels, occupancy: Float32[np.ndarray, " N"], shown: Shown) -> None:
    """Moves a view's person nearer to where the field explains its mask best; never to where, with what the
    keypoints say, it is less likely."""
    if posed.view.covariance is None:
        return
    best, towards = _slope(posed, posed.pulled, voxels, occupancy, shown)
    for _ in range(STEPS):
        tried = posed.pulled + np.float32(posed.eagerness) * (towards - posed.pulled)
        found, slope = _slope(posed, tried, voxels, occupancy, shown)
        if found < best:
            posed.pulled, best, towards = tried, found, slope
            posed.eagerness = min(posed.eagerness * 2, 1.0)
        else:
            posed.eagerness = max(posed.eagerness / 4, LEAST_EAGERNESS)
    posed.move(_correction(posed, posed.pulled))


def _correction(posed: PosedView, pulled: Float32[np.ndarray, "75"]) -> Float32[np.ndarray, "25 3"]:
    return (posed.view.covariance @ pulled).reshape(CORRECTIONS, 3)


def _slope(
    posed: PosedView,
    pulled: Float32[np.ndarray, "75"],
    voxels: Voxels,
    occupancy: Float32[np.ndarray, " N"],
    shown: Shown,
) -> tuple[float, Float32[np.ndarray, "75"]]:
    """Minus the logarithm of how likely a correction is, and where the mask would pull it to."""
    correction = _correction(posed, pulled)
    posed.move(correction)
    posed.look(voxels, shown)
    likely = posed.draw(voxels, occupancy, shown)
    seen = posed.view.seen
    slopes = np.empty_like(likely)
    apart = misfit(likely, seen.objects, seen.people, seen.width, posed.scale, slopes)
    edge = np.empty((*likely.shape, 2), np.float32)
    edges(likely, slopes, edge)
    forces, moments = np.empty((2, JOINT_COUNT, 3), np.float32)
    gradient = np.empty((CORRECTIONS, 3), np.float32)
    pull(
        occupancy, shown.seen, shown.shown, *shown.skin, posed.focal * voxels.width, posed.scale, seen.lens,
        likely, edge, posed.places, PARENT_OF, forces, moments, gradient,
    )  # fmt: skip
    prior = 0.5 * float(correction.reshape(-1) @ pulled)
    return prior + apart / TEMPER, gradient.reshape(-1) / np.float32(-TEMPER)
