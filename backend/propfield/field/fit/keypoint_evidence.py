"""What a picture's keypoints say against its fitted pose: a correction, and how unsure it stays.

A fitted pose θ is wrong by some ξ (limbs.py) that the keypoints tell of: to the first order

    keypoints − projected joints = H ξ + noise,    ξ ~ N(0, s² Σ),    noise ~ N(0, σ² / confidence²)

so ξ is normal given the keypoints, with the mean and covariance of a Kalman update. Σ says what monocular
fits get wrong: more of depth than across the picture. s and σ are the likeliest over all views (type-II
maximum likelihood, MacKay 1992): where every pose projects onto its keypoints s is 0, and no pose is touched.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from propfield.body.skeleton import JOINT_INDEX
from propfield.field.fit.limbs import CORRECTIONS, Skeleton, corrected_turns, joint_places, joint_slopes
from propfield.observations.observation import COCO_KEYPOINTS

LIMB_KEYPOINTS = COCO_KEYPOINTS[5:]
"""Shoulders to ankles. The face's are on a skin that differs from person to person."""
_JOINTS = tuple(JOINT_INDEX[name] for name in LIMB_KEYPOINTS)
LIMB_SPREAD = (12.0, 12.0, 4.0)
"""Degrees that a limb is wrong by about the camera's axes: x and y are toward and away from the camera."""
WHOLE_SPREAD = 4.5
"""Degrees, of the whole person."""
PELVIS_SPREAD = (0.03, 0.03)
"""Metres across the picture."""
DEPTH_SPREAD = 0.05
"""Of the pelvis' distance, as a part of it."""
SCALES = (0.0, 0.1, 0.2, 0.35, 0.6, 1.0, 1.6)
"""Values of s that are tried."""
NOISES = (0.004, 0.008, 0.016, 0.032)
"""Values of σ that are tried, metres in the person's plane."""
TRIED_VIEWS = 256
"""So many views s and σ are learned from."""
FREEDOM = 4.0
"""Degrees of freedom of Student's t with which a view counts for s and σ: some views are plainly wrong."""
FAR_OFF = 6.0
"""A keypoint's residual of so many σ counts a quarter (Geman & McClure 1985)."""
UNSEEN = 0.1
"""Keypoints of less confidence say nothing."""
ELSEWHERE = 0.75
"""Metres: a keypoint farther from its joint is not that joint's, and says nothing."""
NOTHING = 1e-4
"""The confidence of those."""
STEPS = 3


@dataclass(frozen=True)
class Figures:
    """Posed people in the spaces of their cameras, with what their keypoints say.

    Attributes:
        turns, pelvis: each limb's axes, and the pelvis' place in metres.
        lenses: fx, fy, cx, cy in pixels.
        keypoints: the twelve LIMB_KEYPOINTS in pixels, with confidence.
    """

    turns: Float[np.ndarray, "K 24 3 3"]
    pelvis: Float[np.ndarray, "K 3"]
    lenses: Float[np.ndarray, "K 4"]
    keypoints: Float[np.ndarray, "K 12 3"]


@dataclass(frozen=True)
class Corrected:
    """Attributes:
    turns, pelvis: as of Figures, after the likeliest correction.
    covariance: of what is still wrong, over the numbers of a further correction.
    scale: the s that was learned.
    """

    turns: Float[np.ndarray, "K 24 3 3"]
    pelvis: Float[np.ndarray, "K 3"]
    covariance: Float32[np.ndarray, "K 75 75"]
    scale: float


