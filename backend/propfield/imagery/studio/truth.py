"""The true canonical occupancy of an interaction's object, which only a procedural world can know."""

import numpy as np
import torch
from jaxtyping import Float32

from propfield.body.loaders import open_body
from propfield.body.skeleton import canonical_pose
from propfield.body.skinning import bone_transforms
from propfield.field.grid import Grid
from propfield.field.skinning_weights import voxel_weights
from propfield.imagery.studio.recipe import Recipe
from propfield.imagery.studio.scene import build_scene, scene_random


class CanonicalVoxels:
    """A grid's voxels around the rest pose, and where Eq. 5 takes them in a pose."""

    def __init__(self, grid: Grid) -> None:
        body = open_body()
        self.grid = grid
        self._joints = torch.from_numpy(body.joints)
        self._rest = torch.from_numpy(canonical_pose())
        self._centres = torch.from_numpy(grid.centres())
        weights = voxel_weights(body, grid)
        # A voxel that follows the pelvis alone stays where it is: the root's rotation is the camera's.
        self._moving = torch.from_numpy(np.flatnonzero(weights[:, [0]].toarray()[:, 0] < 1))
        self._weights = torch.from_numpy(weights[self._moving.numpy()].toarray())

    def posed(self, pose: Float32[np.ndarray, "24 3"]) -> Float32[np.ndarray, "N 3"]:
        bones = bone_transforms(torch.from_numpy(pose), self._joints, self._rest)[:, :3].flatten(-2)
        transform = (self._weights @ bones).unflatten(-1, (3, 4))
        posed = self._centres.clone()
        moving = self._centres[self._moving]
        posed[self._moving] = (transform[..., :3] @ moving[..., None])[..., 0] + transform[..., 3]
        return posed.numpy()


def recipe_occupancy(
    recipe: Recipe, voxels: CanonicalVoxels, scenes: int, seed: int
) -> Float32[np.ndarray, "R R R"]:
    """For each voxel the share of drawn scenes in which the object holds its centre, once it is posed with
    the body (CHORUS Eq. 2 and 5, without any picture)."""
    count = np.zeros(voxels.grid.resolution**3, dtype=np.int64)
    for index in range(scenes):
        scene = build_scene(recipe, scene_random(recipe, seed, index), mishaps=False)
        count += scene.props[0].inside(voxels.posed(scene.pose).astype(float))
    return (count / max(scenes, 1)).astype(np.float32).reshape(voxels.grid.shape)
