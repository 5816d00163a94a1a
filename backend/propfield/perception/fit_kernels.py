"""The fit minimised by Levenberg and Marquardt's method, and the curvature at what that finds, compiled."""

from typing import no_type_check

import numpy as np

from propfield.kernels import kernel
from propfield.perception.articulated import COMPILED, POSE, SHAPE, fill_slopes, rodrigues, room
from propfield.perception.fit_terms import likelihood

DONE = 1e-4
"""Nats by which a step must better the likelihood, else it was the last."""
LONGEST = 0.6
"""Radians by which a step turns anything at most: the model is linear only near by."""


@kernel(**COMPILED)
@no_type_check
def _solve(normal, damping, slope, factor, step):
    """Fills `step` with what solves (normal + damping · its diagonal) step = −slope, by Cholesky's factors;
    False where there are none."""
    size = len(slope)
    for i in range(size):
        for j in range(i):
            factor[i, j] = (normal[i, j] - (factor[i, :j] * factor[j, :j]).sum()) / factor[j, j]
        square = normal[i, i] * (1 + damping) + 1e-9 - (factor[i, :i] * factor[i, :i]).sum()
        if not square > 0:
            return False
        factor[i, i] = np.sqrt(square)
    for i in range(size):
        step[i] = (-slope[i] - (factor[i, :i] * step[:i]).sum()) / factor[i, i]
    for i in range(size - 1, -1, -1):
        total = step[i]
        for j in range(i + 1, size):
            total -= factor[j, i] * step[j]
        step[i] = total / factor[i, i]
    return True


@kernel(**COMPILED)
@no_type_check
def minimise(body, rules, evidence, readings, softness, steps, state, costs):
    """Takes every start of `state` at most `steps` steps down, in place, and fills `costs` in nats."""
    size = SHAPE + state.shape.shape[1]
    posed, row = room(body), np.empty(3)
    normal, slope, factor, step = (
        np.zeros((size, size)),
        np.zeros(size),
        np.zeros((size, size)),
        np.zeros(size),
    )
    trial_normal, trial_slope = np.zeros((size, size)), np.zeros(size)
    turned, unused, turn = np.zeros((3, 3)), np.zeros((3, 3)), np.zeros((3, 3))
    for start in range(len(readings)):
        reading, damping = readings[start], 1e-2
        cost = likelihood(
            body, rules, evidence, reading, softness, state.turn[start], state.place[start],
            state.pose[start], state.shape[start], posed, normal, slope,
        )  # fmt: skip
        for _ in range(steps):
            if not _solve(normal, damping, slope, factor, step):
                damping = max(10 * damping, 1e-6)
                continue
            step *= min(1.0, LONGEST / max(np.abs(step[:SHAPE]).max(), 1e-12))
            row[:] = step[:3]
            rodrigues(row, turned, unused)
            turn[:] = 0.0
            for i in range(3):
                for j in range(3):
                    for k in range(3):
                        turn[i, j] += turned[i, k] * state.turn[start, k, j]
            place = state.place[start] + step[3:POSE]
            pose = state.pose[start].copy()
            pose[1:] += step[POSE:SHAPE].reshape(23, 3)
            shape = state.shape[start] + step[SHAPE:]
            trial = likelihood(
                body, rules, evidence, reading, softness, turn, place, pose, shape, posed,
                trial_normal, trial_slope,
            )  # fmt: skip
            if trial < cost:
                gain = cost - trial
                cost = trial
                state.turn[start], state.place[start] = turn, place
                state.pose[start], state.shape[start] = pose, shape
                normal, trial_normal = trial_normal, normal
                slope, trial_slope = trial_slope, slope
                damping = max(damping / 4, 1e-7)
                if gain < DONE:
                    break
            else:
                damping *= 5
                if damping > 1e6:
                    break
        costs[start] = cost


@kernel(**COMPILED)
@no_type_check
def joint_spreads(body, rules, evidence, reading, state, start, first_joint, normal, places, slopes):
    """At a minimum: fills `normal` (both halves), and the places of the 24 points from `first_joint` on
    around the first of them with their derivatives."""
    posed, slope = room(body), np.zeros(len(normal))
    likelihood(
        body, rules, evidence, reading, 1.0, state.turn[start], state.place[start], state.pose[start],
        state.shape[start], posed, normal, slope,
    )  # fmt: skip
    for i in range(len(normal)):
        for j in range(i):
            normal[j, i] = normal[i, j]
    for joint in range(24):
        point = first_joint + joint
        posed.slopes[point] = 0.0
        fill_slopes(body, point, posed)
        places[joint] = posed.points[point] - posed.places[0]
        slopes[joint] = posed.slopes[point]
        # Around the pelvis, where the person stands does not matter.
        slopes[joint, :, 3:POSE] = 0.0
