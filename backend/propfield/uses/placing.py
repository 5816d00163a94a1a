"""Where an object is: the turn, shift and size with which its mesh explains a photo's mask, and stays near to
where it started, in contact, out of the body and above the ground.

A search without gradients, since silhouettes have none worth having, and a placement takes some 50 µs. Starts
that put the object onto its mask are drawn around the contact; the best of them are refined by the
cross-entropy method (Rubinstein 1999; de Boer et al. 2005, §4): it fits a normal distribution to the best of
its samples, and draws the next ones from that.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float64
from scipy.spatial.transform import Rotation

from propfield.observations.observation import Camera
from propfield.uses.placing_kernels import TERMS, Arrays, Photo, Solid, Weights, energies, linear

RANDOM_STARTS = 160
KEPT_STARTS = 3
SAMPLES, ELITE = 48, 10
STEPS, LAST_STEPS = 8, 16
SPREAD = np.array([0.4, 0.4, 0.4, 0.05, 0.05, 0.1, 0.08, 0.12])
"""Of the first samples: radians, metres (across the picture twice, then along), logarithms."""


@dataclass(frozen=True)
class Placement:
    """Attributes:
    state: turn (3, radians, about the pivot in the camera's axes), shift (3, metres), logarithms of the scale
        and of the stretch along the mesh's axis.
    terms: what placing_kernels.energies says of it.
    """

    state: Float64[np.ndarray, "8"]
    terms: Float64[np.ndarray, "8"]

    @property
    def energy(self) -> float:
        """In nats; the least is best."""
        return float(self.terms[0])


class Search:
    """Placements of one mesh over one photo, by a stream of random numbers of its own."""

    def __init__(
        self, camera: Camera, arrays: Arrays, photo: Photo, solid: Solid, weights: Weights, *, seed: int
    ) -> None:
        self._camera = camera
        self._fixed: tuple[Any, ...] = (*arrays, photo, solid, weights)
        self._arrays, self._photo, self._weights = arrays, photo, weights
        self._random = np.random.default_rng(seed)

    def score(self, states: Float64[np.ndarray, "N 8"]) -> Float64[np.ndarray, "N 8"]:
        """The terms of each placement."""
        result = np.empty((len(states), TERMS))
        threads = min(os.cpu_count() or 1, 4)
        bounds = np.linspace(0, len(states), threads + 1).astype(int).tolist()

        def some(span: tuple[int, int]) -> None:
            energies(states[slice(*span)], *self._fixed, result[slice(*span)])

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(some, pairwise(bounds)))
        return result

    def started(self) -> list[Placement]:
        """The best starts, unlike each other: as the mesh lies, and turned and moved onto the mask."""
        states = np.concatenate([np.zeros((1, 8)), self._onto_mask(), self._drawn()])
        terms = self.score(states)
        kept: list[Placement] = []
        for index in terms[:, 0].argsort():
            apart = (np.abs(states[index, :3] - each.state[:3]).max() for each in kept)
            if all(gap > 0.5 for gap in apart):
                kept.append(Placement(states[index], terms[index]))
            if len(kept) == KEPT_STARTS:
                break
        return kept

    def refined(self, start: Placement, steps: int = STEPS, spread: float = 1.0) -> Placement:
        """The best placement found around a start."""
        mean, covariance, best = start.state, np.diag((SPREAD * spread) ** 2), start
        for _ in range(steps):
            states = self._random.multivariate_normal(mean, covariance, SAMPLES, method="cholesky")
            terms = self.score(states)
            elite = terms[:, 0].argsort()[:ELITE]
            if terms[elite[0], 0] < best.energy:
                best = Placement(states[elite[0]], terms[elite[0]])
            mean = states[elite].mean(0)
            # The spread of few samples is too small along some direction; some of the old one stays.
            covariance = 0.7 * np.cov(states[elite].T) + 0.2 * covariance + np.diag((SPREAD * 0.01) ** 2)
        return best

    def transform(self, placement: Placement) -> Float64[np.ndarray, "4 4"]:
        """A placement as what takes the mesh as it lies to where it is, in the person's space."""
        R, t = self._camera.R.astype(float), self._camera.t.astype(float)
        pivot, state = self._arrays.pivot, placement.state
        turn = linear(state, self._arrays.axis)
        # In the camera's space x → turn (x − pivot) + pivot + shift.
        moved = np.eye(4)
        moved[:3, :3] = R.T @ turn @ R
        moved[:3, 3] = R.T @ (turn @ (t - pivot) + pivot + state[3:6] - t)
        return moved

    def _onto_mask(self) -> np.ndarray:
        """Turned about the pivot so that the mesh's middle comes to lie on the ray of the mask's middle, at
        its own distance from the pivot, before and behind it; and then turned about that direction."""
        arm = self._arrays.model.mean(0)
        reach = float(np.linalg.norm(arm))
        ray, pivot = self._ray(), self._arrays.pivot
        along = float(ray @ pivot)
        off = float(pivot @ pivot) - along**2
        if reach < 0.05:
            return np.zeros((0, 8))
        # Where the ray is farther away than the mesh reaches, its nearest point has to do.
        depth = np.sqrt(max(reach**2 - off, 0.0))
        states = []
        for distance in (along - depth, along + depth):
            goal = ray * distance - pivot
            turn = _between(arm, goal)
            for angle in np.arange(8) * np.pi / 4:
                about = _matrix(goal / np.linalg.norm(goal) * angle)
                turned = Rotation.from_matrix(about @ turn).as_rotvec()
                states += [[*turned, 0, 0, 0, size, 0] for size in (-0.15, 0.0, 0.15)]
        return np.array(states)

    def _drawn(self) -> np.ndarray:
        """Turned at random and moved across the picture until the middle lies on the mask's."""
        random, spread = self._random, self._weights
        turns = (
            random.normal(size=(RANDOM_STARTS, 3))
            * spread.turn_spread
            * np.linspace(0, 1.5, RANDOM_STARTS)[:, None]
        )
        states = np.zeros((RANDOM_STARTS, 8))
        states[:, :3] = turns
        states[:, 6] = random.normal(size=RANDOM_STARTS) * spread.scale_spread
        ray, pivot = self._ray(), self._arrays.pivot
        arm = self._arrays.model.mean(0)
        for state in states:
            middle = pivot + _matrix(state[:3]) @ arm * np.exp(state[6])
            onto = ray / ray[2] * middle[2]
            state[3:5] = (onto - middle)[:2] * random.choice([0.5, 1.0])
        return states

    def _ray(self) -> np.ndarray:
        """The direction in which the mask's middle is seen."""
        fx, fy, cx, cy = self._photo.focal
        ray = np.array([(self._photo.middle[0] - cx) / fx, (self._photo.middle[1] - cy) / fy, 1.0])
        return ray / np.linalg.norm(ray)


def _matrix(vector: np.ndarray) -> np.ndarray:
    return Rotation.from_rotvec(vector).as_matrix()


def _between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The smallest rotation from one direction to another."""
    first, second = first / np.linalg.norm(first), second / np.linalg.norm(second)
    axis = np.cross(first, second)
    sine, cosine = float(np.linalg.norm(axis)), float(first @ second)
    if sine < 1e-9:
        across = np.cross(first, [1.0, 0, 0] if abs(first[0]) < 0.9 else [0, 1.0, 0])
        return np.eye(3) if cosine > 0 else _matrix(across / np.linalg.norm(across) * np.pi)
    return _matrix(axis / sine * np.arctan2(sine, cosine))
