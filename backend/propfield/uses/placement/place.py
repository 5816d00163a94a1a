"""A prop's placements on a posed character: the search, and what is told of what it found."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from jaxtyping import Float64

from propfield.errors import PropfieldError
from propfield.field.occupancy import OccupancyField
from propfield.progress import Progress, silent
from propfield.uses.placement.carriers import carriers
from propfield.uses.placement.character import Character, posed_character
from propfield.uses.placement.clearing import DEEPEST, Settled, cleared
from propfield.uses.placement.problem import Problem
from propfield.uses.placement.prop_solid import PropSolid, prop_solid
from propfield.uses.placement.scene import Frame, frame_of
from propfield.uses.placement.search import FINE, KEPT, Found, distinct, refine, search
from propfield.uses.placement.settling import settled, valued

TOGETHER = 4
"""Placements that are settled at once: as many on every machine, which all give the same."""
WORTH = 0.6
"""Placements that are worth less than this part of the best one are not offered."""
LARGEST, SMALLEST = 20.0, 0.02
"""Metres; a prop of another size was modelled in another unit."""


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    Attributes:
    type: of the field.
    count: how many placements at most.
    scale: the least and the greatest factor on the prop; None leaves its size.
    ground: its height along y; None for none.
    """

    type: str
    count: int = 12
    scale: tuple[float, float] | None = None
    ground: float | None = None


@dataclass(frozen=True)
class Placement:
    """One way in which a prop may be placed.

    Attributes:
    frame: of the problem.
    matrix: from the prop's own frame to space, with its scale.
    scale: on the prop as given.
    score: soft intersection over union with the field, in [0, 1].
    fill: share of the field that lies in the prop.
    contact: metres to the parts that the type meets; None where it names none.
    penetration: metres in the body, by exact distances, without the parts that hold it or wear it.
    rests: on the ground.
    joints: that carry it, shares that sum to 1.
    """

    frame: int
    matrix: Float64[np.ndarray, "4 4"]
    scale: float
    score: float
    fill: float
    contact: float | None
    penetration: float
    rests: bool
    joints: dict[str, float]

    def as_json(self, rank: int) -> dict[str, Any]:
        """As the wire gives it; lengths to a tenth of a millimetre."""
        return {
            "rank": rank,
            "frame": self.frame,
            "matrix": [[round(float(value), 7) for value in row] for row in self.matrix],
            "scale": round(self.scale, 5),
            "score": round(self.score, 4),
            "fill": round(self.fill, 4),
            "contact_m": None if self.contact is None else round(self.contact, 4),
            "penetration_m": round(self.penetration, 4),
            "rests": self.rests,
            "joints": {name: round(share, 3) for name, share in self.joints.items()},
        }


def placements(
    field: OccupancyField, problem: Problem, wish: Wish, progress: Progress = silent
) -> list[Placement]:
    """Placements of a prop in the problem's first frame, the best first, each unlike those before it.

    With the problem's `start` the one placement that is nearest to it. NotFound for a type that the field
    does not have; PropfieldError for a type that holds nothing, a prop of no size, or one that fits nowhere.
    """
    kind = field.type(wish.type)
    prop = measured_prop(problem, wish)
    progress("pose the field", 0.0)
    frame = frame_of(field, kind, character_of(field, problem, 0), wish.ground)
    progress("search", 0.0)
    if problem.start is None:
        found = search(
            frame.posed, prop, frame.scene, wish.scale, wish.count, lambda share: progress("search", share)
        )
    else:
        start = problem.start.copy()
        start[:3, 3] += start[:3, :3] @ prop.centre
        found = [
            refine(
                start, points=prop.points(), scene=frame.scene, scale=wish.scale, most=2 * FINE, spread=0.4
            )
        ]
    progress("settle", 0.0)
    found = distinct(prop, found, max(KEPT, wish.count + 4), least=0.4)
    kept = out_of_body(found, prop, frame, wish.scale, wish.count, lambda share: progress("settle", share))
    if not kept:
        raise fits_nowhere(wish, problem)
    chosen = distinct(prop, [each.found for each in kept], wish.count, least=WORTH)
    by_place = {id(each.found): each for each in kept}
    told = [described(by_place[id(each)], prop, frame, 0) for each in chosen]
    progress("settle", 1.0)
    return told


