"""Fits the field's body to a mesh that has no skeleton, so that it gets one.

The mesh stands on its feet in an A- or T-pose. Closest points between the two surfaces, both ways, then one
step of Levenberg and Marquardt's method on the distances along the mesh's normals, again and again (Besl and
McKay 1992; Chen and Medioni 1992), from several stances; what lies far off, such as hair and skirts, counts
little.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import bpy
import numpy as np
from mathutils.kdtree import KDTree

from .axes import points_from_blender, points_to_blender
from .errors import SceneError
from .evaluated import MeshReading, read_mesh
from .field_file import FieldData
from .person_model import Person, PersonModel
from .surface import Surface

POINTS, TRIAL_POINTS = 900, 250
ROUNDS, TRIAL_ROUNDS = 20, 5
LARGEST = 0.05
"""Mean distance, as a share of the height, beyond which the mesh is no person in such a stance."""
_LOWERED = np.radians([5.0, 40.0, 70.0])
_STEP = 1e-4


@dataclass(frozen=True)
class FittedSkeleton:
    """Joints (24, 3) in Blender's world, the posed template (V, 3) there as well, and the mean distance of
    the two surfaces in units of the scene."""

    joints: np.ndarray
    vertices: np.ndarray
    distance: float


@dataclass(frozen=True)
class _Target:
    """The mesh in the backend's axes: `points` (M, 3) all over it with their `normals`, and all of it."""

    points: np.ndarray
    normals: np.ndarray
    surface: Surface
    height: float

    def thinned(self, count: int) -> "_Target":
        some = _some(len(self.points), count)
        return replace(self, points=self.points[some], normals=self.normals[some])


def read_upright(mesh: bpy.types.Object) -> MeshReading:
    """The mesh as it is now. SceneError for one without faces or height."""
    reading = read_mesh(mesh)
    if not len(reading.starts) or not np.ptp(reading.in_world()[reading.corners, 2]) > 0:
        raise SceneError(f"“{mesh.name}” has no faces to fit a skeleton to.")
    return reading


def fit_skeleton(
    field: FieldData, reading: MeshReading, name: str, tell: Callable[[float, str], None]
) -> FittedSkeleton:
    """The joints of the person that a mesh shows. Touches nothing of Blender's data, so any thread may.

    `name` is the mesh's, for messages; `tell` hears how far it is, 0 to 1, and may raise to end it.
    SceneError for a mesh that no person in an A- or T-pose comes near to.
    """
    target = _target(reading)
    rough, fine = (PersonModel(field, _some(len(field.body_vertices), n)) for n in (TRIAL_POINTS, POINTS))
    sparse, starts = target.thinned(2 * TRIAL_POINTS), _starts(rough, target)

    def rounds(first: float, last: float) -> Callable[[float], None]:
        return lambda share: tell(first + (last - first) * share, "fit the skeleton")

    ends = np.linspace(0.05, 0.4, len(starts) + 1)
    trials = [
        _fitted(rough, sparse, start, TRIAL_ROUNDS, rounds(ends[number], ends[number + 1]))
        for number, start in enumerate(starts)
    ]
    best, _ = min(trials, key=lambda trial: trial[1])
    best, distance = _fitted(fine, target, best, ROUNDS, rounds(0.4, 1))
    if not distance <= LARGEST * target.height:
        raise SceneError(
            f"“{name}” does not look like a person who stands upright in an A- or T-pose:"
            f" on average it is {distance / target.height:.0%} of its height off."
        )
    person = PersonModel(field, np.arange(len(field.body_vertices))).person(best)
    return FittedSkeleton(points_to_blender(person.joints), points_to_blender(person.vertices), distance)


def _some(count: int, wanted: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).astype(int))


def _target(reading: MeshReading) -> _Target:
    world, faces = points_from_blender(reading.in_world()), reading.triangles()
    points, normals = _spread(world[faces])
    if np.linalg.det(reading.matrix[:3, :3]) < 0:
        normals = -normals
    return _Target(points, normals, Surface(world, faces), float(np.ptp(world[reading.corners, 1])))


