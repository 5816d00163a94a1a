"""The last step of a placement: out of the body to within millimetres, and onto the ground."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float64
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.transform import Rotation

from propfield.uses.placement.clearing import AIM, DEEPEST, Settled, cleared, exact_depth
from propfield.uses.placement.kernels import GAP
from propfield.uses.placement.prop_solid import PropSolid
from propfield.uses.placement.scene import CONTACT, Frame
from propfield.uses.placement.search import Found, refine

HARD = 40.0
"""What a metre of depth costs here, in soft intersection over union: more than any field gives."""
PUSHED, BACK = (0.3, 0.3, 0.6, 0.6, 0.6, 0.6), (0.15, 0.1)
"""First steps of each further search, in parts of the first one's: out of the body, and back to the field."""
MOST_DEEP = 200
FARTHEST = 0.15
"""Metres from where the field has it that it may have to go to be out of the body."""
NEAR_GROUND = 0.08
"""Metres from the ground within which a prop is meant to stand on it."""
LEAN = np.radians(15)
"""A prop that leans less is set upright on its feet."""
WORTH = 0.8
"""Part of its overlap with the field that a prop keeps when it is set on the ground."""


def settled(found: Found, prop: PropSolid, frame: Frame, scale: tuple[float, float] | None) -> Settled:
    """A placement moved as little as needed to be out of the body, in contact, and, where there is a ground
    and it comes near to it, standing on it. Infinitely deep where it had to go farther than FARTHEST."""
    result = _out_of_body(found, prop, frame, scale)
    if np.isfinite(frame.scene.ground) and result.depth <= DEEPEST:
        grounded = _onto_ground(result, prop, frame)
        if grounded is not None:
            return grounded
    return result


def _out_of_body(
    found: Found,
    prop: PropSolid,
    frame: Frame,
    scale: tuple[float, float] | None,
    free: tuple[bool, ...] = (True,) * 6,
) -> Settled:
    depth, inside = exact_depth(found, prop, frame)
    if depth <= DEEPEST:
        return valued(Settled(found, depth, False), prop, frame)
    # As it lies, by the least motion; and from where the field and the body together have it, which may be
    # on another side of a limb.
    missed = _deep_points(inside, found, frame)
    pushed, _ = _searched(found, missed, prop, frame, scale, free, PUSHED)
    ways = [cleared(start, prop, frame, np.array(free), FARTHEST) for start in (found, pushed)]
    outside = [valued(each, prop, frame) for each in ways if each.depth <= DEEPEST]
    if not outside:
        return valued(ways[0], prop, frame)
    best = min(outside, key=lambda each: each.found.cost)
    # What moved it out may have moved it farther from the field than it had to.
    back, depth = _searched(best.found, missed, prop, frame, scale, free, BACK)
    again = valued(Settled(back, depth, False), prop, frame)
    return again if depth <= DEEPEST and again.found.cost < best.found.cost else best


def _searched(
    found: Found,
    missed: Float64[np.ndarray, "N 3"],
    prop: PropSolid,
    frame: Frame,
    scale: tuple[float, float] | None,
    free: tuple[bool, ...],
    spreads: tuple[float, ...],
) -> tuple[Found, float]:
    """Searched once more nearby where depth costs more than any field gives, until it is out of the body; the
    one that is least deep, and how deep. `missed` are points in the prop's own space that are looked at."""
    scene = frame.scene._replace(depth=HARD, allowed=AIM)
    ways = []
    for spread in spreads:
        found = refine(
            found.matrix,
            points=prop.points(missed),
            scene=scene,
            scale=scale,
            most=300,
            every=3,
            spread=spread,
            free=free,
        )
        depth, inside = exact_depth(found, prop, frame)
        ways.append((found, depth))
        if depth <= DEEPEST:
            break
        # What the search's own points missed is among them from now on.
        missed = np.concatenate([missed, _deep_points(inside, found, frame)])
    return min(ways, key=lambda each: each[1])


def _deep_points(
    inside: Float64[np.ndarray, "N 3"], found: Found, frame: Frame
) -> Float64[np.ndarray, "M 3"]:
    """The deepest of points in space, in the prop's own."""
    deepest = inside[frame.body.depths(inside).argsort()[::-1][:MOST_DEEP]] - found.place[:3, 3]
    return deepest @ found.matrix[:3, :3] / found.scale**2


def valued(each: Settled, prop: PropSolid, frame: Frame) -> Settled:
    """With what it is worth when depth is no question any more: its overlap, less what a gap costs."""
    score, _ = frame.overlap(prop, each.found)
    gap = frame.reach(prop, each.found.matrix)
    # However far the gap, what fills something of the field is worth something.
    cost = -score + min(CONTACT * max(gap - GAP, 0.0), 0.9 * score)
    return replace(each, found=replace(each.found, cost=cost))


def _onto_ground(result: Settled, prop: PropSolid, frame: Frame) -> Settled | None:
    """Upright on its feet, where it nearly is; None where it is not near to the ground, or would not fit."""
    found, ground = result.found, frame.scene.ground
    corners = np.asarray(prop.mesh.vertices)
    lowest = float((corners @ found.matrix[:3, :3].T + found.place[:3, 3])[:, 1].min())
    if abs(lowest - ground) > NEAR_GROUND:
        return None
    for turn in (_upright(found, prop), np.eye(3)):
        place = found.place.copy()
        place[:3, :3] = turn @ place[:3, :3]
        lowest = float((corners @ (found.scale * place[:3, :3]).T + place[:3, 3])[:, 1].min())
        place[1, 3] += ground - lowest
        start = Found(place, found.scale, found.cost)
        # On the ground it may be turned about the vertical and moved sideways.
        scene = frame.scene._replace(depth=HARD, allowed=AIM, rest=0.0)
        sideways = (False, True, False, True, False, True)
        moved = refine(
            start.matrix, points=prop.points(), scene=scene, scale=None, most=200, spread=0.3, free=sideways
        )
        stood = _out_of_body(moved, prop, frame, None, sideways)
        if stood.depth <= DEEPEST and -stood.found.cost > WORTH * -found.cost:
            return replace(stood, rests=True)
    return None


def _upright(found: Found, prop: PropSolid) -> Float64[np.ndarray, "3 3"]:
    """The least turn that sets the prop onto a face of its hull over which its middle stands; none where it
    leans more than LEAN."""
    corners = np.asarray(prop.mesh.vertices) @ found.place[:3, :3].T
    try:
        hull = ConvexHull(corners)
    except (QhullError, ValueError):
        return np.eye(3)
    normals = hull.equations[:, :3]
    for face in np.arccos(np.clip(-normals[:, 1], -1, 1)).argsort()[:50]:
        normal = normals[face]
        lean = float(np.arccos(np.clip(-normal[1], -1, 1)))
        if lean > LEAN:
            break
        together = np.unique(hull.simplices[normals @ normal > np.cos(np.radians(1.0))])
        if _stands_over(corners[together], normal):
            axis = np.cross(normal, [0.0, -1, 0])
            length = float(np.linalg.norm(axis))
            return Rotation.from_rotvec(axis / length * lean).as_matrix() if length > 1e-9 else np.eye(3)
    return np.eye(3)


def _stands_over(feet: Float64[np.ndarray, "N 3"], normal: Float64[np.ndarray, "3"]) -> bool:
    """Whether the prop's middle, the origin, lies over the feet, seen along their common normal."""
    across = np.linalg.svd(normal[None])[2][1:]
    flat = feet @ across.T
    try:
        return bool((ConvexHull(flat).equations[:, 2] <= 1e-9).all())
    except (QhullError, ValueError):
        return False
