"""The paper's filters, in its order, as named and counted steps (CHORUS §3.2, Supp. A.3)."""

from collections.abc import Callable, Iterable

import numpy as np

from propfield.observations.observation import COCO_KEYPOINTS, Observation

OVERLAP = 0.1
"""Least share of the object's box that lies in the person's."""
CONFIDENCE = 0.7
"""Least confidence of a shoulder and of a hip."""


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
    """The fitted pose and camera are numbers, and the camera is not inside the body: what a failed fit gives
    would otherwise put a NaN into the field."""
    camera = view.camera
    arrays = (view.pose, view.shape, camera.K, camera.R, camera.t)
    return all(np.isfinite(array).all() for array in arrays) and float(np.linalg.norm(camera.centre)) > 0.2


FILTERS: dict[str, Callable[[Observation], bool]] = {
    "one person": one_person,
    "one object": one_object,
    "close together": close_together,
    "torso seen": torso_seen,
    "finite numbers": finite_numbers,
}
"""Name → test, in order; a view is counted under the first that it fails."""


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
