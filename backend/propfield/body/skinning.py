"""Linear blend skinning in torch: pose to bone transforms, points forward and backward.

Source: SMPL (Loper et al. 2015) Eq. 2-4 and CHORUS Eq. 5. No pose correctives: the field's points have none.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from propfield.body.skeleton import PARENTS


def _levels() -> list[tuple[slice, slice | list[int]]]:
    """The joints at each depth of SMPL's tree below the root (they are numbered in this order), and where
    their parents are in the level before."""
    levels: list[tuple[slice, slice | list[int]]] = []
    before, first = 0, 1
    while first < len(PARENTS):
        end = first + sum(parent < first for parent in PARENTS[first:])
        places = [parent - before for parent in PARENTS[first:end]]
        span = slice(places[0], places[-1] + 1)
        # One parent of all, or a row of parents with a child each, is seen without a copy.
        plain = len(set(places)) == 1 or places == list(range(span.start, span.stop))
        levels.append((slice(first, end), span if plain else places))
        before, first = first, end
    return levels


_LEVELS = _levels()


def rotation_matrices(axis_angle: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Rodrigues' formula. Radians; smooth at zero, so that its gradient exists there too."""
    angle = torch.linalg.vector_norm(axis_angle, dim=-1)[..., None, None]
    x, y, z = axis_angle.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    sine = torch.sinc(angle / math.pi)
    # 1 - cos of a small angle is lost in float32; by the half angle it is not.
    half = torch.sinc(angle / (2 * math.pi))
    identity = torch.eye(3, dtype=axis_angle.dtype, device=axis_angle.device)
    return identity + sine * cross + 0.5 * half * half * (cross @ cross)


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
    # A level of the tree at once: so small a product takes less time than calling it.
    world = [local[..., :1, :, :]]
    for level, above in _LEVELS:
        world.append(world[-1][..., above, :, :] @ local[..., level, :, :])
    return torch.cat(world, -3)


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
    if rest_pose is None:
        # In the T-pose a joint's frame is turned by nothing, and lies where the joint does.
        moved = posed[..., :3] @ joints[..., None]
        return torch.cat([posed[..., :3], posed[..., 3:] - moved], -1)
    # One rest pose a skeleton, however many poses it takes.
    return posed @ rigid_inverse(joint_transforms(rest_pose.expand_as(joints), joints))


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
