"""A placement moved until no point of the prop is deeper in the body than it may be: by the least turn and
shift that take out all that is too deep at once, and where there is none, by the shortest of many ways."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.optimize import nnls
from scipy.spatial.transform import Rotation

from propfield.uses.placement.deepest import EXACT, deepest
from propfield.uses.placement.kernels import touching
from propfield.uses.placement.prop_solid import PropSolid
from propfield.uses.placement.scene import Frame
from propfield.uses.placement.search import Found, shifted, spread_turns

DEEPEST = 0.005 - EXACT
"""Metres that a prop may be in the body, as it is measured: no point of it is then deeper than 5 mm."""
AIM = 0.004
"""Metres that a motion leaves of what was too deep."""
STEPS = 8
LONGEST = 0.03
"""Metres of one motion; what nearly contradicts itself would go farther."""
MOST_TOUCHING = 60
"""Points that a motion heeds."""
MOST_KNOWN = 3000
"""Points that were too deep which are remembered."""
SHIFTS, MOTIONS = 40, 80
"""Directions in which the nearest way out is sought: shifts, and turns and shifts together."""
FIRST, LONGER, TRIED = 0.002, 1.3, 8
"""The length in metres from which they are tried, what the next one is longer by, and how many of a length
are measured exactly."""
EVERY, ROUGH = 4, 0.003
"""Of so many points of the prop's surface one is looked at to choose these; and metres by which the search's
lattice may be wrong."""
ALL_FREE = np.ones(6, bool)
"""Three turns, and three shifts."""


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
    free: Bool[np.ndarray, "6"] = ALL_FREE,
    farthest: float = np.inf,
) -> Settled:
    """The placement turned about and shifted along the axes that are free, until it is at most DEEPEST in the
    body; as it is, and deeper, where that takes more than `farthest` (metres)."""
    touched = np.zeros((0, 3))
    place = found.place
    arm = found.scale * float(np.sqrt((prop.outer**2).sum(1).mean()))
    for _ in range(STEPS):
        depth, inside = exact_depth(found.at(place), prop, frame)
        if depth <= DEEPEST:
            return Settled(found.at(place), depth, False)
        # In the prop's own axes, of all rounds: what was pushed out once shall not come back in.
        touched = np.concatenate([touched[-4 * MOST_TOUCHING :], (inside - place[:3, 3]) @ place[:3, :3]])
        points = touched @ place[:3, :3].T
        outward, wanted, heeded = _contacts(points + place[:3, 3], frame)
        step = least_motion(points[heeded], outward, wanted, arm, free)
        # Of a finger that is in the prop, one side says forward and the other back.
        if step is None:
            break
        place = _moved(place, step)
        if shifted(prop, found.matrix, found.at(place).matrix) > farthest:
            break
    return _nearest_way(found, prop, frame, touched, arm, free, farthest)


def _nearest_way(
    found: Found,
    prop: PropSolid,
    frame: Frame,
    touched: Float64[np.ndarray, "N 3"],
    arm: float,
    free: Bool[np.ndarray, "6"],
    farthest: float,
) -> Settled:
    """The placement moved out of the body by the shortest of many ways. `touched` are points, in the prop's
    own axes, that were in the body."""
    # However large both are, so far away nothing touches.
    apart = float(np.linalg.norm(np.ptp(frame.body.mesh.bounds, axis=0))) + prop.size * found.scale
    ways = _ways(arm, free)
    scene = frame.scene._replace(parts=frame.scene.parts[:0])
    # A shift takes no point farther out than it is long, and a turn hardly one three times as far.
    deep = frame.body.depths(touched @ found.place[:3, :3].T + found.place[:3, 3]).max(initial=0)
    length = max(FIRST, (deep - DEEPEST) / 3)
    while length < min(farthest, 2 * apart):
        # The search's lattice says where to look first, exact distances of the points that were too deep
        # somewhere what is not worth a closer look, and those of all of it what is out.
        points = prop.points(touched / found.scale)
        places = [_moved(found.place, length * way) for way in ways]
        rough = [
            touching(np.ascontiguousarray(place[:3, :3]), place[:3, 3], found.scale, points, EVERY, scene)[2]
            for place in places
        ]
        for way in np.argsort(rough, kind="stable")[:TRIED]:
            if rough[way] > DEEPEST + ROUGH:
                break
            place = places[way]
            known = touched @ place[:3, :3].T + place[:3, 3]
            if frame.body.depths(known).max(initial=0) > DEEPEST:
                continue
            depth, inside = exact_depth(found.at(place), prop, frame)
            if depth <= DEEPEST:
                return Settled(found.at(place), depth, False)
            more = (inside - place[:3, 3]) @ place[:3, :3]
            touched = np.concatenate([touched[-MOST_KNOWN:], more])
        length *= LONGER
    return Settled(found, np.inf, False)


def _ways(arm: float, free: Bool[np.ndarray, "6"]) -> Float64[np.ndarray, "N 6"]:
    """Motions all around, of unit length where a turn counts by what it moves at the arm's end."""
    shifts = np.concatenate([np.zeros((SHIFTS, 3)), spread_turns(SHIFTS)[:, 0]], axis=1)
    ways = np.concatenate([shifts, np.random.default_rng(0).normal(size=(MOTIONS, 6))]) * free
    lengths = np.linalg.norm(ways, axis=1)
    ways = ways[lengths > 0.1] / lengths[lengths > 0.1, None]
    return ways / [arm, arm, arm, 1, 1, 1]


