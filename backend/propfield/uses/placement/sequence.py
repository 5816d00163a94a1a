"""A prop over an animation: in each frame where the field has it, and moving smoothly with what carries it.

A few frames are searched as if each were alone. What is found there is carried along by its bones and
refined in every frame; the cheapest way through (Viterbi 1967), which pays for each motion against the
carrying bones, is then smoothed against them, and once more taken out of the body.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float64
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from propfield.body.skeleton import JOINT_INDEX
from propfield.body.skinning import joint_transforms
from propfield.field.occupancy import OccupancyField
from propfield.progress import Progress, silent
from propfield.uses.placement.carriers import carriers
from propfield.uses.placement.clearing import DEEPEST, Settled, cleared
from propfield.uses.placement.place import (
    Placement,
    Wish,
    character_of,
    described,
    fits_nowhere,
    measured_prop,
    out_of_body,
)
from propfield.uses.placement.problem import Problem
from propfield.uses.placement.prop_solid import PropSolid
from propfield.uses.placement.scene import Frame, frame_of
from propfield.uses.placement.search import Found, distinct, refine, search, shifted
from propfield.uses.placement.settling import settled

KEYS = 5
"""Frames that are searched from nothing."""
TRACKS = 6
"""Placements that are followed through all frames."""
STEPS = 120
MOTION = 2.0
"""What a metre of motion against the carrying bones costs from frame to frame, in soft overlap."""
SMOOTH = 2.0
"""Frames: the width of the smoothing."""

Matrix = Float64[np.ndarray, "4 4"]


@dataclass(frozen=True)
class Track:
    """A placement against what carries it.

    Attributes:
    shares: of the 24 joints; of zeros for a prop that stands on the ground, which nothing carries.
    local: the prop about its centre → the carrier's own axes, with its scale.
    """

    shares: Float64[np.ndarray, "24"]
    local: Matrix


def path_over_frames(
    field: OccupancyField, problem: Problem, wish: Wish, progress: Progress = silent
) -> list[Placement]:
    """A placement for each frame of the problem, which together are a smooth path. From the problem's
    `start`, in the first frame, where it has one. Errors as those of place.placements."""
    prop = measured_prop(problem, wish)
    framed = partial(_frame, field, problem, wish)
    progress("pose the field", 0.0)
    rest = joint_transforms(torch.tensor(field.rest_pose), torch.tensor(field.body.joints))
    carried = _Carried(problem.bones, rest[:, :3, 3].numpy().astype(float))
    tracks = _tracks(prop, problem, wish, carried, framed, partial(progress, "search"))
    count, total = len(tracks), problem.frames
    places = np.empty((total, count, 4, 4))
    costs = np.empty((total, count))
    for number in range(total):
        frame = framed(number, rough=True)
        for index, track in enumerate(tracks):
            start = carried.at(track.shares, number) @ track.local
            found = refine(
                start, points=prop.points(), scene=frame.scene, scale=None, most=STEPS, every=3, spread=0.2
            )
            places[number, index], costs[number, index] = found.matrix, found.cost
        progress("follow the motion", (number + 1) / total)
    chosen = cheapest_way(costs, _motions(prop, places, tracks, carried))
    shares = tracks[int(np.bincount(chosen).argmax())].shares
    local = np.array(
        [
            np.linalg.inv(carried.at(shares, number)) @ places[number, chosen[number]]
            for number in range(total)
        ]
    )
    local = smoothed(local)
    return _settled_path(prop, carried, shares, local, framed, partial(progress, "settle"))


def cheapest_way(costs: Float64[np.ndarray, "K C"], motions: Float64[np.ndarray, "J C C"]) -> np.ndarray:
    """Which candidate each frame takes, so that the costs of the candidates and of the motions between them
    sum to the least; motions[k, a, b] is from a in frame k to b in the next."""
    total = costs[0].copy()
    came = np.zeros(costs.shape, int)
    for number in range(1, len(costs)):
        ways = total[:, None] + motions[number - 1]
        came[number] = ways.argmin(0)
        total = ways.min(0) + costs[number]
    chosen = [int(total.argmin())]
    for number in range(len(costs) - 1, 0, -1):
        chosen.append(int(came[number, chosen[-1]]))
    return np.array(chosen[::-1])


def smoothed(matrices: Float64[np.ndarray, "K 4 4"], width: float = SMOOTH) -> Float64[np.ndarray, "K 4 4"]:
    """Transforms of one scale with their motion smoothed by a Gaussian of some frames: shifts as they are,
    turns by their unit quaternions, which lie close together."""
    scale = float(np.mean(np.cbrt(np.linalg.det(matrices[:, :3, :3]))))
    quaternions = Rotation.from_matrix(matrices[:, :3, :3] / scale).as_quat()
    for number in range(1, len(quaternions)):
        if quaternions[number] @ quaternions[number - 1] < 0:
            quaternions[number] *= -1
    result = np.tile(np.eye(4), (len(matrices), 1, 1))
    turns = gaussian_filter1d(quaternions, width, axis=0, mode="nearest")
    result[:, :3, :3] = scale * Rotation.from_quat(turns).as_matrix()
    result[:, :3, 3] = gaussian_filter1d(matrices[:, :3, 3], width, axis=0, mode="nearest")
    return result


class _Carried:
    """Where the bones take what they carry."""

    def __init__(self, bones: Float64[np.ndarray, "K 24 4 4"], rest: Float64[np.ndarray, "24 3"]) -> None:
        self._bones, self._rest = bones, rest

    def at(self, shares: Float64[np.ndarray, "24"], number: int) -> Matrix:
        """A rigid frame that moves with the bones by their shares; one that does not move where there are
        none."""
        rigid = np.eye(4)
        if not shares.any():
            return rigid
        blended = np.einsum("j,jab->ab", shares, self._bones[number])
        left, _, right = np.linalg.svd(blended[:3, :3])
        rigid[:3, :3] = left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right
        rigid[:3, 3] = blended[:3, :3] @ (shares @ self._rest) + blended[:3, 3]
        return rigid


def _frame(field: OccupancyField, problem: Problem, wish: Wish, number: int, rough: bool = False) -> Frame:
    return frame_of(field, field.type(wish.type), character_of(field, problem, number), wish.ground, rough)


def _tracks(
    prop: PropSolid,
    problem: Problem,
    wish: Wish,
    carried: _Carried,
    framed: Callable[..., Frame],
    told: Callable[[float], None],
) -> list[Track]:
    """Placements of a few frames, each against what carries it; alike ones once."""
    keys = np.unique(np.linspace(0, problem.frames - 1, KEYS).round().astype(int)).tolist()
    keys = keys[:1] if problem.start is not None else keys
    ready: list[tuple[Found, Track]] = []
    scale = wish.scale
    for done, key in enumerate(keys):
        frame = framed(key)
        if problem.start is not None:
            start = problem.start.copy()
            start[:3, 3] += start[:3, :3] @ prop.centre
            found = [refine(start, points=prop.points(), scene=frame.scene, scale=scale, most=400)]
        else:
            found = search(frame.posed, prop, frame.scene, scale, TRACKS, lambda _: None)
        for result in out_of_body(distinct(prop, found, TRACKS, least=0.6), prop, frame, scale, TRACKS):
            shares = np.zeros(24)
            if not result.rests:
                for name, share in carriers(frame, prop, result.found.matrix).items():
                    shares[JOINT_INDEX[name]] = share
            local = np.linalg.inv(carried.at(shares, key)) @ result.found.matrix
            # As it would be in the first frame, where those of all keys can be compared.
            there = carried.at(shares, 0) @ local
            place = there.copy()
            place[:3, :3] /= result.found.scale
            ready.append((Found(place, result.found.scale, result.found.cost), Track(shares, local)))
        # One scale throughout: the first frame's.
        scale = (ready[0][0].scale,) * 2 if ready and wish.scale else scale
        told((done + 1) / len(keys))
    if not ready:
        raise fits_nowhere(wish, problem)
    ready.sort(key=lambda each: each[0].cost)
    kept = distinct(prop, [found for found, _ in ready], TRACKS, least=0.6)
    return [track for found, track in ready if any(found is each for each in kept)]


def _motions(
    prop: PropSolid, places: Float64[np.ndarray, "K C 4 4"], tracks: list[Track], carried: _Carried
) -> Float64[np.ndarray, "J C C"]:
    """What each step from a candidate to one of the next frame costs: how far it moves the prop's points
    against the bones that carry it."""
    total, count = places.shape[:2]
    motions = np.empty((total - 1, count, count))
    for number in range(total - 1):
        for index, track in enumerate(tracks):
            step = carried.at(track.shares, number + 1) @ np.linalg.inv(carried.at(track.shares, number))
            still = step @ places[number, index]
            for other in range(count):
                motions[number, index, other] = MOTION * shifted(prop, still, places[number + 1, other])
    return motions


def _settled_path(
    prop: PropSolid,
    carried: _Carried,
    shares: Float64[np.ndarray, "24"],
    local: Float64[np.ndarray, "K 4 4"],
    framed: Callable[..., Frame],
    told: Callable[[float], None],
) -> list[Placement]:
    """Out of the body in each frame, the little that this takes spread over the frames beside."""
    total = len(local)
    scale = float(np.cbrt(np.linalg.det(local[0, :3, :3])))

    def settle(number: int, matrix: Matrix) -> tuple[Settled, Frame]:
        frame = framed(number, rough=True)
        place = matrix.copy()
        place[:3, :3] /= scale
        result = settled(Found(place, scale, -1.0), prop, frame, None)
        # However far that is: each frame is out of the body.
        return result if result.depth <= DEEPEST else cleared(Found(place, scale, -1.0), prop, frame), frame

    moved = local.copy()
    for number in range(total):
        base = carried.at(shares, number)
        result, _ = settle(number, base @ local[number])
        moved[number] = np.linalg.inv(base) @ result.found.matrix
        told(0.5 * (number + 1) / total)
    eased = smoothed(moved, SMOOTH / 2)
    path = []
    for number in range(total):
        result, frame = settle(number, carried.at(shares, number) @ eased[number])
        path.append(described(result, prop, frame, number))
        told(0.5 + 0.5 * (number + 1) / total)
    return path
