"""How well props are placed: the studio's own, turned and moved anywhere, on people whose truth is known.

A pair of a prop and a type counts as placed in a pose if, among the first three placements, one has the
prop's middle within 5 cm and its turn within 20° of a true place. Turns that take the prop onto itself do not
count, nor does what the recipe leaves open for the same person (imagery/studio/true_places.py). The bone is
right if it is one of the part that the type names, of a limb that reaches for the prop, or of its anchor.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import trimesh
from jaxtyping import Float64
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from propfield.body.skeleton import BODY_PARTS, JOINT_NAMES
from propfield.body.skinning import bone_transforms
from propfield.errors import NotFound, PropfieldError
from propfield.evaluation.evaluate import rounded
from propfield.evaluation.penetration import placed_penetration
from propfield.field.occupancy import OccupancyField
from propfield.imagery.studio.interaction_file import recipes
from propfield.imagery.studio.prop import build_prop
from propfield.imagery.studio.recipe import Recipe
from propfield.imagery.studio.true_places import TruePlaces, true_places
from propfield.progress import Progress, silent
from propfield.uses.placement.place import Placement, Wish, placements
from propfield.uses.placement.problem import Problem, checked

NEAR, TURNED, DEEP = 0.05, 20.0, 0.005
FIRST = 3
HELD_OUT = 990_001
"""The seed of the people, which no field was learned from."""
SYMMETRIC = 0.02
"""Metres, or this part of the prop's size, that a turn may move its surface and still take it onto itself."""


@dataclass(frozen=True)
class Scored:
    """One pose of a pair.

    Attributes:
    rank: of the first right placement among the first three; 0 for none.
    position, turn: of that one, else of the best one, metres and degrees from the truth.
    bone, bone_right: the first placement's first bone, and whether it is right.
    penetration: the deepest of the first three, metres, measured here and not as the placing tells it.
    seconds: that placing took.
    """

    rank: int
    position: float
    turn: float
    bone: str
    bone_right: bool
    penetration: float
    seconds: float


@dataclass(frozen=True)
class Symmetry:
    """Turns about a prop's middle, in its own space, that take it onto itself; `round` if any turn does."""

    middle: Float64[np.ndarray, "3"]
    turns: Float64[np.ndarray, "S 3 3"]
    round: bool


