"""Views made ready for counting, a batch at a time: where bones take canonical points in each picture, and
the masks as bits."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8

from propfield.body.skeleton import canonical_pose
from propfield.body.skinning import bone_transforms
from propfield.body.template import BodyTemplate
from propfield.field.votes import azimuth_bins
from propfield.observations.observation import Observation


class ViewBatch(NamedTuple):
    """Attributes:
    bones: (V, 24, 3, 4) P_j = K [R | t] B_j: what takes a canonical point that follows bone j to
        homogeneous pixels; z is metres in front of the camera.
    bins: (V,) azimuth bin of each camera.
    widths, heights: (V,) of the pictures.
    bits: rows of the object masks, 8 pixels a byte, the lowest bit leftmost; a row begins at a byte.
    bit_starts: (V,) where each mask begins in `bits`.
    strides: (V,) bytes a row.
    """

    bones: Float32[np.ndarray, "V 24 3 4"]
    bins: Int64[np.ndarray, " V"]
    widths: Int64[np.ndarray, " V"]
    heights: Int64[np.ndarray, " V"]
    bits: UInt8[np.ndarray, " bytes"]
    bit_starts: Int64[np.ndarray, " V"]
    strides: Int64[np.ndarray, " V"]


def view_batch(views: Sequence[Observation], body: BodyTemplate) -> ViewBatch:
    """Makes views ready. Their numbers are finite and their arrays whole (observations/filters.py)."""
    R, t = np.stack([view.camera.R for view in views]), np.stack([view.camera.t for view in views])
    packed = [np.packbits(view.object_mask, axis=1, bitorder="little") for view in views]
    sizes = [mask.size for mask in packed]
    return ViewBatch(
        bones=projected_bones(views, body),
        bins=azimuth_bins(R, t),
        widths=np.array([view.size[0] for view in views]),
        heights=np.array([view.size[1] for view in views]),
        bits=np.concatenate([mask.ravel() for mask in packed]),
        bit_starts=np.cumsum([0, *sizes[:-1]], dtype=np.int64),
        strides=np.array([mask.shape[1] for mask in packed]),
    )


def projected_bones(views: Sequence[Observation], body: BodyTemplate) -> Float32[np.ndarray, "V 24 3 4"]:
    """ViewBatch's bones. The products are made in double precision: in single, pixels far from a picture's
    origin would be off by a hundredth."""
    poses = torch.from_numpy(np.stack([view.pose for view in views]))
    rest = torch.from_numpy(canonical_pose())
    bones = bone_transforms(poses, torch.from_numpy(body.joints), rest).numpy().astype(np.float64)
    cameras = [
        view.camera.K.astype(np.float64) @ np.concatenate([view.camera.R, view.camera.t[:, None]], 1)
        for view in views
    ]
    return (np.stack(cameras)[:, None] @ bones).astype(np.float32)
