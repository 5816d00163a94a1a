"""The fit's likelihood and its minimisation by Levenberg and Marquardt's method, compiled.

Every term is a negative log-likelihood: half the square of a residual over its spread, so that the normal
equations are the Gauss-Newton approximation of its second derivatives.
"""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float64, Int64
from numba import njit

from propfield.perception.articulated import COMPILED, POSE, SHAPE, fill_slopes, place_body, rodrigues, room

NEAREST = 0.2
"""Metres: nothing of a person is closer to the lens."""
PLAIN = 0.01
"""Share of the plain square beside the robust one: far-off starts still see a slope."""
CLOSE = 0.05
"""Metres under which a projection is taken as if it were so far."""
DONE = 1e-4
"""Nats by which a step must better the likelihood, else it was the last."""


class Rules(NamedTuple):
    """What holds for every person. Points are landmarks (as in the evidence), then others, then spheres.

    Attributes:
        bones: pairs of landmarks whose direction may be known.
        mean, precision: of the pose's prior, radians and 1/radians².
        low, high: limits of the pose, radians; limit_precision, 1/radians², is how hard they are.
        shape_precision: of a shape number around zero.
        outlier: spreads of a keypoint beyond which it stops counting.
        first_sphere: the point at which spheres begin; radii and pairs of them, and gap_precision, 1/metres².
        upright_precision: of the sine by which the person leans to or from the camera.
    """

    bones: Int64[np.ndarray, "N 2"]
    mean: Float64[np.ndarray, "24 3"]
    precision: Float64[np.ndarray, "24 3"]
    low: Float64[np.ndarray, "24 3"]
    high: Float64[np.ndarray, "24 3"]
    limit_precision: float
    shape_precision: float
    outlier: float
    first_sphere: int
    radii: Float64[np.ndarray, " M"]
    pairs: Int64[np.ndarray, "Q 2"]
    gap_precision: float
    upright_precision: float


class Evidence(NamedTuple):
    """What one photo says, in each of L readings of its sides.

    Attributes:
        lens: fx, fy, cx, cy, pixels.
        pixels, precision: of the landmarks, pixels and 1/pixels²; 0 without evidence.
        directions, direction_precision: unit vectors of the bones in the camera's axes; 0 where unknown.
        doubt: nats that each reading costs.
    """

    lens: Float64[np.ndarray, "4"]
    pixels: Float64[np.ndarray, "L 23 2"]
    precision: Float64[np.ndarray, "L 23"]
    directions: Float64[np.ndarray, "L N 3"]
    direction_precision: Float64[np.ndarray, "L N"]
    doubt: Float64[np.ndarray, " L"]


@njit(**COMPILED)
@no_type_check
def _add(row, residual, precision, columns, count, normal, slope):
    """Adds a residual with its derivatives to the normal equations."""
    for i in range(count):
        a = columns[i]
        value = precision * row[a]
        slope[a] += value * residual
        for j in range(i + 1):
            b = columns[j]
            normal[a, b] += value * row[b]


@njit(**COMPILED)
@no_type_check
def _merged(first, first_count, second, second_count, out):
    """The union of two ascending lists; its length."""
    i, j, count = 0, 0, 0
    while i < first_count or j < second_count:
        a = first[i] if i < first_count else 1 << 30
        b = second[j] if j < second_count else 1 << 30
        out[count] = min(a, b)
        i += a <= b
        j += b <= a
        count += 1
    return count


@njit(**COMPILED)
@no_type_check
def _image_terms(body, rules, evidence, reading, softness, posed, normal, slope, row):
    fx, fy, cx, cy = evidence.lens
    cost, outlier = 0.0, rules.outlier * rules.outlier
    for mark in range(evidence.pixels.shape[1]):
        precision = evidence.precision[reading, mark] / (softness * softness)
        if precision <= 0:
            continue
        x, y, z = posed.points[mark]
        z = max(z, CLOSE)
        right = fx * x / z + cx - evidence.pixels[reading, mark, 0]
        down = fy * y / z + cy - evidence.pixels[reading, mark, 1]
        squared = precision * (right * right + down * down)
        # Geman and McClure's; confidence is in the precision, so an unsure keypoint is soon far off.
        share = 1 / (1 + squared / outlier)
        cost += 0.5 * squared * (share + PLAIN)
        weight = precision * (share * share + PLAIN)
        fill_slopes(body, mark, posed)
        joint = body.anchors[mark]
        columns, count = body.columns[joint], body.counts[joint]
        moves = posed.slopes[mark]
        for i in range(count):
            a = columns[i]
            row[a] = fx / z * (moves[0, a] - x / z * moves[2, a])
        _add(row, right, weight, columns, count, normal, slope)
        for i in range(count):
            a = columns[i]
            row[a] = fy / z * (moves[1, a] - y / z * moves[2, a])
        _add(row, down, weight, columns, count, normal, slope)
    return cost


