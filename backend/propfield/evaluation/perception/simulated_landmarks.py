"""Landmarks as a detector gives them: true ones with noise, outliers, swapped sides and missing points."""

import numpy as np
from jaxtyping import Float32, Int64

from propfield.evaluation.perception.people import StudioPerson
from propfield.perception.landmarks import LANDMARK_COUNT, LANDMARK_NAMES, Landmarks

# COCO's per-keypoint spreads of its annotators (the σ of object keypoint similarity, cocodataset.org), as
# shares of the square root of the person's area; feet and hands from COCO-WholeBody (Jin et al. 2020).
_SPREADS = {
    "nose": 0.026, "eye": 0.025, "ear": 0.035, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062,
    "hip": 0.107, "knee": 0.087, "ankle": 0.089, "toe": 0.068, "heel": 0.066, "knuckle": 0.04,
}  # fmt: skip
SHARPNESS = 0.4
"""Detectors err less than annotators differ, on people who are in plain sight: about this share of it."""
HIDDEN = 2.5
"""Times that of what cannot be seen."""
OUTLIERS = 0.02
MISSED = (0.02, 0.3)
"""Shares of landmarks that get no evidence: seen ones and hidden ones."""
SWAPPED = 0.03
"""Share of people whose legs, or arms, are given to the other side; thrice that from behind."""
TILT, DEPTH, PLANE = np.radians(9.0), 0.06, 0.02
"""Of 3D landmarks: a turn of the whole about the picture's horizontal, metres along and across the view."""

_LEGS, _ARMS = ("hip", "knee", "ankle", "toe", "heel"), ("shoulder", "elbow", "wrist", "knuckle")


def simulated_landmarks(person: StudioPerson, *, ends: bool, depth: bool) -> Landmarks:
    """What a detector would say of a person; the same for the same person. `ends` tells whether it knows
    feet and hands, `depth` whether it guesses 3D landmarks, as BlazePose does."""
    random = np.random.default_rng([person.seed, 2])
    names = [name.split("_")[-1] for name in LANDMARK_NAMES]
    true = person.landmarks
    width, height = np.ptp(true, axis=0)
    scale = np.sqrt(0.4 * height * max(width, height / 4))
    spread = SHARPNESS * scale * np.array([_SPREADS[name] for name in names])
    spread = np.where(person.clear, spread, HIDDEN * spread)
    pixels = true + spread[:, None] * random.normal(size=(LANDMARK_COUNT, 2))
    astray = random.uniform(size=LANDMARK_COUNT) < OUTLIERS
    pixels = pixels + astray[:, None] * random.normal(0, 0.2 * height, (LANDMARK_COUNT, 2))
    confidence = np.where(person.clear, random.uniform(0.75, 1, 23), random.uniform(0.2, 0.8, 23))
    missed = random.uniform(size=LANDMARK_COUNT) < np.where(person.clear, *MISSED)
    confidence[missed | ~person.framed] = 0
    if not ends:
        confidence[17:] = 0
    image = np.concatenate([pixels, confidence[:, None]], 1).astype(np.float32)
    order = _sides(SWAPPED * (3 if person.view == "back" else 1), random)
    return Landmarks(image=image[order], world=_world(person, random)[order] if depth else None)


def _sides(share: float, random: np.random.Generator) -> Int64[np.ndarray, "23"]:
    """The landmarks' order, with that share of legs, and of arms, given to the other side."""
    order = np.arange(LANDMARK_COUNT)
    for parts in (_LEGS, _ARMS):
        if random.uniform() < share:
            for index, name in enumerate(LANDMARK_NAMES):
                side, _, part = name.partition("_")
                if part in parts:
                    other = "right" if side == "left" else "left"
                    order[index] = LANDMARK_NAMES.index(f"{other}_{part}")
    return order


def _world(person: StudioPerson, random: np.random.Generator) -> Float32[np.ndarray, "23 3"]:
    """BlazePose sees a crop: its axes are those of a camera that looks at the person's middle."""
    points = person.points @ person.camera.R.T
    away = person.joints[0] / np.linalg.norm(person.joints[0])
    right = np.cross([0.0, 1, 0], away)
    right /= np.linalg.norm(right)
    points = points @ np.stack([right, np.cross(away, right), away]).T
    tilt = random.normal(0, TILT)
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    points = (points - points[11:13].mean(0)) @ turn.T
    worse = np.where(person.clear, 1.0, HIDDEN)[:, None]
    noise = random.normal(size=points.shape) * [PLANE, PLANE, DEPTH] * worse
    return (points + noise).astype(np.float32)
