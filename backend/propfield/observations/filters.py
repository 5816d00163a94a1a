"""The paper's filters, in its order, as named and counted steps (CHORUS §3.2, Supp. A.3)."""

from collections.abc import Callable, Iterable
from functools import cache

import numpy as np

from propfield.body.loaders import open_body
from propfield.body.solid import distance_outside, farthest_reach
from propfield.observations.observation import COCO_KEYPOINTS, Observation

OVERLAP = 0.1
"""Least share of the object's box that lies in the person's."""
CONFIDENCE = 0.7
"""Least confidence of a shoulder and of a hip."""
LARGEST = 1e6
"""Radians, metres or pixels that no pose and no camera has."""
LOOSE = 1e-3
"""How far a rotation's products may be beside those of a rotation."""
CLOSEST = 0.0625
"""Metres from the person's skin to a camera: a voxel of the paper's grid."""


def whole_arrays(view: Observation) -> bool:
    """Every array has its shape, and both masks are of the same picture."""
    camera = view.camera
    shapes = {
        (4,): (view.person_box, view.object_box),
        (17, 3): (view.keypoints,),
        (24, 3): (view.pose,),
        (3, 3): (camera.K, camera.R),
        (3,): (camera.t,),
    }
    whole = all(array.shape == shape for shape, arrays in shapes.items() for array in arrays)
    mask = view.object_mask
    return whole and mask.ndim == 2 and mask.size > 0 and mask.shape == view.person_mask.shape


def one_person(view: Observation) -> bool:
    """Exactly one person is in the picture."""
    return view.people == 1


def one_object(view: Observation) -> bool:
    """Exactly one object of the category is in the picture, and something of it can be seen."""
    return view.objects == 1 and bool(view.object_mask.any())


def close_together(view: Observation) -> bool:
    """More than a tenth of the object's box lies in the person's."""
    x0, y0 = np.maximum(view.person_box[:2], view.object_box[:2])
    x1, y1 = np.minimum(view.person_box[2:], view.object_box[2:])
    width, height = view.object_box[2:] - view.object_box[:2]
    shared = max(x1 - x0, 0) * max(y1 - y0, 0)
    return bool(width * height > 0 and shared / (width * height) > OVERLAP)


def torso_seen(view: Observation) -> bool:
    """One of the shoulders and one of the hips is in the picture, with confidence of 0.7 or more."""
    width, height = view.size
    x, y, confidence = view.keypoints.T
    sure = (confidence >= CONFIDENCE) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    seen = {name: bool(good) for name, good in zip(COCO_KEYPOINTS, sure, strict=True)}
    shoulder = seen["left_shoulder"] or seen["right_shoulder"]
    return shoulder and (seen["left_hip"] or seen["right_hip"])


def finite_numbers(view: Observation) -> bool:
    """The fitted pose, shape and camera are numbers, and of a size that sums of their products still are:
    what a failed fit gives would otherwise put a NaN into the field."""
    camera = view.camera
    # A NaN fails every comparison.
    return all(
        bool((np.abs(array) < LARGEST).all())
        for array in (view.pose, view.shape, camera.K, camera.R, camera.t)
    )


def real_camera(view: Observation) -> bool:
    """The camera takes pictures: focal lengths are positive, and R turns without mirroring or stretching."""
    K, R = view.camera.K, view.camera.R
    lens = K[0, 0] > 0 and K[1, 1] > 0 and np.abs(K[2] - (0, 0, 1)).max() < LOOSE
    return bool(lens and np.abs(R @ R.T - np.eye(3)).max() < LOOSE and np.linalg.det(R) > 0)


def camera_outside(view: Observation) -> bool:
    """The camera is not in the person, nor closer than a voxel of the paper's grid: nothing could be told of
    what it sees. The open body stands for every body."""
    body = open_body()
    if np.linalg.norm(view.camera.centre - body.joints[0]) > _reach() + CLOSEST:
        return True
    return distance_outside(view.camera.centre, body, view.pose) >= CLOSEST


@cache
def _reach() -> float:
    return farthest_reach(open_body())


FILTERS: dict[str, Callable[[Observation], bool]] = {
    "whole arrays": whole_arrays,
    "one person": one_person,
    "one object": one_object,
    "close together": close_together,
    "torso seen": torso_seen,
    "finite numbers": finite_numbers,
    "real camera": real_camera,
    "camera outside": camera_outside,
}
"""Name → test, in order; a view is counted under the first that it fails. The paper's stand between ours,
which keep broken views away from the sums: none of these is about what a picture shows."""


def failed_filter(view: Observation) -> str | None:
    """The name of the first filter that a view fails, or None for one that is kept."""
    return next((name for name, passes in FILTERS.items() if not passes(view)), None)


def apply_filters(views: Iterable[Observation]) -> tuple[list[Observation], dict[str, int]]:
    """The views that pass all filters, and how many each filter rejected (zeros included)."""
    kept, rejected = [], dict.fromkeys(FILTERS, 0)
    for view in views:
        failed = failed_filter(view)
        if failed is None:
            kept.append(view)
        else:
            rejected[failed] += 1
    return kept, rejected