def corrected(figures: Figures, skeleton: Skeleton) -> Corrected:
    """Figures moved to where their keypoints say."""
    count = len(figures.turns)
    some = slice(None, None, max(count // TRIED_VIEWS, 1))
    told = _evidence(figures, skeleton, figures.turns, figures.pelvis)
    scale, noise = _likeliest(told.slopes[some], told.residual[some], told.spread[some], told.trust[some])
    spread = told.spread * scale**2
    size = CORRECTIONS * 3
    if scale == 0:
        nothing = np.zeros((count, size, size), np.float32)
        return Corrected(figures.turns, figures.pelvis, nothing, 0.0)
    correction = np.zeros((count, size))
    turns, pelvis = figures.turns, figures.pelvis
    # Gauss-Newton: each step linearises at the correction found so far.
    for step in range(STEPS):
        if step:
            told = _evidence(figures, skeleton, turns, pelvis)
        far = (told.residual**2).reshape(count, -1, 2).sum(-1) / noise**2
        doubt = (1 + np.repeat(far, 2, axis=1) / FAR_OFF**2) ** 2 if step else 1.0
        gain, covariance = _posterior(told.slopes, spread, noise**2 / told.trust * doubt)
        target = told.residual + np.einsum("kmp,kp->km", told.slopes, correction)
        correction = np.einsum("kpm,km->kp", gain, target)
        shaped = correction.reshape(count, CORRECTIONS, 3)
        turns = corrected_turns(figures.turns, shaped)
        pelvis = figures.pelvis + shaped[:, -1]
    return Corrected(turns, pelvis, covariance.astype(np.float32), scale)


@dataclass(frozen=True)
class _Evidence:
    slopes: Float[np.ndarray, "K 24 75"]
    residual: Float[np.ndarray, "K 24"]
    spread: Float[np.ndarray, "K 75"]
    trust: Float[np.ndarray, "K 24"]


def _evidence(
    figures: Figures,
    skeleton: Skeleton,
    turns: Float[np.ndarray, "K 24 3 3"],
    pelvis: Float[np.ndarray, "K 3"],
) -> _Evidence:
    """Residuals in metres at the pelvis' first distance, their slopes, and Σ's diagonal."""
    count = len(turns)
    places = joint_places(turns, pelvis, skeleton)
    x, y, z = np.moveaxis(places[:, list(_JOINTS)], -1, 0)
    before = z > 0.05
    z = np.maximum(z, 0.05)
    distance = np.maximum(figures.pelvis[:, 2:], 0.05)
    away = (figures.keypoints[..., :2] - figures.lenses[:, None, 2:]) / figures.lenses[:, None, :2]
    residual = (away - np.stack([x / z, y / z], -1)) * distance[..., None]
    seeing = np.zeros((count, len(_JOINTS), 2, 3))
    seeing[..., 0, 0] = seeing[..., 1, 1] = 1 / z
    seeing[..., 0, 2], seeing[..., 1, 2] = -x / z**2, -y / z**2
    slopes = joint_slopes(places, _JOINTS).reshape(count, len(_JOINTS), 3, -1)
    slopes = seeing @ slopes * distance[..., None, None]
    confidence = figures.keypoints[..., 2]
    told = (confidence >= UNSEEN) & before & (np.abs(residual).max(-1) < ELSEWHERE)
    residual[~told] = 0
    trust = np.where(told, np.minimum(confidence, 1), NOTHING) ** 2
    spread = np.empty((count, CORRECTIONS, 3))
    spread[:, 0] = np.radians(WHOLE_SPREAD)
    spread[:, 1:-1] = np.radians(LIMB_SPREAD)
    spread[:, -1, :2] = PELVIS_SPREAD
    spread[:, -1, 2:] = DEPTH_SPREAD * distance
    return _Evidence(
        slopes.reshape(count, 2 * len(_JOINTS), -1),
        residual.reshape(count, -1),
        spread.reshape(count, -1) ** 2,
        np.repeat(trust, 2, axis=1),
    )


def _posterior(
    slopes: Float[np.ndarray, "K 24 75"],
    spread: Float[np.ndarray, "K 75"],
    noise: Float[np.ndarray, "K 24"],
) -> tuple[Float[np.ndarray, "K 75 24"], Float[np.ndarray, "K 75 75"]]:
    """Kalman's gain and the covariance that remains."""
    crossed = spread[:, :, None] * slopes.transpose(0, 2, 1)
    gain = np.linalg.solve(_summed(slopes, spread, noise), crossed.transpose(0, 2, 1)).transpose(0, 2, 1)
    remains = -gain @ crossed.transpose(0, 2, 1)
    diagonal = np.arange(remains.shape[1])
    remains[:, diagonal, diagonal] += spread
    return gain, remains


def _summed(
    slopes: Float[np.ndarray, "K 24 75"],
    spread: Float[np.ndarray, "K 75"],
    noise: Float[np.ndarray, "K 24"],
) -> Float[np.ndarray, "K 24 24"]:
    """The covariance of residuals: H s² Σ Hᵀ + noise."""
    total = (slopes * spread[:, None]) @ slopes.transpose(0, 2, 1)
    diagonal = np.arange(total.shape[1])
    total[:, diagonal, diagonal] += noise
    return total


def _likeliest(
    slopes: Float[np.ndarray, "K 24 75"],
    residual: Float[np.ndarray, "K 24"],
    spread: Float[np.ndarray, "K 75"],
    trust: Float[np.ndarray, "K 24"],
) -> tuple[float, float]:
    """The s and σ under which the residuals of the views are likeliest; the smallest where they are 0."""
    best, chosen = np.inf, (0.0, NOISES[0])
    numbers = residual.shape[1]
    for scale in SCALES:
        for noise in NOISES:
            total = _summed(slopes, spread * scale**2, noise**2 / trust)
            _, size = np.linalg.slogdet(total)
            squared = np.einsum("km,km->k", residual, np.linalg.solve(total, residual[..., None])[..., 0])
            unlikely = size + (FREEDOM + numbers) * np.log1p(squared / FREEDOM)
            if unlikely.sum() < best:
                best, chosen = float(unlikely.sum()), (scale, noise)
    return chosen