@njit(**COMPILED)
@no_type_check
def _direction_terms(body, rules, evidence, reading, softness, posed, normal, slope, row, columns):
    cost = 0.0
    for bone in range(len(rules.bones)):
        precision = evidence.direction_precision[reading, bone] / (softness * softness)
        if precision <= 0:
            continue
        tail, head = rules.bones[bone]
        fill_slopes(body, tail, posed)
        fill_slopes(body, head, posed)
        along = posed.points[head] - posed.points[tail]
        length = max(np.sqrt((along * along).sum()), 1e-6)
        along /= length
        first, second = body.anchors[tail], body.anchors[head]
        count = _merged(
            body.columns[first], body.counts[first], body.columns[second], body.counts[second], columns
        )
        # A point's row holds old numbers in columns that do not move it, so both ends are put together here.
        moves = np.zeros((3, len(row)))
        for i in range(body.counts[second]):
            moves[:, body.columns[second, i]] += posed.slopes[head, :, body.columns[second, i]]
        for i in range(body.counts[first]):
            moves[:, body.columns[first, i]] -= posed.slopes[tail, :, body.columns[first, i]]
        for axis in range(3):
            residual = along[axis] - evidence.directions[reading, bone, axis]
            cost += 0.5 * precision * residual * residual
            for i in range(count):
                a = columns[i]
                inward = along[0] * moves[0, a] + along[1] * moves[1, a] + along[2] * moves[2, a]
                row[a] = (moves[axis, a] - along[axis] * inward) / length
            _add(row, residual, precision, columns, count, normal, slope)
    return cost


@njit(**COMPILED)
@no_type_check
def _collision_terms(body, rules, posed, normal, slope, row, columns):
    """Spheres that run into each other, as far as they do."""
    cost = 0.0
    for pair in range(len(rules.pairs)):
        one, other = rules.pairs[pair]
        reach = rules.radii[one] + rules.radii[other]
        one, other = one + rules.first_sphere, other + rules.first_sphere
        apart = posed.points[one] - posed.points[other]
        distance = np.sqrt((apart * apart).sum())
        if distance >= reach:
            continue
        apart /= max(distance, 1e-6)
        residual = reach - distance
        cost += 0.5 * rules.gap_precision * residual * residual
        fill_slopes(body, one, posed)
        fill_slopes(body, other, posed)
        first, second = body.anchors[one], body.anchors[other]
        count = _merged(
            body.columns[first], body.counts[first], body.columns[second], body.counts[second], columns
        )
        for i in range(count):
            row[columns[i]] = 0.0
        for point, joint, sign in ((one, first, -1.0), (other, second, 1.0)):
            for i in range(body.counts[joint]):
                a = body.columns[joint, i]
                for axis in range(3):
                    row[a] += sign * apart[axis] * posed.slopes[point, axis, a]
        _add(row, residual, rules.gap_precision, columns, count, normal, slope)
    return cost


@njit(**COMPILED)
@no_type_check
def _prior_terms(rules, turn, place, pose, shape, normal, slope):
    """The pose's prior and limits, the shape's prior, that people stand upright and before the lens."""
    cost = 0.0
    for joint in range(1, 24):
        for axis in range(3):
            a, angle = POSE + 3 * (joint - 1) + axis, pose[joint, axis]
            off, precision = angle - rules.mean[joint, axis], rules.precision[joint, axis]
            beyond = max(angle - rules.high[joint, axis], 0.0) + min(angle - rules.low[joint, axis], 0.0)
            hard = rules.limit_precision if beyond != 0 else 0.0
            cost += 0.5 * (precision * off * off + hard * beyond * beyond)
            slope[a] += precision * off + hard * beyond
            normal[a, a] += precision + hard
    for s in range(len(shape)):
        cost += 0.5 * rules.shape_precision * shape[s] * shape[s]
        slope[SHAPE + s] += rules.shape_precision * shape[s]
        normal[SHAPE + s, SHAPE + s] += rules.shape_precision
    # The body's up is the turn's middle column; a small turn w moves its depth by w₀ u₁ − w₁ u₀.
    lean = turn[2, 1]
    moves = np.array([turn[1, 1], -turn[0, 1]])
    cost += 0.5 * rules.upright_precision * lean * lean
    for i in range(2):
        slope[i] += rules.upright_precision * lean * moves[i]
        for j in range(i + 1):
            normal[i, j] += rules.upright_precision * moves[i] * moves[j]
    short = max(np.log(NEAREST) - place[2], 0.0)
    cost += 0.5 * 1e3 * short * short
    slope[5] -= 1e3 * short
    if short > 0:
        normal[5, 5] += 1e3
    return cost


@njit(**COMPILED)
@no_type_check
def likelihood(body, rules, evidence, reading, softness, turn, place, pose, shape, posed, normal, slope):
    """Negative log-likelihood; fills the lower half of `normal` (second derivatives) and `slope` (first).
    `softness` multiplies the spreads of what the photo says."""
    normal[:] = 0.0
    slope[:] = 0.0
    place_body(body, turn, place, pose, shape, posed)
    row, columns = np.zeros(len(slope)), np.zeros(len(slope), np.int64)
    return (
        evidence.doubt[reading]
        + _image_terms(body, rules, evidence, reading, softness, posed, normal, slope, row)
        + _direction_terms(body, rules, evidence, reading, softness, posed, normal, slope, row, columns)
        + _collision_terms(body, rules, posed, normal, slope, row, columns)
        + _prior_terms(rules, turn, place, pose, shape, normal, slope)
    )


@njit(**COMPILED)
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


@njit(**COMPILED)
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
            # No step turns anything by much more than half a radian: the model is linear only near by.
            step *= min(1.0, 0.6 / max(np.abs(step[:SHAPE]).max(), 1e-12))
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


@njit(**COMPILED)
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