def _moved(place: Float64[np.ndarray, "4 4"], motion: Float64[np.ndarray, "6"]) -> Float64[np.ndarray, "4 4"]:
    """Turned about its middle by a turn vector (radians), and shifted."""
    moved = place.copy()
    moved[:3, :3] = Rotation.from_rotvec(motion[:3]).as_matrix() @ place[:3, :3]
    moved[:3, 3] += motion[3:]
    return moved


def least_motion(
    points: Float64[np.ndarray, "N 3"],
    outward: Float64[np.ndarray, "N 3"],
    wanted: Float64[np.ndarray, " N"],
    arm: float,
    free: Bool[np.ndarray, "6"],
) -> Float64[np.ndarray, "6"] | None:
    """The least motion, a turn vector (radians) about the origin and then a shift, that takes each point so
    far outward, to first order; a turn counts by what it moves at the arm's end (metres). None where none of
    less than LONGEST does, or where no point says anything. Least distance programming (Lawson and Hanson
    1974, ch. 23)."""
    if not len(points):
        # SciPy's nnls 1.17 frees memory twice where there are no columns, which ends the process.
        return None
    rows = np.concatenate([np.cross(points, outward) / arm, outward], axis=1) * free
    matrix = np.concatenate([rows.T, wanted[None]])
    last = np.array([0.0, 0, 0, 0, 0, 0, 1])
    solution, left = nnls(matrix, last)
    residual = matrix @ solution - last
    if left < 1e-4:
        return None
    motion = -residual[:6] / residual[6]
    if not np.linalg.norm(motion) < LONGEST:
        return None
    return np.concatenate([motion[:3] / arm, motion[3:]])


def exact_depth(found: Found, prop: PropSolid, frame: Frame) -> tuple[float, Float64[np.ndarray, "M 3"]]:
    """How deep a placed prop is, and points of it in space that are in the body."""
    turned, at = found.matrix[:3, :3].T, found.place[:3, 3]
    surface = prop.surface @ turned + at
    depths = frame.body.depths(surface)
    inside = surface[depths > AIM / 2]
    if depths.max() > DEEPEST:
        return float(depths.max()), inside
    there = deepest(np.asarray(prop.mesh.triangles, float) @ turned + at, frame.body, DEEPEST)
    return max(there.depth, float(depths.max())), np.concatenate([inside, there.points])


def _contacts(
    points: Float64[np.ndarray, "N 3"], frame: Frame
) -> tuple[Float64[np.ndarray, "M 3"], Float64[np.ndarray, " M"], Int64[np.ndarray, " M"]]:
    """The way out from points of the prop that count, how far each has to go at least (those that are not too
    deep may go in by what is left), and which points these are."""
    raw, face, closest = frame.body.signed(points)
    counts = np.flatnonzero(~frame.body.face_free[face] & (np.abs(raw) > 1e-6))
    chosen = counts[raw[counts].argsort()[::-1]]
    # The deepest, and others all over.
    chosen = np.unique(np.r_[chosen[: MOST_TOUCHING // 2], chosen[:: max(1, len(chosen) // 30)]])
    outward = (closest - points)[chosen] / raw[chosen, None]
    return outward, raw[chosen] - AIM, chosen
