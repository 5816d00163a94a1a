"""What `propfield bench` runs on: the reference's forty views with their expected output, or the studio's."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32

from propfield.errors import NotFound, PropfieldError
from propfield.imagery.studio import StudioSource
from propfield.observations.filters import failed_filter
from propfield.observations.observation import Camera, Observation, mask_box

VIEWS = 40
SIZE = 512
STUDIO_CATEGORY = "surfboard"


@dataclass(frozen=True)
class ReferenceOutputs:
    """What the official implementation gives for the reference's views.

    Attributes:
        weights: the voxels' skinning weights, C order of [x, y, z].
        votes: the two sums of Eq. 6, of the masks and of the pictures.
        posed: the field in the poses of views 0, 1, 2.
    """

    weights: Float32[np.ndarray, "N 24"]
    votes: Float32[np.ndarray, "2 N"]
    posed: Float32[np.ndarray, "3 R R R"]


@dataclass(frozen=True)
class BenchInputs:
    """Views to count, where they are from in words, and what should come out (None when nobody knows)."""

    views: Sequence[Observation]
    told: str
    expected: ReferenceOutputs | None = None


def studio_inputs(views: int = VIEWS, size: int = SIZE) -> BenchInputs:
    """Views that pass the filters, of all of the studio's ways of using a surfboard in equal parts."""
    source = StudioSource(workers=1, size=size)
    kinds = source.types(STUDIO_CATEGORY)
    made: list[Observation] = []
    for kind in kinds:
        offered = source.observe(STUDIO_CATEGORY, types=[kind.name], views=4 * views, seed=0)
        good = (view for view in offered if failed_filter(view) is None)
        made += islice(good, -(-views // len(kinds)))
    return BenchInputs(
        made[:views], f"{views} views of a {STUDIO_CATEGORY} made by the studio ({size} × {size} pixels)"
    )


def reference_inputs(folder: Path) -> BenchInputs:
    """The views and numbers of a folder like the development data's `reference`. NotFound when it is not
    there, PropfieldError when its files are others."""
    for name in ("inputs.npz", "outputs.npz"):
        if not (folder / name).is_file():
            raise NotFound(f"{folder} is no reference: it has no file {name}.")
    try:
        with np.load(folder / "inputs.npz", allow_pickle=False) as data:
            masks = np.unpackbits(data["masks"], axis=-1).astype(bool)
            poses, K, R, t = (data[name] for name in ("pose", "K", "R", "t"))
        poses[:, 0] = 0
        views = [view_around(masks[k], poses[k], Camera(K[k], R[k], t[k]), str(k)) for k in range(len(masks))]
        with np.load(folder / "outputs.npz", allow_pickle=False) as data:
            expected = ReferenceOutputs(
                data["voxel_weights"].reshape(-1, 24),
                np.stack([data["mask_votes"].ravel(), data["image_votes"].ravel()]),
                data["posed"],
            )
    except (OSError, KeyError, ValueError, EOFError) as error:
        raise PropfieldError(f"{folder} is no reference: its files are not as they should be.") from error
    height, width = masks.shape[1:]
    told = f"the reference's {len(views)} views ({width} × {height} pixels)"
    return BenchInputs(views, told, expected)


def view_around(
    mask: Bool[np.ndarray, "H W"], pose: Float32[np.ndarray, "24 3"], camera: Camera, name: str
) -> Observation:
    """An observation that passes all filters, around a mask, a pose and a camera."""
    height, width = mask.shape
    keypoints = np.full((17, 3), 0.9, dtype=np.float32)
    keypoints[:, :2] = width / 2, height / 2
    return Observation(
        id=name,
        source="reference",
        category="thing",
        prompt="A person holds a thing",
        licence="CC0-1.0",
        people=1,
        objects=1,
        person_box=np.array([0, 0, width, height], dtype=np.float32),
        object_box=mask_box(mask),
        person_mask=np.zeros_like(mask),
        object_mask=mask,
        keypoints=keypoints,
        pose=pose,
        shape=np.zeros(10, dtype=np.float32),
        camera=camera,
    )
