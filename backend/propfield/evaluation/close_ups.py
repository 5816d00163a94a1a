"""Close-ups cut out of views, as often as CHORUS's prompts ask for them."""

from dataclasses import replace

import numpy as np

from propfield.observations.observation import COCO_KEYPOINTS, Camera, Observation, mask_box

SHARE = 0.5
"""Of the views. 9 of CHORUS's 22 view suffixes ask for a close view (face photo, hand only, selfie, …), and
generated pictures cut people off besides: with half of the studio's views cut the filters reject 62% of all,
as they do of the paper's synthesized images (Table 1: 61 to 62%)."""
SIDE = (0.3, 0.6)
"""Of a close-up, as a part of the longer side of the person's box."""
LEAST_SIDE = 40
"""Pixels."""
LEAST_PIXELS = 12
"""What shows fewer pixels than this no detector finds."""
AIMS = ("nose", "left_wrist", "right_wrist")
"""What close-ups are of, beside the object."""


def close_up(view: Observation, random: np.random.Generator) -> Observation:
    """A square cut out of a view around the head, a hand or the object: masks, boxes and keypoints are cut,
    and the principal point moves out of the middle. What is left outside is not seen: keypoints there have
    next to no confidence, and a person or object that is hardly in it is not counted. A view of nobody stays
    as it is."""
    if not view.person_mask.any():
        return view
    width, height = view.size
    x0, y0, x1, y1 = view.person_box
    side = round(max(random.uniform(*SIDE) * max(x1 - x0, y1 - y0), LEAST_SIDE))
    side = min(side, width, height)
    middle = _aim(view, random) + random.uniform(-0.15, 0.15, 2) * side
    left, top = np.clip(np.round(middle - side / 2), 0, [width - side, height - side]).astype(int)
    part = (slice(top, top + side), slice(left, left + side))
    person_mask, object_mask = (_seen(mask[part]) for mask in (view.person_mask, view.object_mask))
    keypoints = view.keypoints.copy()
    keypoints[:, :2] -= [left, top]
    outside = ((keypoints[:, :2] < 0) | (keypoints[:, :2] >= side)).any(1)
    keypoints[outside, 2] = np.minimum(keypoints[outside, 2], random.uniform(0, 0.12, outside.sum()))
    K = view.camera.K.copy()
    K[:2, 2] -= [left, top]
    return replace(
        view,
        id=f"{view.id}/close-up",
        people=view.people if person_mask.any() else 0,
        objects=view.objects if object_mask.any() else 0,
        person_mask=person_mask,
        object_mask=object_mask,
        person_box=mask_box(person_mask),
        object_box=mask_box(object_mask),
        keypoints=keypoints,
        camera=Camera(K, view.camera.R, view.camera.t),
    )


def _aim(view: Observation, random: np.random.Generator) -> np.ndarray:
    """The pixel that the close-up is of."""
    width, height = view.size
    spots = [view.keypoints[COCO_KEYPOINTS.index(name), :2] for name in AIMS]
    inside = [spot for spot in spots if 0 <= spot[0] < width and 0 <= spot[1] < height]
    if view.object_mask.any():
        inside.append((view.object_box[:2] + view.object_box[2:]) / 2)
    inside = inside or [(view.person_box[:2] + view.person_box[2:]) / 2]
    return inside[random.integers(len(inside))]


def _seen(mask: np.ndarray) -> np.ndarray:
    return mask.copy() if mask.sum() >= LEAST_PIXELS else np.zeros_like(mask)
