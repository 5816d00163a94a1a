"""A placement shifted until no point of the prop is deeper in the body than it may be: by the least shift
that takes out all that is too deep at once, and where the body is on both sides, out by the nearest way."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64
from scipy.optimize import nnls

from propfield.uses.placement.deepest import deepest
from propfield.uses.placement.kernels import touching
from propfield.uses.placement.prop_solid import PropSolid
from propfield.uses.placement.scene import Frame
from propfield.uses.placement.search import Found, spread_turns

DEEPEST = 0.005
"""Metres that a prop may be in the body."""
AIM = 0.004
"""Metres that a shift leaves of what was too deep."""
SHIFTS = 8
LONGEST = 0.03
"""Metres of one shift; what nearly contradicts itself would go farther."""
MOST_TOUCHING = 60
"""Points that a shift heeds."""
MOST_KNOWN = 3000
"""Points that were too deep which are remembered."""
WAYS, FIRST, LONGER, TRIED = 40, 0.003, 1.3, 5
"""Directions in which the nearest way out is sought, the length in metres from which, what the next one is
longer by, and how many of a length are measured exactly."""
ALL_FREE = np.ones(3, bool)


@dataclass(frozen=True)
class Settled:
    """Attributes:
    found: the placement.
    depth: metres that its deepest point is in the body; parts that may be gone into do not count. Infinite
        where it could not be taken out.
    rests: whether it stands on the ground.
    """

    found: Found
    depth: float
    rests: bool


def cleared(
    found: Found,
    prop: PropSolid,
    frame: Frame,
    free: Bool[np.ndarray, "3"] = ALL_FREE,
    farthest: float = np.inf,
) -> Settled:
    """The placement shifted along the axes that are free, until it is at most DEEPEST in the body; as it is,
    and deeper, where that takes more than `farthest` (metres)."""
    triangles = np.asarray(prop.mesh.triangles, float) @ found.matrix[:3, :3].T
    surface = prop.surface() @ found.matrix[:3, :3].T
    start = found.place[:3, 3]
    at = start
    # Relative to the prop, of all rounds: what was pushed out once shall not come back in.
    deep = np.zeros((0, 3))
    for _ in range(SHIFTS):
        depth, inside = _depth(triangles, surface, frame, at)
        if depth <= DEEPEST:
            return _moved(found, at, depth)
        deep = np.concatenate([deep[-4 * MOST_TOUCHING :], inside - at])
        step = least_shift(*_contacts(deep + at, frame), free)
        # Of a finger that is in the prop, one side says forward and the other back.
        if step is None:
            break
        at = at + step
    # However large both are, so far away nothing touches.
    apart = float(np.linalg.norm(np.ptp(frame.body.mesh.bounds, axis=0))) + prop.size * found.scale
    ways = spread_turns(WAYS)[:, 0] * free
    ways = ways[np.linalg.norm(ways, axis=1) > 0.1]
    ways /= np.linalg.norm(ways, axis=1)[:, None]
    length, turned = FIRST, np.ascontiguousarray(found.place[:3, :3])
    while length < min(farthest, 2 * apart):
        # The search's lattice says where to look first, exact distances of the points that were too deep
        # somewhere what is not worth a closer look, and those of all of it what is out.
        points = prop.points(deep @ found.matrix[:3, :3] / found.scale**2)
        shifted = start + length * ways
        rough = [touching(turned, each, found.scale, points, 1, frame.scene)[2] for each in shifted]
        for way in np.argsort(rough, kind="stable")[:TRIED]:
            if rough[way] > DEEPEST:
                break
            if frame.body.depths(deep + shifted[way]).max(initial=0) > DEEPEST:
                continue
            depth, inside = _depth(triangles, surface, frame, shifted[way])
            if depth <= DEEPEST:
                return _moved(found, shifted[way], depth)
            deep = np.concatenate([deep[-MOST_KNOWN:], inside - shifted[way]])
        length *= LONGER
    return Settled(found, np.inf, False)


def least_shift(
    outward: Float64[np.ndarray, "N 3"], wanted: Float64[np.ndarray, " N"], free: Bool[np.ndarray, "3"]
) -> Float64[np.ndarray, "3"] | None:
    """The shortest shift along free axes that takes each point so far outward; None where none of less than
    LONGEST does. Least distance programming (Lawson and Hanson 1974, ch. 23)."""
    matrix = np.concatenate([(outward * free).T, wanted[None]])
    solution, left = nnls(matrix, np.array([0.0, 0, 0, 1]))
    residual = matrix @ solution - np.array([0.0, 0, 0, 1])
    if left < 1e-4:
        return None
    shift = -residual[:3] / residual[3]
    return shift if np.linalg.norm(shift) < LONGEST else None


def _depth(
    triangles: Float64[np.ndarray, "T 3 3"],
    surface: Float64[np.ndarray, "N 3"],
    frame: Frame,
    at: Float64[np.ndarray, "3"],
) -> tuple[float, Float64[np.ndarray, "M 3"]]:
    """How deep the prop is with its middle at a place, and points of it that are in the body."""
    depths = frame.body.depths(surface + at)
    inside = (surface + at)[depths > AIM / 2]
    if depths.max() > DEEPEST:
        return float(depths.max()), inside
    there = deepest(triangles + at, frame.body, DEEPEST)
    return max(there.depth, float(depths.max())), np.concatenate([inside, there.points])


def _contacts(
    points: Float64[np.ndarray, "N 3"], frame: Frame
) -> tuple[Float64[np.ndarray, "M 3"], Float64[np.ndarray, " M"]]:
    """The way out from points of the prop that count, and how far each has to go at least: those that are not
    too deep may go in by what is left."""
    raw, face, closest = frame.body.signed(points)
    counts = ~frame.body.face_free[face] & (np.abs(raw) > 1e-6)
    raw, points, closest = raw[counts], points[counts], closest[counts]
    chosen = raw.argsort()[::-1]
    # The deepest, and others all over.
    chosen = np.unique(np.r_[chosen[: MOST_TOUCHING // 2], chosen[:: max(1, len(chosen) // 30)]])
    outward = (closest - points)[chosen] / raw[chosen, None]
    return outward, raw[chosen] - AIM


def exact_depth(found: Found, prop: PropSolid, frame: Frame) -> tuple[float, Float64[np.ndarray, "M 3"]]:
    """How deep a placed prop is, and points of it in space that are in the body."""
    turned = found.matrix[:3, :3].T
    triangles = np.asarray(prop.mesh.triangles, float) @ turned
    return _depth(triangles, prop.surface() @ turned, frame, found.place[:3, 3])


def _moved(found: Found, at: Float64[np.ndarray, "3"], depth: float) -> Settled:
    place = found.place.copy()
    place[:3, 3] = at
    return Settled(Found(place, found.scale, found.cost), depth, False)
