"""The parts of space around the parts of a body (CHORUS §3.4, "interaction regions")."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int64, UInt16
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from propfield.body.skeleton import canonical_pose
from propfield.body.skinning import pose_vertices
from propfield.body.template import BodyTemplate
from propfield.field.blocks import VoxelBlocks, voxel_blocks
from propfield.field.grid import Grid
from propfield.observations.interaction import WHOLE_BODY

PART_REACH = 0.13
"""Metres from a body part's vertices to the voxels of its interaction region (Supp. A.7)."""


class Regions(NamedTuple):
    """The regions of some body parts, part i as bit 2ⁱ.

    Attributes:
        names: the parts.
        blocks: the voxels that are in any of the regions.
        parts: (N,) the regions that each voxel is in.
        block_parts: (B,) the regions that any voxel of a block is in.
    """

    names: tuple[str, ...]
    blocks: VoxelBlocks
    parts: UInt16[np.ndarray, " N"]
    block_parts: UInt16[np.ndarray, " B"]

    def bits(self, names: Iterable[str]) -> int:
        """The named parts as bits."""
        return sum(1 << self.names.index(name) for name in set(names))


def regions_of(body: BodyTemplate, grid: Grid, weights: csr_array, names: Iterable[str]) -> Regions:
    """The regions of the named parts. NotFound for one that a body does not have."""
    names = tuple(sorted(set(names)))
    parts = np.zeros(grid.resolution**3, np.uint16)
    for place, name in enumerate(names):
        parts[part_region(body, grid, name)] |= np.uint16(1 << place)
    blocks = voxel_blocks(grid, weights, np.flatnonzero(parts))
    parts = parts[blocks.voxels]
    any_of = np.bitwise_or.reduceat(parts, blocks.starts[:-1]) if len(parts) else parts
    return Regions(names, blocks, parts, any_of)


def part_region(body: BodyTemplate, grid: Grid, part: str) -> Int64[np.ndarray, " M"]:
    """Flat indices of the voxels within 0.13 m of a body part's vertices in the canonical pose. NotFound for
    another name than skeleton.BODY_PARTS' and "body", all of them."""
    chosen = np.arange(len(body.vertices)) if part == WHOLE_BODY else body.part_vertices(part)
    vertices = pose_vertices(
        torch.from_numpy(canonical_pose()),
        torch.from_numpy(body.vertices[chosen]),
        torch.from_numpy(body.skin_weights[chosen]),
        torch.from_numpy(body.joints),
    ).numpy()
    low, high = vertices.min(0) - PART_REACH, vertices.max(0) + PART_REACH
    axes = grid.axes()
    near = [np.flatnonzero((axis >= a) & (axis <= b)) for axis, a, b in zip(axes, low, high, strict=True)]
    box = np.stack(np.meshgrid(*near, indexing="ij"), -1).reshape(-1, 3)
    points = np.stack([axis[places] for axis, places in zip(axes, box.T, strict=True)], -1)
    distance, _ = cKDTree(vertices).query(points, distance_upper_bound=PART_REACH)
    return np.ravel_multi_index(box[np.isfinite(distance)].T, grid.shape).astype(np.int64)
