"""The deepest point of a whole mesh in the body, not only of samples of it: triangles are halved where they
may hold a deeper one, since no point of a triangle is deeper than its middle by more than it is away."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from propfield.uses.placement.body_solid import BodySolid

EXACT = 0.0003
"""Metres to which it is certain that nothing is deeper."""
BORDER = 0.001
"""Metres to which it is known where what may be gone into ends. In a crease of the body many points are as
far from a triangle of each kind, and no closer look would tell them apart."""
MOST = 20_000
"""Triangles that are looked at at once, those that may be deepest first."""


@dataclass(frozen=True)
class Deepest:
    """Attributes:
    depth: metres, of the deepest point that was looked at.
    points: that were found deeper than allowed; none if there are none.
    """

    depth: float
    points: Float64[np.ndarray, "N 3"]


def deepest(triangles: Float64[np.ndarray, "T 3 3"], body: BodySolid, allowed: float) -> Deepest:
    """The deepest of all points of triangles (metres) in a body, as BodySolid.depths tells it. Not more than
    `allowed` means that no point of any triangle is deeper, up to EXACT, but for points closer than BORDER to
    where a prop may go in; if one is, it looks no further."""
    best = 0.0
    waiting = [triangles]
    while waiting:
        now = waiting.pop()
        if len(now) > MOST:
            waiting.append(now[MOST:])
            now = now[:MOST]
        middles = now.mean(1)
        around = np.linalg.norm(now - middles[:, None], axis=2).max(1)
        maybe = body.nearly_inside(middles, around - allowed)
        now, middles, around = now[maybe], middles[maybe], around[maybe]
        if not len(now):
            continue
        raw, face, _ = body.signed(middles)
        depth = np.where(body.face_free[face], 0, raw)
        best = max(best, float(depth.max()))
        if best > allowed:
            return Deepest(best, middles[depth > allowed])
        open_ = (raw + around > allowed) & (around > np.where(body.face_free[face], BORDER, EXACT))
        # What is all in a hand that holds it, say, needs no closer look.
        free = np.flatnonzero(open_ & body.face_free[face])
        open_[free] = body.may_count(middles[free], around[free])
        order = (raw + around)[open_].argsort()[::-1]
        if len(order):
            waiting.append(halved(now[open_][order]))
    return Deepest(best, np.zeros((0, 3)))


def halved(triangles: Float64[np.ndarray, "T 3 3"]) -> Float64[np.ndarray, "U 3 3"]:
    """Each cut in two through the middle of its longest side."""
    sides = np.linalg.norm(triangles - np.roll(triangles, -1, axis=1), axis=2)
    first = sides.argmax(1)
    row = np.arange(len(triangles))
    a, b, c = (triangles[row, (first + step) % 3] for step in range(3))
    middle = (a + b) / 2
    return np.stack([np.stack([a, middle, c], 1), np.stack([middle, b, c], 1)], 1).reshape(-1, 3, 3)
