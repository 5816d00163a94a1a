"""The views that a field is fitted to, each as small as it can be kept."""

import heapq
import zlib
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, UInt8

from propfield.body.skeleton import canonical_pose
from propfield.body.skinning import bone_transforms, pose_vertices
from propfield.body.template import BodyTemplate
from propfield.field.fit.body_depth import CELLS, surface_depth
from propfield.field.votes import azimuth_bin
from propfield.observations.observation import Observation

MOST_VIEWS = 2000
"""Views that a type is fitted to; of more a sample is taken, so that memory has an end."""
LONGEST_SIDE = 512
"""Pixels: larger masks are made smaller, since a voxel is some pixels wide in them already."""


@dataclass(frozen=True)
class FitView:
    """What one picture says, ready for the kernels.

    Attributes:
        bones: (24, 3, 4) K [R | t] B_j: a canonical point fixed to bone j to its pixel times its depth.
        focal: pixels; the mean of both axes.
        width, height: of the picture in pixels.
        objects, people: the masks, eight pixels to a byte along x.
        depth: metres to the posed body's surface in each cell of `cell` pixels; inf where it is not.
        azimuth: the camera's bin.
    """

    bones: Float32[np.ndarray, "24 3 4"]
    focal: float
    width: int
    height: int
    objects: UInt8[np.ndarray, "H bytes"]
    people: UInt8[np.ndarray, "H bytes"]
    depth: Float32[np.ndarray, "h w"]
    cell: float
    azimuth: int


def fit_view(view: Observation, body: BodyTemplate) -> FitView:
    """Prepares an observation that has passed the filters; about a millisecond."""
    camera = view.camera
    width, height = view.size
    shrink = min(LONGEST_SIDE / max(width, height), 1.0)
    objects, people = _smaller(view.object_mask, shrink), _smaller(view.person_mask, shrink)
    scale = np.diag([objects.shape[1] / width, objects.shape[0] / height, 1])
    height, width = objects.shape
    projection = (scale @ camera.K @ np.concatenate([camera.R, camera.t[:, None]], 1)).astype(np.float32)
    pose, joints = torch.from_numpy(view.pose), torch.from_numpy(body.joints)
    bones = bone_transforms(pose, joints, torch.from_numpy(canonical_pose())).numpy()
    vertices = pose_vertices(
        pose, torch.from_numpy(body.vertices), torch.from_numpy(body.skin_weights), joints
    ).numpy()
    cell = max(width, height) / CELLS
    depth = np.empty((int(np.ceil(height / cell)), int(np.ceil(width / cell))), np.float32)
    surface_depth(vertices, body.faces, projection, cell, depth)
    return FitView(
        bones=np.ascontiguousarray(projection @ bones),
        focal=float((scale @ camera.K)[[0, 1], [0, 1]].mean()),
        width=width,
        height=height,
        objects=np.packbits(objects, axis=1),
        people=np.packbits(people, axis=1),
        depth=depth,
        cell=cell,
        azimuth=azimuth_bin(camera),
    )


def _smaller(mask: Bool[np.ndarray, "H W"], shrink: float) -> Bool[np.ndarray, "h w"]:
    """A mask at another size: each pixel is the one in its middle."""
    if shrink == 1:
        return mask
    rows, columns = (
        ((np.arange(max(round(side * shrink), 1)) + 0.5) * side / max(round(side * shrink), 1)).astype(int)
        for side in mask.shape
    )
    return mask[np.ix_(rows, columns)]


class ViewSample:
    """At most `most` views of all that are added, the same ones in whatever order they come."""

    def __init__(self, body: BodyTemplate, most: int = MOST_VIEWS) -> None:
        self._body = body
        self._most = most
        self._kept: list[tuple[int, str, FitView]] = []
        self.added = 0

    def add(self, view: Observation) -> None:
        """Takes a view that has passed the filters, or passes it over."""
        self.added += 1
        # A heap whose smallest entry has the largest hash: that one goes first.
        rank = -zlib.crc32(view.id.encode())
        if len(self._kept) < self._most:
            heapq.heappush(self._kept, (rank, view.id, fit_view(view, self._body)))
        elif (rank, view.id) > self._kept[0][:2]:
            heapq.heapreplace(self._kept, (rank, view.id, fit_view(view, self._body)))

    @property
    def views(self) -> list[FitView]:
        """The sample, in an order of its own."""
        return [view for _, _, view in sorted(self._kept, key=lambda kept: kept[:2])]
