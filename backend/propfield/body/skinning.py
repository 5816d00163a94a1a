"""Linear blend skinning in torch: pose to bone transforms, points forward and backward.

Source: SMPL (Loper et al. 2015) Eq. 2-4 and CHORUS Eq. 5. No pose correctives: the field's points have none.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from propfield.body.skeleton import PARENTS


def rotation_matrices(axis_angle: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Rodrigues' formula. Radians; smooth at zero, so that its gradient exists there too."""
    x, y, z = axis_angle.unbind(-1)
    squared = x * x + y * y + z * z
    small = squared < 1e-8
    safe = torch.where(small, torch.ones_like(squared), squared)
    angle = safe.sqrt()
    sine = torch.where(small, 1 - squared / 6, angle.sin() / angle)
    # 1 - cos of a small angle is lost in float32; by the half angle it is not.
    cosine = torch.where(small, 0.5 - squared / 24, 2 * (angle / 2).sin() ** 2 / safe)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    identity = torch.eye(3, dtype=axis_angle.dtype, device=axis_angle.device)
    return identity + sine[..., None, None] * cross + cosine[..., None, None] * (cross @ cross)


def joint_transforms(
    pose: Float[Tensor, "*batch 24 3"], joints: Float[Tensor, "*#batch 24 3"]
) -> Float[Tensor, "*batch 24 4 4"]:
    """World transform of each joint's frame: forward kinematics down SMPL's tree, before the rest pose
    is taken off. `pose` is axis-angle in radians, `joints` are rest positions in metres."""
    rotations = rotation_matrices(pose)
    joints = joints.expand(*pose.shape[:-2], 24, 3)
    parents = torch.tensor(PARENTS[1:], device=pose.device)
    offsets = torch.cat([joints[..., :1, :], joints[..., 1:, :] - joints[..., parents, :]], -2)
    top = torch.cat([rotations, offsets[..., None]], -1)
    bottom = torch.tensor([0.0, 0, 0, 1], dtype=top.dtype, device=top.device).expand(*top.shape[:-2], 1, 4)
    local = torch.cat([top, bottom], -2)
    world = [local[..., 0, :, :]]
    for joint in range(1, 24):
        world.append(world[PARENTS[joint]] @ local[..., joint, :, :])
    return torch.stack(world, -3)


def bone_transforms(
    pose: Float[Tensor, "*batch 24 3"],
    joints: Float[Tensor, "*#batch 24 3"],
    rest_pose: Float[Tensor, "24 3"] | None = None,
) -> Float[Tensor, "*batch 24 4 4"]:
    """B_j of CHORUS Eq. 5: what moves a point fixed to bone j from the rest pose to `pose`.

    `rest_pose` is where the points are given; the T-pose when None (a body's vertices), the canonical pose
    for a field's voxels. Equal to A_posed · A_rest⁻¹ per joint.
    """
    posed = joint_transforms(pose, joints)
    # One rest pose a skeleton, however many poses it takes.
    resting = torch.zeros_like(joints) if rest_pose is None else rest_pose.expand_as(joints)
    rest = joint_transforms(resting, joints)
    return posed @ rigid_inverse(rest)


def rigid_inverse(transform: Float[Tensor, "*batch 4 4"]) -> Float[Tensor, "*batch 4 4"]:
    """Inverse of rotations with translations, without a general solve."""
    rotation = transform[..., :3, :3].transpose(-1, -2)
    moved = -(rotation @ transform[..., :3, 3:])
    bottom = transform[..., 3:, :]
    return torch.cat([torch.cat([rotation, moved], -1), bottom], -2)


def blend(
    weights: Float[Tensor, "points 24"], bones: Float[Tensor, "*batch 24 4 4"]
) -> Float[Tensor, "*batch points 4 4"]:
    """Each point's own transform: the weighted sum of the bones' (the sum in CHORUS Eq. 5)."""
    return (weights @ bones.flatten(-2)).unflatten(-1, (4, 4))


def skin_forward(
    points: Float[Tensor, "*#batch points 3"],
    weights: Float[Tensor, "points 24"],
    bones: Float[Tensor, "*batch 24 4 4"],
) -> Float[Tensor, "*batch points 3"]:
    """W of CHORUS Eq. 5: rest-pose points to posed points."""
    transform = blend(weights, bones)
    return (transform[..., :3, :3] @ points[..., None])[..., 0] + transform[..., :3, 3]


def skin_backward(
    points: Float[Tensor, "*#batch points 3"],
    weights: Float[Tensor, "points 24"],
    bones: Float[Tensor, "*batch 24 4 4"],
) -> Float[Tensor, "*batch points 3"]:
    """W⁻¹: posed points to rest-pose points, by the inverse of each point's blended transform.

    `weights` belong to the posed points (CHORUS §3.3, "Inference for Posed Space").
    """
    transform = blend(weights, bones)
    return torch.linalg.solve(transform[..., :3, :3], (points - transform[..., :3, 3])[..., None])[..., 0]


def pose_vertices(
    pose: Float[Tensor, "*batch 24 3"],
    vertices: Float[Tensor, "V 3"],
    skin_weights: Float[Tensor, "V 24"],
    joints: Float[Tensor, "24 3"],
) -> Float[Tensor, "*batch V 3"]:
    """A body's template vertices (T-pose) in `pose`."""
    return skin_forward(vertices, skin_weights, bone_transforms(pose, joints))
