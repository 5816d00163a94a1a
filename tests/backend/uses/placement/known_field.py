"""Fields that are known to the voxel: an angle of two bars, or any other solid, held by one joint."""

import numpy as np
import torch
import trimesh
from scipy.sparse import csr_array

from propfield.body.loaders import open_body
from propfield.body.skeleton import JOINT_INDEX, canonical_pose
from propfield.body.skinning import bone_transforms, joint_transforms
from propfield.field.grid import Grid
from propfield.field.occupancy import OccupancyField, TypeField
from propfield.observations.interaction import InteractionType

GRID = Grid(48)
BARS = (((0.5, 0.1, 0.1), (0.2, 0.0, 0.0)), ((0.1, 0.3, 0.1), (0.0, 0.15, 0.0)))
"""Sizes and middles of a long bar and of a shorter one across its end."""


def angle() -> trimesh.Trimesh:
    """No turn but none takes it onto itself; its mirror image about z = 0 does."""
    parts = [trimesh.creation.box(size, trimesh.transformations.translation_matrix(at)) for size, at in BARS]
    return trimesh.util.concatenate(parts)


def rigid(turn=(0.0, 0, 0), shift=(0.0, 0, 0)) -> np.ndarray:
    matrix = trimesh.transformations.euler_matrix(*turn)
    matrix[:3, 3] = shift
    return matrix


def inside_angle(points: np.ndarray) -> np.ndarray:
    found = np.zeros(len(points), bool)
    for size, at in BARS:
        found |= (np.abs(points - at) <= np.array(size) / 2).all(1)
    return found


def field_of(place: np.ndarray, joint: str, part: str | None, inside=inside_angle) -> OccupancyField:
    """A field whose one object is surely at `place` (own space → rest pose), and follows one joint."""
    voxel = GRID.voxel
    offsets = (np.stack(np.meshgrid(*[np.arange(4)] * 3), -1).reshape(-1, 3) + 0.5) / 4 - 0.5
    share = np.zeros(GRID.resolution**3)
    back = np.linalg.inv(place)
    for offset in offsets * voxel:
        points = GRID.centres() + offset
        share += inside(points @ back[:3, :3].T + back[:3, 3]) / len(offsets)
    kind = TypeField(
        InteractionType("use", "A person uses a thing", part),
        share.reshape(GRID.shape).astype(np.float32),
        np.ones(GRID.shape, np.uint32),
        100,
    )
    count = GRID.resolution**3
    weights = csr_array(
        (np.ones(count, np.float32), np.full(count, JOINT_INDEX[joint]), np.arange(count + 1)),
        shape=(count, 24),
    )
    return OccupancyField("thing", GRID, (kind,), weights, open_body(), canonical_pose(), skinning="forward")


def bones_of(pose: np.ndarray) -> np.ndarray:
    return (
        bone_transforms(
            torch.from_numpy(pose.astype(np.float32)),
            torch.from_numpy(open_body().joints),
            torch.from_numpy(canonical_pose()),
        )
        .numpy()
        .astype(float)
    )


def at_joint(joint: str) -> np.ndarray:
    """Where a joint is in the rest pose."""
    rest = torch.from_numpy(canonical_pose())
    return joint_transforms(rest, torch.from_numpy(open_body().joints))[JOINT_INDEX[joint], :3, 3].numpy()
