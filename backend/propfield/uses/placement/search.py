"""Where a prop fills a posed field most: every way round at first, roughly, then the best of them exactly."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from jaxtyping import Float64
from scipy.cluster.vq import kmeans2
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from propfield.uses.placement.kernels import Points, Scene, coarse, refined
from propfield.uses.placement.posed_field import PosedField
from propfield.uses.placement.prop_solid import PropSolid

TURNS = 1800
"""Rotations that are tried: some 17° apart."""
REACH, LATTICE = 0.12, 5
"""Metres to each side of the field's middle, and places along each axis, where the prop's middle is tried."""
STARTS = 64
APART = 0.08
"""Part of the prop's size by which its points move from one start to the next."""
NEAR, FAR = 0.035, 0.08
"""Metres between the surfaces of placements that are alike: on average, and at most."""
TURNED = np.radians(40)
"""What is turned by more is another placement, unless the turn takes the prop onto itself."""
FIRST = np.array([0.25, 0.25, 0.25, 0.04, 0.04, 0.04])
"""First steps of a refinement: radians and metres."""
ROUGH, FINE = 220, 400
"""Evaluations of the first refinement and of the second."""
COARSE, ROUGHLY = 21, 5
"""Of so many of the prop's points one is looked at where all ways round are tried, and in the first
refinement: odd numbers, which leave out no corner of their cubes."""
KEPT = 12


@dataclass(frozen=True)
class Found:
    """Attributes:
    place: (4, 4) of the prop about its centre, without its scale.
    scale: on the prop as given.
    cost: as kernels.cost tells it.
    """

    place: Float64[np.ndarray, "4 4"]
    scale: float
    cost: float

    @property
    def matrix(self) -> Float64[np.ndarray, "4 4"]:
        """From the prop about its centre to space, scale and all."""
        matrix = self.place.copy()
        matrix[:3, :3] *= self.scale
        return matrix

    def at(self, place: Float64[np.ndarray, "4 4"]) -> "Found":
        """The same prop elsewhere."""
        return Found(place, self.scale, self.cost)


def spread_turns(count: int) -> Float64[np.ndarray, "N 3 3"]:
    """Rotations spread evenly over all there are: a spiral of super-Fibonacci (Alexa 2022)."""
    phi, psi = np.sqrt(2.0), 1.533751168755204288118041
    s = np.arange(count) + 0.5
    r, R = np.sqrt(s / count), np.sqrt(1 - s / count)
    alpha, beta = 2 * np.pi * s / phi, 2 * np.pi * s / psi
    quaternions = np.stack([r * np.sin(alpha), r * np.cos(alpha), R * np.sin(beta), R * np.cos(beta)], 1)
    return Rotation.from_quat(quaternions).as_matrix()


def middles(posed: PosedField) -> Float64[np.ndarray, "N 3"]:
    """The middle of a field, and of its parts where it has several."""
    nodes = np.argwhere(posed.values > 0.2 * posed.values.max())
    weights = posed.values[tuple(nodes.T)].astype(float)
    points = posed.origin + nodes * posed.step
    whole = (points * weights[:, None]).sum(0) / weights.sum()
    random = np.random.default_rng(0)
    drawn = points[random.choice(len(points), 400, p=weights / weights.sum())]
    parts, _ = kmeans2(drawn, 2, seed=0, minit="++")
    return np.concatenate([whole[None], parts[np.isfinite(parts).all(1)]])


def search(
    posed: PosedField,
    prop: PropSolid,
    scene: Scene,
    scale: tuple[float, float] | None,
    wanted: int,
    told: Callable[[float], None],
) -> list[Found]:
    """The best placements, best first: more than are wanted, where there are, and not all unlike each other.
    `told` takes the share that is done."""
    turns = spread_turns(TURNS)
    steps = np.linspace(-REACH, REACH, LATTICE)
    around = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    whole, *parts = middles(posed)
    centres = np.concatenate([whole + around, np.reshape(parts, (-1, 3))])
    points = prop.points()
    bounds = np.linspace(0, len(turns), 25).astype(int).tolist()
    sizes = _sizes(scale)
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        tried: list[tuple[float, np.ndarray]] = []
        for number, size in enumerate(sizes):
            result = np.empty((len(turns), len(centres)))

            def rough(span: tuple[int, int], size: float = size, result: np.ndarray = result) -> None:
                coarse(*span, turns, centres, size, COARSE, points, scene, result)

            for done, _ in enumerate(pool.map(rough, pairwise(bounds))):
                told(0.3 * (number + done / 24) / len(sizes))
            best = result.argmax(1)
            for turn, centre in enumerate(best):
                start = np.eye(4)
                start[:3, :3], start[:3, 3] = size * turns[turn], centres[centre]
                tried.append((float(result[turn, centre]), start))
        starts: list[np.ndarray] = []
        for _, start in sorted(tried, key=lambda each: -each[0]):
            if all(shifted(prop, start, other) > APART * prop.size for other in starts):
                starts.append(start)
            if len(starts) >= max(STARTS, 2 * wanted):
                break
        first = []
        rough_refine = partial(refine, points=points, scene=scene, scale=scale, most=ROUGH, every=ROUGHLY)
        for done, found in enumerate(pool.map(rough_refine, starts)):
            first.append(found)
            told(0.3 + 0.4 * done / len(starts))
        first.sort(key=lambda each: each.cost)
        first = distinct(prop, first, max(KEPT, wanted + 4), least=0.5)
        second = []
        fine_refine = partial(refine, points=points, scene=scene, scale=scale, most=FINE, every=1, spread=0.4)
        places = [each.matrix for each in first]
        for done, found in enumerate(pool.map(fine_refine, places)):
            second.append(found)
            told(0.7 + 0.3 * done / len(first))
    return sorted(second, key=lambda each: each.cost)


