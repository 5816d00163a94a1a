"""Which part of the body holds a prop: what it is to touch, what may close around it, and whose it is."""

import numpy as np
from mathutils.kdtree import KDTree

from .field_file import FieldData
from .kinematics import joint_transforms, skin_forward
from .prop_anchor import PARTS
from .prop_grid import Cloud, Grid
from .skeleton import JOINT_INDEX, JOINT_NAMES

TOUCHING = 0.08
"""Metres from the skin within which a prop is held by it."""
AS_WELL = 0.03
"""Metres within which the other hand, or the other foot, holds it as well."""


class Holds:
    """The posed template's skin, of which each vertex has its joint.

    Attributes:
        solid: (F,) which faces of the character's own mesh keep the prop out: all but those of the hand or
            foot that the type names, since fingers close around what they hold.
    """

    def __init__(
        self, field: FieldData, type_name: str, bones: np.ndarray, body: tuple[np.ndarray, np.ndarray]
    ) -> None:
        rest = joint_transforms(field.rest_pose, field.body_joints)
        rest[:, :3, 3] -= np.einsum("jab,jb->ja", rest[:, :3, :3], field.body_joints)
        self._weights = field.body_weights.dense()
        self._skin = skin_forward(field.body_vertices.astype(np.float64), self._weights, bones @ rest)
        part = (field.types[field.type_index(type_name)].part or "").replace("_", " ")
        self._owners = self._weights.argmax(1)
        self._parts = {
            name: self._skin[np.isin(self._owners, [JOINT_INDEX[joint] for joint in joints])]
            for name, (joints, _) in PARTS.items()
        }
        self._named = part
        self._part = self._parts.get(part)
        self._distance: Grid | None = None
        vertices, faces = body[0][0], body[1]
        self.solid = np.ones(len(faces), bool)
        if self._part is not None and part.endswith(("hand", "foot")):
            tree = _tree(self._skin)
            named = np.isin(self._owners, [JOINT_INDEX[joint] for joint in PARTS[part][0]])
            mine = np.array([named[tree.find(point)[1]] for point in vertices.tolist()])
            self.solid = ~mine[faces].all(1)

    def gaps(self, points: np.ndarray) -> np.ndarray | None:
        """(N,) metres from the part that the type names to the nearest of (N, P, 3) samples; None where it
        names none."""
        if self._part is None:
            return None
        if self._distance is None:
            self._distance = _distances(self._part)
        return np.maximum(0, self._distance.at(points, 0.5)).min(1)

    def joints(self, points: np.ndarray, cloud: Cloud) -> dict[str, float]:
        """The joints' shares of a prop with (P, 3) samples: the part's that the type names where it touches
        that, else those of the skin that it touches, else those that carry the field there."""
        gap = self.gaps(points[None])
        touches = gap is not None and gap[0] < TOUCHING
        if touches and self._named.endswith(("hand", "foot")):
            # What it grazes does not hold it; the other hand may.
            side, _, limb = self._named.partition(" ")
            other = f"{'right' if side == 'left' else 'left'} {limb}"
            both = [self._named] + [other] * (_gap(self._parts[other], points) < AS_WELL)
            return {str(PARTS[name][1]): 1 / len(both) for name in both}
        shares: dict[str, float] = {}
        away = np.sqrt(((self._skin[:, None] - points[None, ::2]) ** 2).sum(2).min(1))
        for name, (joints, holder) in PARTS.items():
            if touches and name != self._named:
                continue
            mine = np.isin(self._owners, [JOINT_INDEX[joint] for joint in joints])
            if mine.any() and (nearest := away[mine].min()) < TOUCHING:
                most = np.bincount(self._owners[mine], np.exp(-away[mine] / 0.03)).argmax()
                shares[holder or JOINT_NAMES[most]] = float(np.exp(-nearest / 0.03))
        if not shares:
            step = max(1, len(cloud.points) // 4000)
            apart = ((cloud.points[::step, None] - points[None, ::4]) ** 2).sum(2).min(1)
            carried = (cloud.values[::step] * (apart < (2 * cloud.step) ** 2)) @ cloud.joints[::step]
            shares = dict(zip(JOINT_NAMES, carried.tolist(), strict=True))
        total = sum(shares.values()) or 1.0
        ordered = sorted(shares.items(), key=lambda each: -each[1])
        return {joint: share / total for joint, share in ordered if share >= 0.03 * total}


def _gap(skin: np.ndarray, points: np.ndarray) -> float:
    """Metres between the nearest of (S, 3) and (P, 3) points."""
    return float(np.sqrt(((skin[:, None] - points[None]) ** 2).sum(2).min())) if len(skin) else np.inf


def _tree(points: np.ndarray) -> KDTree:
    tree = KDTree(len(points))
    for index, point in enumerate(points.tolist()):
        tree.insert(point, index)
    tree.balance()
    return tree


def _distances(points: np.ndarray) -> Grid:
    """Metres to the nearest of the points, for half a metre around them."""
    low, high = points.min(0) - 0.5, points.max(0) + 0.5
    step = float((high - low).max()) / 28
    grid = Grid(low, step, np.zeros(tuple(np.ceil((high - low) / step).astype(int) + 1)))
    tree = _tree(points)
    found = [tree.find(centre)[2] for centre in grid.centres().reshape(-1, 3).tolist()]
    grid.values[:] = np.array(found).reshape(grid.values.shape)
    return grid