def _spread(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points all over (F, 3, 3) triangles, as many as their area asks for, and their normals."""
    across = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    area = np.linalg.norm(across, axis=1)
    random = np.random.default_rng(0)
    ends = np.cumsum(area)
    chosen = np.searchsorted(ends, random.uniform(0, ends[-1], 2 * POINTS)).clip(max=len(area) - 1)
    shares = random.dirichlet(np.ones(3), len(chosen))
    points = np.einsum("pc,pca->pa", shares, triangles[chosen])
    return points, across[chosen] / np.maximum(area[chosen], 1e-12)[:, None]


def _starts(model: PersonModel, target: _Target) -> list[np.ndarray]:
    """Persons of the mesh's height on its ground, facing each of the four ways, arms at three heights."""
    low, high = target.points.min(0), target.points.max(0)
    middle = np.median(target.points, axis=0)
    size = target.height / model.height
    place = np.array([middle[0], low[1], middle[2]])
    # The arms make a person wider than deep.
    across = 0.0 if high[0] - low[0] >= high[2] - low[2] else np.pi / 2
    return [model.start(size, place, across + turn, lowered) for turn in (0.0, np.pi) for lowered in _LOWERED]


def _fitted(
    model: PersonModel, target: _Target, start: np.ndarray, rounds: int, tell: Callable[[float], None]
) -> tuple[np.ndarray, float]:
    """Parameters, and the mean distance between the surfaces."""
    parameters, prior, spreads = start.copy(), start, model.spreads()
    held = np.where(spreads > 0, 1 / np.maximum(spreads, 1e-9), 0.0)
    for number in range(rounds):
        tell(number / rounds)
        person = model.person(parameters)
        rows, points, normals = _matches(person, target)
        # Far pairs are believed less and less.
        reach = target.height * (0.15 if number < 5 else 0.06 if number < 12 else 0.03)
        apart = person.vertices[rows] - points
        along = (apart * normals).sum(1)
        trust = 1 / (1 + (np.linalg.norm(apart, axis=1) / reach) ** 2)
        slopes = np.stack([_slope(model, parameters, person, index) for index in range(len(parameters))], -1)
        slope = np.einsum("pa,pak->pk", normals, slopes[rows])
        # A tenth of the tangential distance keeps limbs from sliding along themselves.
        loose = 0.1 * (apart - along[:, None] * normals)
        loose_slope = 0.1 * (slopes[rows] - normals[:, :, None] * slope[:, None, :])
        scale = 0.01 * target.height
        weight = np.sqrt(trust) / scale
        matrix = np.concatenate(
            [slope * weight[:, None], (loose_slope * weight[:, None, None]).reshape(-1, len(parameters))]
        )
        right = np.concatenate([along * weight, (loose * weight[:, None]).ravel()])
        # As many pairs as there are say little that is new; the prior counts as a share of them.
        share = np.sqrt(0.02 * len(rows))
        matrix = np.concatenate([matrix, np.diag(share * held)])
        right = np.concatenate([right, share * held * (parameters - prior)])
        step = np.linalg.solve(matrix.T @ matrix + 1e-6 * np.eye(len(parameters)), matrix.T @ right)
        parameters = parameters - step
        if number > 12 and np.abs(step).max() < 1e-3:
            break
    return parameters, _distance(model.person(parameters), target)


def _slope(model: PersonModel, parameters: np.ndarray, person: Person, index: int) -> np.ndarray:
    """(S, 3) how the vertices move with one parameter, by a small step."""
    moved = parameters.copy()
    moved[index] += _STEP
    return (model.person(moved).vertices - person.vertices) / _STEP


def _matches(person: Person, target: _Target) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of closest points both ways: rows of the person's vertices, points and normals on the mesh."""
    _, points, normals, _ = target.surface.nearest(person.vertices)
    tree = KDTree(len(person.vertices))
    for index, vertex in enumerate(person.vertices.tolist()):
        tree.insert(vertex, index)
    tree.balance()
    nearest = np.array([tree.find(point)[1] for point in target.points.tolist()])
    rows = np.concatenate([np.arange(len(points)), nearest])
    return rows, np.concatenate([points, target.points]), np.concatenate([normals, target.normals])


def _distance(person: Person, target: _Target) -> float:
    rows, points, _ = _matches(person, target)
    return float(np.linalg.norm(person.vertices[rows] - points, axis=1).mean())