def _sizes(scale: tuple[float, float] | None) -> list[float]:
    """Scales that are tried: a factor of at most 1.3 from what is asked for."""
    if scale is None:
        return [1.0]
    low, high = np.log(scale[0]), np.log(scale[1])
    count = max(1, int(np.ceil((high - low) / (2 * np.log(1.3)))))
    return np.exp(low + (np.arange(count) + 0.5) / count * (high - low)).tolist()


def refine(
    start: Float64[np.ndarray, "4 4"],
    *,
    points: Points,
    scene: Scene,
    scale: tuple[float, float] | None,
    most: int,
    every: int = 1,
    spread: float = 1.0,
    free: tuple[bool, ...] = (True,) * 6,
) -> Found:
    """The best placement near to a start (the prop about its centre → space, with its scale), by `most`
    evaluations at most. `free` says which of three turns and three shifts may change."""
    size = float(np.cbrt(np.linalg.det(start[:3, :3])))
    rigid = start.copy()
    rigid[:3, :3] /= size
    low, high = (np.log(scale[0]), np.log(scale[1])) if scale else (np.log(size), np.log(size))
    steps = np.array([*(spread * FIRST * free), 0.1 * spread if high > low else 0.0])
    state, cost = refined(rigid, np.log(size), steps, low, high, most, every, points, scene)
    place = np.eye(4)
    place[:3, :3] = Rotation.from_rotvec(state[:3]).as_matrix() @ rigid[:3, :3]
    place[:3, 3] = rigid[:3, 3] + state[3:6]
    return Found(place, float(np.exp(state[6])), float(cost))


def shifted(prop: PropSolid, first: Float64[np.ndarray, "4 4"], second: Float64[np.ndarray, "4 4"]) -> float:
    """How far a prop's points are moved from one place to another, root mean square, metres."""
    some = prop.inner[:: len(prop.inner) // 24]
    points = np.c_[some, np.ones(len(some))]
    return float(np.sqrt((((first - second)[:3] @ points.T) ** 2).sum(0).mean()))


def distinct(prop: PropSolid, found: Sequence[Found], most: int, *, least: float) -> list[Found]:
    """Of placements, best first, those that look unlike any before: a prop that is turned onto itself is the
    same. None that is less than `least` of the best one's worth."""
    kept: list[_Look] = []
    for each in found:
        if kept and kept[0].found.cost < 0 and each.cost > least * kept[0].found.cost:
            break
        look = _Look.of(prop, each)
        if not any(look.alike(other, prop) for other in kept):
            kept.append(look)
        if len(kept) == most:
            break
    return [look.found for look in kept]


@dataclass(frozen=True)
class _Look:
    """A placement and its surface."""

    found: Found
    surface: Float64[np.ndarray, "M 3"]
    tree: cKDTree

    @classmethod
    def of(cls, prop: PropSolid, found: Found) -> "_Look":
        surface = prop.outer @ found.matrix[:3, :3].T + found.place[:3, 3]
        return cls(found, surface, cKDTree(surface))

    def alike(self, other: "_Look", prop: PropSolid) -> bool:
        """Whether the surfaces lie close together, without being turned round unless nobody could tell."""
        mean, most = self._apart(other)
        if mean > min(NEAR, 0.05 * prop.size) or most > min(FAR, 0.15 * prop.size):
            return False
        turn = self.found.place[:3, :3].T @ other.found.place[:3, :3]
        return bool(Rotation.from_matrix(turn).magnitude() < TURNED or prop.same_turned(turn))

    def _apart(self, other: "_Look") -> tuple[float, float]:
        """Metres between the surfaces, mean and greatest."""
        there, back = other.tree.query(self.surface)[0], self.tree.query(other.surface)[0]
        return float(max(there.mean(), back.mean())), float(max(there.max(), back.max()))