def evaluate_placement(
    fields_by_category: Mapping[str, OccupancyField],
    *,
    poses: int = 3,
    seed: int = HELD_OUT,
    ground: bool = False,
    shown: Callable[[str, str, int, Problem, TruePlaces, list[Placement]], None] | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Scores all interactions of the studio that there are fields of; what `propfield evaluate placement
    --json` prints. With `ground` the placing is told where the floor is. `shown` is given all that was
    placed.

    NotFound when there is no field of anything that the studio has.
    """
    if poses < 1:
        raise PropfieldError(f"--poses is a number of poses from 1, not {poses}.")
    wanted = [
        recipe
        for category, field in fields_by_category.items()
        for recipe in recipes().get(category, ())
        if any(kind.type.name == recipe.type.name for kind in field.types)
    ]
    if not wanted:
        raise NotFound("None of the fields is of an object that the studio has; learn one with `learn`.")
    rows = []
    for number, recipe in enumerate(wanted):
        field = fields_by_category[recipe.category]
        scored = []
        for index in range(poses):
            name = f"{recipe.category}, {recipe.type.name}"
            progress("place props", (number + index / poses) / len(wanted), f"{name}: pose {index + 1}")
            truth = true_places(recipe, seed, index)
            problem, given = _problem(field, recipe, truth, np.random.default_rng([seed, number, index]))
            start = time.monotonic()
            found = placements(field, problem, _wish(recipe, truth, ground))
            seconds = time.monotonic() - start
            if shown:
                shown(recipe.category, recipe.type.name, index, problem, truth, found)
            deepest = max(
                placed_penetration(field, problem, recipe.type.name, each.matrix) for each in found[:FIRST]
            )
            scored.append(score(found, truth, given, symmetry_of(recipe), _bones(recipe), deepest, seconds))
        rows.append(_row(recipe, scored))
    progress("place props", 1.0)
    return rounded({"poses": poses, "seed": seed, "ground": ground, "pairs": rows, **_summed(rows)})


def score(
    found: Sequence[Placement],
    truth: TruePlaces,
    given: Float64[np.ndarray, "4 4"],
    symmetry: Symmetry,
    bones: frozenset[str],
    deepest: float,
    seconds: float,
) -> Scored:
    """Placements against true places; `given` took the prop's own space to the one that it was given in."""
    rank, best = 0, (np.inf, np.inf)
    for number, each in enumerate(found[:FIRST], 1):
        position, turn = _apart(each.matrix @ given, truth.places, symmetry)
        if position <= NEAR and turn <= TURNED:
            rank, best = number, (position, turn)
            break
        best = min(best, (position, turn), key=lambda pair: max(pair[0] / NEAR, pair[1] / TURNED))
    bone = next(iter(found[0].joints))
    return Scored(rank, best[0], best[1], bone, bone in bones, deepest, seconds)


def _apart(
    place: Float64[np.ndarray, "4 4"], places: Float64[np.ndarray, "N 4 4"], symmetry: Symmetry
) -> tuple[float, float]:
    """Metres between the prop's middles, and degrees, from the true place that is nearest in both."""
    position = np.linalg.norm((places - place) @ np.append(symmetry.middle, 1.0), axis=1)
    relative = np.einsum("nba,bc->nac", places[:, :3, :3], place[:3, :3])
    # The trace of each relative turn after each symmetry tells the angle.
    traces = np.einsum("nab,sab->ns", relative, symmetry.turns)
    turn = np.degrees(np.arccos(np.clip((traces.max(1) - 1) / 2, -1, 1)))
    if symmetry.round:
        turn[:] = 0
    nearest = np.maximum(position / NEAR, turn / TURNED).argmin()
    return float(position[nearest]), float(turn[nearest])


def symmetry_of(recipe: Recipe) -> Symmetry:
    """Of a recipe's prop: along the axes of its own space, by steps of 5°."""
    mesh = build_prop(recipe.prop.parts, np.eye(4)).mesh
    middle = mesh.bounds.mean(0)
    points = np.asarray(trimesh.sample.sample_surface(mesh, 4000, seed=0)[0]) - middle
    tree = cKDTree(points)
    limit = max(SYMMETRIC, SYMMETRIC * float(np.linalg.norm(np.ptp(points, axis=0))))
    turns = [
        *Rotation.create_group("O").as_matrix(),
        *(
            Rotation.from_rotvec(np.radians(degrees) * np.eye(3)[axis]).as_matrix()
            for axis in range(3)
            for degrees in range(5, 360, 5)
        ),
    ]
    kept = [turn for turn in turns if np.quantile(tree.query(points @ turn.T)[0], 0.98) < limit]
    return Symmetry(middle, np.array(kept), len(kept) == len(turns))


def _problem(
    field: OccupancyField, recipe: Recipe, truth: TruePlaces, random: np.random.Generator
) -> tuple[Problem, Float64[np.ndarray, "4 4"]]:
    """The studio's prop of nominal size, given in a space where its own axes say nothing."""
    mesh = build_prop(recipe.prop.parts, np.eye(4)).mesh
    given = np.eye(4)
    given[:3, :3] = Rotation.random(random_state=int(random.integers(2**31))).as_matrix()
    given[:3, 3] = random.uniform(-1, 1, 3)
    vertices = np.asarray(mesh.vertices) @ given[:3, :3].T + given[:3, 3]
    bones = bone_transforms(
        torch.tensor(truth.scene.pose),
        torch.tensor(field.body.joints),
        torch.tensor(field.rest_pose),
    )
    problem = checked(
        prop_vertices=vertices.astype(np.float32),
        prop_faces=np.asarray(mesh.faces, np.int32),
        bones=(truth.world @ bones.numpy().astype(float))[None],
    )
    return problem, given


def _wish(recipe: Recipe, truth: TruePlaces, ground: bool) -> Wish:
    if not ground:
        return Wish(recipe.type.name, FIRST)
    # Under the prop of nominal size, which is what is placed: a board 4 mm higher than the drawn one would
    # not go between the feet and the floor.
    prop = np.asarray(build_prop(recipe.prop.parts, np.eye(4)).mesh.vertices)
    lowest = min(
        float((points @ matrix[1, :3] + matrix[1, 3]).min())
        for points, matrix in ((truth.scene.vertices, truth.world), (prop, truth.places[0]))
    )
    return Wish(recipe.type.name, FIRST, None, lowest)


def _bones(recipe: Recipe) -> frozenset[str]:
    """The joints that may truly carry the prop."""
    limbs = [wish.limb for wish in recipe.reaches if wish.frame == "prop"]
    names = {joint for part in (*recipe.type.met, *limbs) for joint in BODY_PARTS[part]}
    anchor = recipe.prop.anchor
    anchors = [anchor] if isinstance(anchor, str) else list(anchor)
    for joint in anchors:
        # What hangs upright from a joint of the trunk is not carried by it.
        if joint in JOINT_NAMES and (len(anchors) > 1 or not recipe.prop.upright):
            names |= {joint}
            if joint.endswith("_knee"):
                names |= {joint.replace("knee", "hip")}
    return frozenset(names)


def _row(recipe: Recipe, scored: Sequence[Scored]) -> dict[str, Any]:
    return {
        "category": recipe.category,
        "type": recipe.type.name,
        "placed": float(np.mean([each.rank > 0 for each in scored])),
        "ranks": [each.rank for each in scored],
        "position_m": [each.position for each in scored],
        "turn_degrees": [each.turn for each in scored],
        "bone_right": float(np.mean([each.bone_right for each in scored])),
        "bones": sorted({each.bone for each in scored}),
        "penetration_m": max(each.penetration for each in scored),
        "seconds": min(each.seconds for each in scored),
    }


def _summed(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Over all pairs: which share of them is placed in every pose, and the share of poses."""
    return {
        "pairs_placed": float(np.mean([row["placed"] == 1 for row in rows])),
        "poses_placed": float(np.mean([row["placed"] for row in rows])),
        "bones_right": float(np.mean([row["bone_right"] for row in rows])),
        "penetration_m": max(row["penetration_m"] for row in rows),
    }
