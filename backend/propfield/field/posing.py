"""A field in the posed space: Φ(x | θ, s) by backward skinning (CHORUS §3.3, "Inference for Posed Space")."""

import numpy as np
import torch
from jaxtyping import Float32

from propfield.body.skinning import bone_transforms, pose_vertices, skin_backward, skin_forward
from propfield.field.occupancy import OccupancyField
from propfield.field.skinning_weights import weights_around


def pose_field(
    field: OccupancyField, type_name: str, pose: Float32[np.ndarray, "24 3"]
) -> Float32[np.ndarray, "R R R"]:
    """The occupancy of a type over the same grid, around the body in `pose` (axis-angle, radians).

    Each posed voxel gets skinning weights from the posed mesh, its blended transform is inverted, and the
    canonical voxel it comes from is looked up; 0 outside the grid.
    """
    grid, body = field.grid, field.body
    joints, skin = torch.from_numpy(body.joints), torch.from_numpy(body.skin_weights)
    posed = pose_vertices(torch.from_numpy(pose), torch.from_numpy(body.vertices), skin, joints)
    weights = weights_around(posed.numpy(), body.skin_weights, grid)
    bones = bone_transforms(torch.from_numpy(pose), joints, torch.from_numpy(field.rest_pose))
    canonical = skin_backward(
        torch.from_numpy(grid.centres()), torch.from_numpy(weights.toarray()), bones
    ).numpy()
    index = grid.voxel_of(canonical)
    occupancy = field.type(type_name).occupancy.reshape(-1)
    return np.where(index >= 0, occupancy[index], 0).astype(np.float32).reshape(grid.shape)


def pose_points(
    field: OccupancyField,
    points: Float32[np.ndarray, "P 3"],
    weights: Float32[np.ndarray, "P 24"],
    pose: Float32[np.ndarray, "24 3"],
) -> Float32[np.ndarray, "P 3"]:
    """Canonical points, such as an iso-surface's vertices, carried forward into `pose` (Eq. 5)."""
    bones = bone_transforms(
        torch.from_numpy(pose), torch.from_numpy(field.body.joints), torch.from_numpy(field.rest_pose)
    )
    return skin_forward(torch.from_numpy(points), torch.from_numpy(weights), bones).numpy()
