"""Where a prop belongs on a posed character, in numpy: what is done where no backend runs.

Coarse to fine. Turned every which way, the prop is held against the posed field at all places at once, which
is a correlation and so a product of Fourier transforms; what lies in the body counts against it. The best
are refined by drawing around them, and moved out of the body at the end.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .errors import SceneError
from .evaluated import moved, turned
from .field_file import FieldData
from .kinematics import rotation_matrices
from .prop_clearance import Body
from .prop_grid import Cloud, Grid, field_grid, posed_cloud
from .prop_holds import Holds
from .prop_problem import Problem
from .prop_samples import axis_rotations, spread_rotations, surface_samples
from .prop_states import matrix_of, peaks, same_place, turn_vectors

TURNS = 320
PLACES, PLACES_APART = 3, 0.12
STARTS, DRAWN, ROUNDS = 40, 24, 14
SAMPLES, FINE_SAMPLES = 200, 1500
DISTANCE_STEP = 0.025
DEEPEST = 0.005
"""Metres that a prop may be in the body."""
WORTH = 0.5
"""A placement whose score is less than this share of the best one's is not worth looking at."""
Tell = Callable[[float, str], None]
"""Hears how far the search is (0 to 1) and what it does; raises what ends it."""


@dataclass(frozen=True)
class Wishes:
    """What the user wants: the interaction, how many placements, (least, most) factors of the prop's size or
    None, and the height of the ground in metres or None."""

    type_name: str
    count: int = 12
    scale: tuple[float, float] | None = None
    ground: float | None = None


def search(field: FieldData, problem: Problem, wishes: Wishes, tell: Tell) -> list[dict]:
    """Placements of the problem's first frame, best first, in the form in which the backend says them.

    Blocks for some seconds; touches nothing of Blender's data, so that it may run in a thread. SceneError
    where the prop fits nowhere.
    """
    tell(0.0, "pose the field")
    cloud = posed_cloud(field, wishes.type_name, problem.bones[0])
    holds = Holds(field, wishes.type_name, problem.bones[0], problem.body)
    body = Body(problem.body[0][0], problem.body[1], holds.solid)
    prop = problem.prop.vertices, problem.prop.faces
    scene = _Scene(cloud, body, holds, surface_samples(*prop, SAMPLES)[0], wishes, tell)
    states = scene.refined(scene.starts())
    fine = surface_samples(*prop, FINE_SAMPLES)
    found: list[tuple[float, np.ndarray, dict]] = []
    for number, (state, cost) in enumerate(zip(*states, strict=True)):
        tell(0.8 + 0.2 * number / len(states[0]), "settle")
        matrix = matrix_of(state)
        shift = _settled(matrix, fine, prop[0], body, wishes.ground)
        if shift is None:
            continue
        matrix[:3, 3] += shift
        points = moved(matrix, scene.samples)
        if any(same_place(points, other) for _, other, _ in found):
            continue
        entry = scene.measures(matrix) | {
            "matrix": matrix.tolist(),
            "scale": float(np.exp(state[6])),
            "penetration_m": body.depth(moved(matrix, fine[0])),
        }
        found.append((cost + float(np.linalg.norm(shift)), points, entry))
        if len(found) >= 2 * wishes.count:
            break
    if not found:
        raise SceneError(
            "The prop fits nowhere without going through the body: allow scale, or change the pose."
        )
    found.sort(key=lambda each: each[0])
    worth = WORTH * found[0][2]["score"]
    found = [each for each in found if each[2]["score"] >= worth]
    return [
        entry | {"rank": rank + 1, "frame": 0} for rank, (_, _, entry) in enumerate(found[: wishes.count])
    ]


def _settled(
    matrix: np.ndarray,
    samples: tuple[np.ndarray, np.ndarray],
    vertices: np.ndarray,
    body: Body,
    ground: float | None,
) -> np.ndarray | None:
    """(3,) by how much a placement is to be moved out of the body and the ground; None where that is far."""
    shift = body.cleared(moved(matrix, samples[0]), turned(matrix, samples[1]))
    if shift is None or ground is None:
        return shift
    lift = ground - moved(matrix, vertices)[:, 1].min() - shift[1]
    if lift <= 0:
        return shift
    shift = shift + np.array([0, lift, 0])
    return shift if body.depth(moved(matrix, samples[0]) + shift) <= DEEPEST else None


