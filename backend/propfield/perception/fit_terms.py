"""The fit's likelihood and its slopes, compiled.

Every term is a negative log-likelihood: half the square of a residual over its spread, so that the normal
equations are the Gauss-Newton approximation of its second derivatives.
"""

from typing import no_type_check

import numpy as np

from propfield.kernels import kernel
from propfield.perception.articulated import COMPILED, POSE, SHAPE, fill_slopes, place_body

NEAREST = 0.2
"""Metres: nothing of a person is closer to the lens."""
PLAIN = 0.01
"""Share of the plain square beside the robust one: far-off starts still see a slope."""
CLOSE = 0.05
"""Metres under which a projection is taken as if it were so far."""


@kernel(**COMPILED)
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


@kernel(**COMPILED)
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


@kernel(**COMPILED)
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


@kernel(**COMPILED)
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


@kernel(**COMPILED)
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


@kernel(**COMPILED)
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


@kernel(**COMPILED)
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