def out_of_body(
    found: Sequence[Found],
    prop: PropSolid,
    frame: Frame,
    scale: tuple[float, float] | None,
    wanted: int,
    told: Callable[[float], None] = lambda share: None,
) -> list[Settled]:
    """Of placements those that fill something of the field once they are out of the body, best first; where
    all of them are far in it, the best one however far it has to go. None is deeper than DEEPEST. Ends with
    so many that are unlike each other, when those that are left are worth less as they are."""
    waiting = [valued(Settled(each, np.inf, False), prop, frame).found for each in found]
    waiting.sort(key=lambda each: each.cost)
    ready: list[Settled] = []
    with ThreadPoolExecutor(min(os.cpu_count() or 1, TOGETHER)) as pool:
        for first in range(0, len(waiting), TOGETHER):
            best = distinct(prop, [each.found for each in ready], wanted, least=WORTH)
            if len(best) == wanted and best[-1].cost <= waiting[first].cost:
                break
            some = waiting[first : first + TOGETHER]
            results = list(pool.map(lambda each: settled(each, prop, frame, scale), some))
            ready += [each for each in results if each.depth <= DEEPEST and each.found.cost < 0]
            ready.sort(key=lambda each: each.found.cost)
            told((first + len(some)) / (len(waiting) + 1))
    if waiting and not ready:
        last = valued(cleared(waiting[0], prop, frame), prop, frame)
        ready = [last] if last.found.cost < 0 else []
    return ready


def fits_nowhere(wish: Wish, problem: Problem) -> PropfieldError:
    """The error for a prop that fills nothing of the field wherever it is allowed to be."""
    if problem.start is not None:
        return PropfieldError(
            "Where the prop is now it fills nothing of the field: move it to where it belongs and solve again"
            ", or place it anew."
        )
    ground = "" if wish.ground is None else ", see that the ground is below the character"
    return PropfieldError(
        f"The prop fits nowhere in this field: see that it is modelled in metres{ground}, or allow another"
        " scale."
    )


def measured_prop(problem: Problem, wish: Wish) -> PropSolid:
    """The problem's prop as points. PropfieldError for one that is too large or small to be in metres."""
    mesh = trimesh.Trimesh(problem.prop_vertices.astype(float), problem.prop_faces, process=False)
    least, greatest = wish.scale or (1.0, 1.0)
    size = float(np.ptp(mesh.vertices, axis=0).max())
    if not size > 0 or not mesh.area > 0:
        raise PropfieldError("The prop's mesh has no area; choose a mesh with faces.")
    if size * greatest < SMALLEST or size * least > LARGEST:
        raise PropfieldError(
            f"The prop is {size:.3g} m long, and props of {SMALLEST:g} to {LARGEST:g} m can be placed: "
            "apply its scale, or allow another one."
        )
    return prop_solid(mesh)


def character_of(field: OccupancyField, problem: Problem, frame: int) -> Character:
    """The character in one frame of the problem."""
    if problem.body_vertices is None:
        return posed_character(field, problem.bones[frame])
    return posed_character(field, problem.bones[frame], problem.body_vertices[frame], problem.body_faces)


def described(settled_place: Settled, prop: PropSolid, frame: Frame, number: int) -> Placement:
    """All that is told of a placement."""
    found = settled_place.found
    score, fill = frame.overlap(prop, found)
    matrix = found.matrix
    whole = matrix.copy()
    whole[:3, 3] -= matrix[:3, :3] @ prop.centre
    return Placement(
        number,
        whole,
        found.scale,
        score,
        min(fill, 1.0),
        frame.gap(prop, matrix),
        settled_place.depth,
        settled_place.rests,
        carriers(frame, prop, matrix),
    )
