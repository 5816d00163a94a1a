"""How far each joint of a fit may be off: the curvature of the likelihood, and what other minima say."""

import numpy as np
from jaxtyping import Float32, Float64, Int64

from propfield.body.skeleton import JOINT_COUNT
from propfield.perception.articulated import SHAPE, Articulation, State
from propfield.perception.fit_evidence import FIRST_JOINT
from propfield.perception.fit_kernels import joint_spreads
from propfield.perception.fit_problem import Evidence, Rules

TEMPERATURE = 4.0
"""Nats that make another minimum e times less likely: terms are not as independent as nats would have it.
Measured on the studio, where joints are then as far off as is said (see `propfield evaluate perception`)."""
LEAST = 0.01
"""Metres: no joint is told better than annotators place it."""


def joint_uncertainty(
    body: Articulation,
    rules: Rules,
    evidence: Evidence,
    readings: Int64[np.ndarray, " B"],
    state: State,
    costs: Float64[np.ndarray, " B"],
) -> Float32[np.ndarray, "24"]:
    """Expected error of each joint around the pelvis, metres (root mean square), of the first of these
    minima: Laplace's approximation there, and the spread of all minima by their likelihood."""
    size = SHAPE + state.shape.shape[1]
    normal, slopes = np.zeros((size, size)), np.zeros((JOINT_COUNT, 3, size))
    places = np.zeros((len(readings), JOINT_COUNT, 3))
    for start in reversed(range(len(readings))):
        # The first comes last, so that its curvature and slopes remain.
        joint_spreads(
            body, rules, evidence, readings[start], state, start, FIRST_JOINT, normal, places[start], slopes
        )
    covariance = np.linalg.inv(normal + 1e-6 * np.eye(size))
    squared = np.einsum("jca,ab,jcb->j", slopes, covariance, slopes)
    shares = np.exp(-(costs - costs[0]) / TEMPERATURE)
    shares /= shares.sum()
    squared += np.einsum("b,bjc->j", shares, np.square(places - places[0]))
    return (np.sqrt(np.maximum(squared, 0) + LEAST**2)).astype(np.float32)
