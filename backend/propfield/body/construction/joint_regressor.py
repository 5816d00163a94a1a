"""The 24 joints as fixed averages of vertices near them, so that a shaped body knows them (SMPL, §3.2)."""

import numpy as np
from jaxtyping import Float64, Int64
from scipy.optimize import nnls

from propfield.body.skeleton import JOINT_COUNT, MIRROR

REACH = 0.25  # metres around a joint within which any vertex may count
CANDIDATES = 2000
SPREAD = 120
TEMPLATE_WEIGHT = 1000.0  # the template's own joints must come out right, other people's nearly
SUM_WEIGHT = 1e3
RIDGE = 1e-3  # metres; makes the answer unique, so that a rounding error cannot choose another one


def joint_regressor(
    bodies: Float64[np.ndarray, "people V 3"],
    joints: Float64[np.ndarray, "people 24 3"],
    skin_weights: Float64[np.ndarray, "V 24"],
    mirror: Int64[np.ndarray, " V"],
) -> Float64[np.ndarray, "24 V"]:
    """Sparse non-negative rows that sum to 1, mirror-symmetric; the first body is the template."""
    regressor = np.zeros((JOINT_COUNT, bodies.shape[1]))
    for joint in range(JOINT_COUNT):
        if MIRROR[joint] < joint:
            regressor[joint] = regressor[MIRROR[joint]][mirror]
            continue
        on_the_middle = MIRROR[joint] == joint
        chosen = _spread_around(bodies[0], joints[0, joint], skin_weights[:, joint])
        if on_the_middle:
            chosen = np.union1d(chosen, mirror[chosen])
        regressor[joint, chosen] = _fit(bodies[:, chosen], joints[:, joint])
        if on_the_middle:
            regressor[joint] = (regressor[joint] + regressor[joint][mirror]) / 2
    return regressor


def _spread_around(
    template: Float64[np.ndarray, "V 3"], joint: Float64[np.ndarray, "3"], weights: Float64[np.ndarray, " V"]
) -> Int64[np.ndarray, " _"]:
    """Vertices near a joint, well spread: farthest-point sampling over the nearest candidates."""
    distance = np.linalg.norm(template - joint, axis=1)
    near = np.flatnonzero((weights > 0) | (distance < REACH))
    near = near[np.argsort(distance[near], kind="stable")[:CANDIDATES]]
    chosen = [near[0]]
    gap = np.full(len(near), np.inf)
    for _ in range(min(SPREAD, len(near) - 1)):
        gap = np.minimum(gap, np.linalg.norm(template[near] - template[chosen[-1]], axis=1))
        chosen.append(near[gap.argmax()])
    return np.unique(chosen)


def _fit(
    vertices: Float64[np.ndarray, "people n 3"], positions: Float64[np.ndarray, "people 3"]
) -> Float64[np.ndarray, " n"]:
    """Non-negative least squares for one joint."""
    count = vertices.shape[1]
    emphasis = np.ones(positions.size)
    emphasis[:3] = TEMPLATE_WEIGHT
    matrix = np.concatenate(
        [
            vertices.transpose(0, 2, 1).reshape(-1, count) * emphasis[:, None],
            np.full((1, count), SUM_WEIGHT),
            np.eye(count) * RIDGE,
        ]
    )
    wanted = np.concatenate([positions.ravel() * emphasis, [SUM_WEIGHT], np.zeros(count)])
    shares, _ = nnls(matrix, wanted)
    return shares / shares.sum()
