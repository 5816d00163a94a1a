"""The true canonical occupancy of an interaction's object, which only a procedural world can know."""

import numpy as np
from jaxtyping import Float32

from propfield.field.canonical_voxels import CanonicalVoxels
from propfield.field.grid import Grid
from propfield.imagery.studio.recipe import Recipe
from propfield.imagery.studio.scene import build_scene, scene_random


def recipe_occupancy(
    recipe: Recipe, grid: Grid, voxels: CanonicalVoxels, scenes: int, seed: int
) -> Float32[np.ndarray, "R R R"]:
    """For each voxel the share of drawn scenes in which the object holds its centre, once it is posed with
    the body (CHORUS Eq. 2 and 5, without any picture)."""
    count = np.zeros(grid.resolution**3, dtype=np.int64)
    for index in range(scenes):
        scene = build_scene(recipe, scene_random(recipe, seed, index), mishaps=False)
        count += scene.props[0].inside(voxels.posed(scene.pose).numpy().astype(float))
    return (count / max(scenes, 1)).astype(np.float32).reshape(grid.shape)
