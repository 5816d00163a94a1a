"""Which bones carry a placed prop: those that the field under it follows, where it is close to the body."""

import numpy as np
from jaxtyping import Float64
from scipy.spatial import cKDTree

from propfield.body.skeleton import BODY_PARTS, JOINT_INDEX, JOINT_NAMES, MIRROR
from propfield.uses.placement.character import LIKELY, met_parts
from propfield.uses.placement.posed_field import carried_points
from propfield.uses.placement.prop_solid import PropSolid
from propfield.uses.placement.scene import Frame

CLOSE = 0.04
"""Metres from the skin in which what the field says of a bone falls to a third."""
NAMED = 4.0
"""How much more bones of the parts count that the type names."""
EQUAL = 0.4
"""A named part is met on both sides if the other side has so much of its share."""
HELD, GRASP = 0.6, 0.03
"""The least share of a hand within so many metres of whose grip the prop is."""
FEWEST = 0.03
"""Shares below this are left out."""


def carriers(frame: Frame, prop: PropSolid, matrix: Float64[np.ndarray, "4 4"]) -> dict[str, float]:
    """Shares of the joints that carry a prop placed by `matrix` (about its centre → space), the largest
    first; they sum to 1."""
    occupancy = frame.kind.occupancy.ravel()
    voxels = np.flatnonzero(occupancy > LIKELY * occupancy.max())
    places = carried_points(frame.field, voxels, frame.character.bones)
    scale = float(np.cbrt(np.linalg.det(matrix[:3, :3])))
    local = (places - matrix[:3, 3]) @ np.linalg.inv(matrix[:3, :3]).T
    away, _ = cKDTree(np.concatenate([prop.inner, prop.outer])).query(local)
    under = np.flatnonzero(away * scale < frame.field.grid.voxel)
    if not len(under):
        under = np.array([away.argmin()])
    skin, _ = cKDTree(frame.character.skinned).query(places[under])
    value = occupancy[voxels[under]] * np.exp(-skin / CLOSE)
    shares = np.asarray(value @ frame.field.weights[voxels[under]]).ravel()
    for part in met_parts(frame.kind.type):
        own = [JOINT_INDEX[name] for name in BODY_PARTS[part]]
        other = [MIRROR[joint] for joint in own]
        # Both feet on a board, both hands at a ball: types name one of them.
        both = other != own and shares[other].sum() > EQUAL * shares[own].sum()
        carrying = np.union1d(own, other) if both else np.array(own)
        shares[carrying] *= NAMED
        if part.endswith("hand") and _held(frame, prop, matrix, part):
            # The canopy of an umbrella is closest to the head, and the hand carries it.
            rest = max(shares.sum() - shares[carrying].sum(), 1e-12)
            least = HELD / (1 - HELD) * rest
            shares[own[0]] += max(0.0, least - shares[carrying].sum())
            # By the palm, which the wrist turns, and not by the fingers.
            for wrist, fingers in (own, other):
                shares[wrist] += shares[fingers]
                shares[fingers] = 0
    shares /= max(shares.sum(), 1e-12)
    shares = np.where(shares >= FEWEST, shares, 0)
    shares /= max(shares.sum(), 1e-12)
    return {JOINT_NAMES[j]: float(shares[j]) for j in shares.argsort()[::-1] if shares[j] > 0}


def _held(frame: Frame, prop: PropSolid, matrix: Float64[np.ndarray, "4 4"], hand: str) -> bool:
    """Whether the prop passes through a hand's grip."""
    points = np.concatenate([prop.inner, prop.outer]) @ matrix[:3, :3].T + matrix[:3, 3]
    return bool(np.linalg.norm(points - frame.character.grip(hand), axis=1).min() < GRASP)