class _Scene:
    """The field, the body and the ground around a prop's samples; a state is a turn (axis-angle), the place
    of the prop's middle and the logarithm of its scale: 7 numbers."""

    def __init__(
        self, cloud: Cloud, body: Body, holds: Holds, samples: np.ndarray, wishes: Wishes, tell: Tell
    ) -> None:
        self.cloud, self.holds, self.samples = cloud, holds, samples
        self._wishes, self._tell = wishes, tell
        middle = samples.mean(0)
        self._radius = float(np.sqrt(((samples - middle) ** 2).sum(1).mean()))
        least, most = wishes.scale or (1.0, 1.0)
        self._logs = np.log([least, most])
        reach = float(np.linalg.norm(samples - middle, axis=1).max()) * most
        self._field = field_grid(cloud, min(reach, 1.5))
        self._distance = self._distances(body, reach)

    def _distances(self, body: Body, reach: float) -> Grid:
        near = self.cloud.points[self.cloud.values > 0.2]
        margin = min(reach, 0.4)
        low, high = near.min(0) - margin, near.max(0) + margin
        step = max(DISTANCE_STEP, float((high - low).max()) / 56)
        shape = tuple(np.ceil((high - low) / step).astype(int) + 1)
        grid = Grid(low, step, np.zeros(shape))
        centres = grid.centres()
        for slab in range(shape[0]):
            self._tell(0.02 + 0.23 * slab / shape[0], "measure the body")
            values, _ = body.nearest(centres[slab].reshape(-1, 3), 0.3)
            grid.values[slab] = values.reshape(shape[1:])
        return grid

    def starts(self) -> np.ndarray:
        """(STARTS, 7) the best of all turns and places, unlike each other."""
        cloud, grid = self.cloud, self._field
        shape = tuple(2 * size if size < 16 else size for size in grid.values.shape)
        depth = np.clip(-self._distance.at(grid.centres(), 1.0) - 0.01, 0, 0.05) / 0.05
        worth = np.fft.rfftn(grid.values - 2 * depth, shape)
        turns = np.concatenate(
            [axis_rotations(self.samples, cloud.points, cloud.values**2), spread_rotations(TURNS)]
        )
        sizes = np.unique(np.round(np.linspace(self._logs[0], self._logs[1], 3), 6))
        kept = []
        for number, turn in enumerate(turns):
            self._tell(0.25 + 0.35 * number / len(turns), "search")
            for size in sizes:
                points = np.exp(size) * self.samples @ turn.T
                corner = points.min(0)
                index = np.round((points - corner) / grid.step).astype(int) % shape
                own = np.zeros(shape)
                np.add.at(own, tuple(index.T), 1 / len(points))
                score = np.fft.irfftn(worth * np.conj(np.fft.rfftn(own)), shape, axes=(0, 1, 2))
                for best in peaks(score, PLACES, PLACES_APART / grid.step):
                    # Behind the last sample of a circular correlation lie the places before the first.
                    place = np.where(best >= np.array(grid.values.shape), best - shape, best)
                    centre = grid.first + grid.step * place - corner
                    cost = -float(score[tuple(best)]) + self._size_cost(np.array(size))
                    kept.append((cost, np.concatenate([turn_vectors(turn), centre, [size]])))
        kept.sort(key=lambda each: each[0])
        chosen: list[np.ndarray] = []
        seen: list[np.ndarray] = []
        for _, state in kept:
            points = moved(matrix_of(state), self.samples[::3])
            if not any(same_place(points, other, 0.03) for other in seen):
                chosen.append(state)
                seen.append(points)
            if len(chosen) == STARTS:
                break
        return np.array(chosen)

    def refined(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(C, 7) states drawn down to where they cost least, cheapest first, and their (C,) costs."""
        random = np.random.default_rng(0)
        spread = np.array([0.2] * 3 + [0.04] * 3 + [0.15 if np.ptp(self._logs) > 0 else 0.0])
        costs = self._costs(states)
        for number in range(ROUNDS):
            self._tell(0.6 + 0.2 * number / ROUNDS, "refine")
            drawn = np.repeat(states[:, None], DRAWN, 1)
            step = random.normal(0, 1, drawn.shape) * spread * 0.82**number
            turns = rotation_matrices(step[..., :3]) @ rotation_matrices(drawn[..., :3])
            drawn = drawn + step
            drawn[..., :3] = turn_vectors(turns)
            drawn[..., 6] = np.clip(drawn[..., 6], *self._logs)
            tried = self._costs(drawn.reshape(-1, 7)).reshape(drawn.shape[:2])
            best = tried.argmin(1)
            rows = np.arange(len(states))
            better = tried[rows, best] < costs
            states = np.where(better[:, None], drawn[rows, best], states)
            costs = np.where(better, tried[rows, best], costs)
        order = costs.argsort()
        return states[order], costs[order]

    def _costs(self, states: np.ndarray) -> np.ndarray:
        """(N,) what (N, 7) states cost: outside the field, in the body, off what is to be touched, in the
        ground, of another size than the field's."""
        turns = rotation_matrices(states[:, :3]) * np.exp(states[:, 6])[:, None, None]
        points = np.einsum("nab,pb->npa", turns, self.samples) + states[:, None, 3:6]
        cost = -self._field.at(points).mean(1) + self._size_cost(states[:, 6])
        depth = np.maximum(0, -self._distance.at(points, 1.0) - 0.002)
        cost += 8 * depth.mean(1) + 5 * depth.max(1)
        gap = self.holds.gaps(points)
        if gap is not None:
            cost += 2 * np.clip(gap - 0.01, 0, 0.5)
        if self._wishes.ground is not None:
            cost += 10 * np.maximum(0, self._wishes.ground - points[..., 1].min(1))
        return cost

    def _size_cost(self, logs: np.ndarray) -> np.ndarray:
        if np.ptp(self._logs) == 0:
            return np.zeros_like(logs)
        return 0.4 * (logs + np.log(self._radius / self.cloud.radius)) ** 2

    def measures(self, matrix: np.ndarray) -> dict:
        """Score, fill, contact and the joints that hold a prop at (4, 4) `matrix`."""
        points = moved(matrix, self.samples)
        within = float(self._field.at(points).mean())
        likely = self.cloud.values > 0.5
        near = self.cloud.points[likely][:: max(1, likely.sum() // 2000)]
        weight = self.cloud.values[likely][:: max(1, likely.sum() // 2000)]
        gaps = np.sqrt(((near[:, None] - points[None]) ** 2).sum(2).min(1))
        fill = float((weight * (gaps < 0.8 * self.cloud.step)).sum() / weight.sum())
        gap = self.holds.gaps(points[None])
        return {
            "score": within * fill / max(within + fill - within * fill, 1e-9),
            "fill": fill,
            "contact_m": None if gap is None else float(gap[0]),
            "joints": self.holds.joints(points, self.cloud),
        }
