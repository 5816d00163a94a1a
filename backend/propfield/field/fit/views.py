"""The views that a field is fitted to, each as small as it can be kept."""

import heapq
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from propfield.body.template import BodyTemplate
from propfield.field.fit.body_depth import CELLS, surface_depth
from propfield.field.fit.keypoint_evidence import Figures, corrected
from propfield.field.fit.limbs import Skeleton, joint_places, limb_turns
from propfield.field.votes import azimuth_bin
from propfield.observations.observation import Observation
from propfield.progress import Progress, silent

MOST_VIEWS = 2000
"""Views that a type is fitted to; of more a sample is taken, so that memory has an end."""
LONGEST_SIDE = 512
"""Pixels: larger masks are made smaller, since a voxel is some pixels wide in them already."""


@dataclass(frozen=True)
class SeenView:
    """What one picture says, its masks packed eight pixels to a byte along x.

    Attributes:
        pose: axis-angle of the joints, radians.
        facing, away: the camera's R and t.
        lens: fx, fy, cx, cy in pixels of the masks.
        keypoints: shoulders to ankles in pixels of the masks, with confidence.
        width, height: of the masks in pixels.
        azimuth: the camera's bin.
    """

    pose: Float32[np.ndarray, "24 3"]
    facing: Float32[np.ndarray, "3 3"]
    away: Float32[np.ndarray, "3"]
    lens: Float32[np.ndarray, "4"]
    keypoints: Float32[np.ndarray, "12 3"]
    width: int
    height: int
    objects: UInt8[np.ndarray, "H bytes"]
    people: UInt8[np.ndarray, "H bytes"]
    azimuth: int


@dataclass(frozen=True)
class FitView:
    """A seen view, ready for the kernels.

    Attributes:
        seen: its masks and lens.
        turns, pelvis: the person's limbs in the camera's space (limbs.py), as the keypoints have them.
        covariance: of what is still wrong with them; None where nothing is.
        depth: metres to the posed body's surface in each cell of `cell` pixels; inf where it is not.
    """

    seen: SeenView
    turns: Float32[np.ndarray, "24 3 3"]
    pelvis: Float32[np.ndarray, "3"]
    covariance: Float32[np.ndarray, "75 75"] | None
    depth: Float32[np.ndarray, "h w"]
    cell: float


def seen_view(view: Observation) -> SeenView:
    """Packs an observation that has passed the filters."""
    camera = view.camera
    width, height = view.size
    shrink = min(LONGEST_SIDE / max(width, height), 1.0)
    objects, people = _smaller(view.object_mask, shrink), _smaller(view.person_mask, shrink)
    across, down = objects.shape[1] / width, objects.shape[0] / height
    K = camera.K
    lens = np.array([K[0, 0] * across, K[1, 1] * down, K[0, 2] * across, K[1, 2] * down], np.float32)
    return SeenView(
        pose=view.pose,
        facing=camera.R,
        away=camera.t,
        lens=lens,
        keypoints=_finite(view.keypoints[5:]) * np.array([across, down, 1], np.float32),
        width=objects.shape[1],
        height=objects.shape[0],
        objects=np.packbits(objects, axis=1),
        people=np.packbits(people, axis=1),
        azimuth=azimuth_bin(camera),
    )


def _finite(keypoints: Float32[np.ndarray, "12 3"]) -> Float32[np.ndarray, "12 3"]:
    """Keypoints that are not numbers have no confidence."""
    return np.where(np.isfinite(keypoints).all(1, keepdims=True), keypoints, np.float32(0))


def fit_views(views: Sequence[SeenView], body: BodyTemplate, progress: Progress = silent) -> list[FitView]:
    """Views ready to be fitted to, each person moved to where the keypoints say (keypoint_evidence.py)."""
    if not views:
        return []
    skeleton = Skeleton.of(body)
    facing = np.stack([view.facing for view in views]).astype(float)
    figures = Figures(
        turns=limb_turns(np.stack([view.pose for view in views]).astype(float), facing),
        pelvis=facing @ body.joints[0] + np.stack([view.away for view in views]),
        lenses=np.stack([view.lens for view in views]).astype(float),
        keypoints=np.stack([view.keypoints for view in views]).astype(float),
    )
    moved = corrected(figures, skeleton)
    places = joint_places(moved.turns, moved.pelvis, skeleton)
    ready = []
    for number, view in enumerate(views):
        progress("fit the field", 0.0)
        cell = max(view.width, view.height) / CELLS
        depth = np.empty((int(np.ceil(view.height / cell)), int(np.ceil(view.width / cell))), np.float32)
        surface_depth(
            _skin(moved.turns[number], places[number], body), body.faces, _camera(view.lens), cell, depth
        )
        ready.append(
            FitView(
                seen=view,
                turns=moved.turns[number].astype(np.float32),
                pelvis=moved.pelvis[number].astype(np.float32),
                covariance=moved.covariance[number] if moved.scale else None,
                depth=depth,
                cell=cell,
            )
        )
    return ready


def _skin(turns: np.ndarray, places: np.ndarray, body: BodyTemplate) -> Float32[np.ndarray, "V 3"]:
    """The body's vertices in the camera's space (SMPL Eq. 2-4, limb by limb)."""
    moves = places - np.einsum("jab,jb->ja", turns, body.joints)
    bones = np.concatenate([turns, moves[..., None]], -1).astype(np.float32)
    blended = (body.skin_weights @ bones.reshape(len(bones), -1)).reshape(-1, 3, 4)
    return np.einsum("vab,vb->va", blended[..., :3], body.vertices) + blended[..., 3]


def _camera(lens: Float32[np.ndarray, "4"]) -> Float32[np.ndarray, "3 4"]:
    fx, fy, cx, cy = lens
    return np.array([[fx, 0, cx, 0], [0, fy, cy, 0], [0, 0, 1, 0]], np.float32)


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

    def __init__(self, most: int = MOST_VIEWS) -> None:
        self._most = most
        self._kept: list[tuple[int, str, SeenView]] = []
        self.added = 0

    def add(self, view: Observation) -> None:
        """Takes a view that has passed the filters, or passes it over."""
        self.added += 1
        # A heap whose smallest entry has the largest hash: that one goes first.
        rank = -zlib.crc32(view.id.encode())
        if len(self._kept) < self._most:
            heapq.heappush(self._kept, (rank, view.id, seen_view(view)))
        elif (rank, view.id) > self._kept[0][:2]:
            heapq.heapreplace(self._kept, (rank, view.id, seen_view(view)))

    @property
    def views(self) -> list[SeenView]:
        """The sample, in an order of its own."""
        return [view for _, _, view in sorted(self._kept, key=lambda kept: kept[:2])]
