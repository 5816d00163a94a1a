"""CHORUS's formulas word for word, dense and in plain torch: what `propfield bench` compares the engine with.

Every voxel holds all 24 weights and every step goes over every voxel; only the memory is bounded, by slices.
Nothing here shares code with field/, so that it also serves as an oracle for its tests.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from propfield.body.skeleton import canonical_pose
from propfield.body.skinning import blend, bone_transforms, pose_vertices
from propfield.body.template import BodyTemplate
from propfield.field.grid import Grid
from propfield.observations.observation import Camera, Observation

NEIGHBOURS = 30
REACH = 0.8
PASSES = 30
BINS = 12
SLICE = 4096
"""Voxels at a time whose distances to all vertices are in memory: about 110 MB on a body of 6,900."""


def dense_weights(
    body: BodyTemplate, grid: Grid, pose: Float32[np.ndarray, "24 3"] | None = None
) -> Float[Tensor, "N 24"]:
    """Eq. 4 and Supp. A.5 around the body in `pose`, the canonical one when None (papers/chorus-constants.md,
    "Voxel skinning weights")."""
    skin = torch.from_numpy(body.skin_weights)
    vertices = pose_vertices(
        torch.from_numpy(canonical_pose() if pose is None else pose),
        torch.from_numpy(body.vertices),
        skin,
        torch.from_numpy(body.joints),
    )
    parts = [_nearest_mean(centres, vertices, skin) for centres in dense_centres(grid).split(SLICE)]
    weights = torch.cat([part for part, _ in parts])
    pelvis_alone = torch.cat([far for _, far in parts])
    return _smoothed(weights, pelvis_alone, grid.resolution)


def dense_centres(grid: Grid) -> Float[Tensor, "N 3"]:
    """Voxel centres in metres, C order of [x, y, z]."""
    axes = [(torch.arange(grid.resolution) + 0.5) * grid.voxel - grid.size / 2 + c for c in grid.centre]
    return torch.cartesian_prod(*axes).float()


def _nearest_mean(
    centres: Float[Tensor, "n 3"], vertices: Float[Tensor, "V 3"], skin: Float[Tensor, "V 24"]
) -> tuple[Float[Tensor, "n 24"], Tensor]:
    # Not by the expanded square, which loses the digits of short distances.
    distances = torch.cdist(centres, vertices, compute_mode="donot_use_mm_for_euclid_dist")
    nearest, indices = distances.topk(NEIGHBOURS, largest=False)
    exact = nearest == 0
    inverse = torch.where(exact.any(1, keepdim=True), exact.float(), 1 / nearest)
    inverse = inverse / inverse.sum(1, keepdim=True)
    own = (inverse[..., None] * skin[indices]).sum(1)
    r = (nearest[:, :1] / REACH).clamp(0, 1)
    share = 1 - ((1 - r) / (1 + r)) ** 0.25
    own = own * (1 - share)
    own[:, :1] += share
    return own, nearest[:, 0] > REACH


def _smoothed(weights: Float[Tensor, "N 24"], pelvis_alone: Tensor, resolution: int) -> Float[Tensor, "N 24"]:
    cube = weights.reshape(resolution, resolution, resolution, 24).clone()
    reset = pelvis_alone.reshape(cube.shape[:3])
    pelvis = torch.eye(24)[0]
    for _ in range(PASSES):
        around = (
            cube[2:, 1:-1, 1:-1]
            + cube[:-2, 1:-1, 1:-1]
            + cube[1:-1, 2:, 1:-1]
            + cube[1:-1, :-2, 1:-1]
            + cube[1:-1, 1:-1, 2:]
            + cube[1:-1, 1:-1, :-2]
        ) / 6
        cube[1:-1, 1:-1, 1:-1] = 0.7 * cube[1:-1, 1:-1, 1:-1] + 0.3 * around
        cube[reset] = pelvis
        cube = cube / cube.sum(-1, keepdim=True)
    return cube.reshape(-1, 24)


def dense_votes(
    views: Sequence[Observation], body: BodyTemplate, grid: Grid, weights: Float[Tensor, "N 24"]
) -> tuple[Float32[np.ndarray, " N"], Float32[np.ndarray, " N"]]:
    """Numerator and denominator of Eq. 6: each voxel carried into each view by Eq. 5 and projected; r_k is
    1 / (cameras in the view's bin of 30°)."""
    rest, joints = torch.from_numpy(canonical_pose()), torch.from_numpy(body.joints)
    centres = dense_centres(grid)
    bins = [_azimuth_bin(view.camera) for view in views]
    mask_votes, image_votes = torch.zeros(len(centres)), torch.zeros(len(centres))
    for view, own in zip(views, bins, strict=True):
        transform = blend(weights, bone_transforms(torch.from_numpy(view.pose), joints, rest))
        posed = _moved(transform, centres)
        x, y, inside = dense_pixels(posed, view.camera, view.size)
        mask = torch.from_numpy(view.object_mask)
        share = 1 / bins.count(own)
        mask_votes += share * (inside & mask[y, x])
        image_votes += share * inside
    return mask_votes.numpy(), image_votes.numpy()


def _moved(transforms: Float[Tensor, "n 4 4"], points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    # Written out: torch's batched product of small matrices takes ten times as long.
    x, y, z = points[..., None].unbind(1)
    return (
        transforms[:, :3, 0] * x + transforms[:, :3, 1] * y + transforms[:, :3, 2] * z + transforms[:, :3, 3]
    )


def dense_pixels(
    points: Float[Tensor, "n 3"], camera: Camera, size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Column, row and whether the picture (width, height) holds it, of the points' pixels: truncated toward
    zero. Points outside the picture or behind the camera get pixel 0, 0."""
    seen = points @ torch.from_numpy(camera.R).T + torch.from_numpy(camera.t)
    pixels = seen @ torch.from_numpy(camera.K).T
    flat = (pixels[:, :2] / pixels[:, 2:]).trunc()
    inside = ((flat >= 0) & (flat < torch.tensor(size))).all(1) & (seen[:, 2] > 0)
    x, y = torch.where(inside[:, None], flat, 0).long().unbind(1)
    return x, y, inside


def _azimuth_bin(camera: Camera) -> int:
    x, _, z = camera.centre
    return int(np.degrees(np.arctan2(z, x)) % 360 // (360 / BINS)) % BINS


def dense_posed(
    occupancy: Float32[np.ndarray, "R R R"],
    body: BodyTemplate,
    grid: Grid,
    pose: Float32[np.ndarray, "24 3"],
) -> Float32[np.ndarray, "R R R"]:
    """Φ(x | θ): weights anew around the posed mesh, each voxel's blended transform inverted, the canonical
    voxel there looked up; 0 outside the grid (§3.3, "Inference for Posed Space")."""
    weights = dense_weights(body, grid, pose)
    joints, rest = torch.from_numpy(body.joints), torch.from_numpy(canonical_pose())
    inverse = torch.linalg.inv(blend(weights, bone_transforms(torch.from_numpy(pose), joints, rest)))
    canonical = _moved(inverse, dense_centres(grid))
    steps = ((canonical - torch.from_numpy(grid.origin)) / grid.voxel).trunc()
    inside = ((steps >= 0) & (steps < grid.resolution)).all(1)
    i, j, k = torch.where(inside[:, None], steps, 0).long().unbind(1)
    return torch.where(inside, torch.from_numpy(occupancy)[i, j, k], 0).reshape(grid.shape).numpy()


def dense_pap(
    posed: Float32[np.ndarray, "R R R"], grid: Grid, camera: Camera, target: Bool[np.ndarray, "H W"]
) -> tuple[float, float]:
    """Vanilla and strict PAP of one image, threshold by threshold from 0.01 to 0.99, each with its own splat
    of voxels as single pixels (§4.2; papers/chorus-constants.md, "PAP"). The target must not be empty."""
    height, width = target.shape
    scale = 32 / min(height, width)
    h, w = round(height * scale), round(width * scale)
    area = torch.nn.functional.interpolate(
        torch.from_numpy(target)[None, None].float(), size=(h, w), mode="area"
    )
    wanted = area[0, 0] >= 0.5
    K = camera.K * np.array([[w / width], [h / height], [1]], dtype=np.float32)
    small, centres = Camera(K, camera.R, camera.t), dense_centres(grid)
    vanilla = strict = best = 0.0
    recall_before: float | None = None
    for threshold in torch.arange(1, 100) / 100:
        chosen = centres[torch.from_numpy(posed).flatten() >= threshold]
        x, y, inside = dense_pixels(chosen, small, (w, h))
        predicted = torch.zeros(h, w, dtype=torch.bool)
        predicted[y[inside], x[inside]] = True
        hits, count = int((predicted & wanted).sum()), int(predicted.sum())
        recall = hits / int(wanted.sum())
        if recall_before is not None:
            vanilla += (recall_before - recall) * best
            strict += (recall_before - recall) * best if count else 0
        best = max(best, hits / max(count, 1))
        recall_before = recall
    return vanilla, strict
