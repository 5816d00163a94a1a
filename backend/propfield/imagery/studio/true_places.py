"""Where a prop may truly be on one person of the studio: the scene's own place, and those that the recipe
could as well have drawn for the same person."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from propfield.body.loaders import open_body
from propfield.imagery.studio.posing import jittered
from propfield.imagery.studio.recipe import Recipe
from propfield.imagery.studio.scene import Scene, about, build_scene, prop_place, scene_random

DRAWS = 400
FROM_LIMB = 0.01
"""Metres, beyond a reach's own jitter, by which what a limb reaches for may be elsewhere than where it is."""


@dataclass(frozen=True)
class TruePlaces:
    """In the world: metres, y up.

    Attributes:
    scene: the person and the prop as drawn, in the person's own space.
    world: (4, 4) from there to the world.
    places: the prop's own space → world, rigid; the first is the scene's.
    """

    scene: Scene
    world: Float64[np.ndarray, "4 4"]
    places: Float64[np.ndarray, "N 4 4"]


def true_places(recipe: Recipe, seed: int, index: int) -> TruePlaces:
    """A scene without mishaps, and all places that are as true in it."""
    scene = build_scene(recipe, scene_random(recipe, seed, index), mishaps=False)
    random = scene_random(recipe, seed, index)
    body = open_body()
    skeleton = jittered(recipe, body.joints, random)
    own = prop_place(recipe.prop, skeleton, body, random)
    wishes = [wish for wish in recipe.reaches if wish.frame == "prop"]
    reached = [np.append(wish.to, 1.0) for wish in wishes]
    others = np.random.default_rng([seed, index])
    places = [own]
    for _ in range(DRAWS):
        other = prop_place(recipe.prop, skeleton, body, others)
        # Of the same size: what is placed has one.
        other[:3, :3] = _rigid(other)[:3, :3] @ _rigid(own)[:3, :3].T @ own[:3, :3]
        moved = [np.linalg.norm((other - own) @ point) for point in reached]
        if all(m <= wish.jitter + FROM_LIMB for m, wish in zip(moved, wishes, strict=True)):
            places.append(other)
    world = about(skeleton.positions[0], skeleton.local[0])
    return TruePlaces(scene, world, np.array([_rigid(place) for place in places]))


def _rigid(place: np.ndarray) -> np.ndarray:
    """A place without its stretch."""
    left, _, right = np.linalg.svd(place[:3, :3])
    result = place.copy()
    result[:3, :3] = left @ right
    return result
