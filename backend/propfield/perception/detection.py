"""What a detector finds in a photo, and which person and object belong together."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32
from scipy.ndimage import distance_transform_edt

PERSON = "person"
BACKGROUND_PERSON = 0.4
"""A person less than this part of the tallest one's height is taken for one of the background."""

SAME = 0.7
"""Masks of a category that share more than this part of the smaller one are of one person or object."""
WEAK = 0.6
"""An object with less than this part of the best one's score is taken for a mistake of the detector."""


@dataclass(frozen=True)
class Detection:
    """One person or object in a photo.

    Attributes:
        category: COCO's name, lower case.
        score: how sure the detector is, in [0, 1]; 1 from annotations.
        box: x0, y0, x1, y1 in pixels.
        mask: what can be seen of it.
        keypoints: COCO's 17 with confidence, where the detector (an annotation) has them.
    """

    category: str
    score: float
    box: Float32[np.ndarray, "4"]
    mask: Bool[np.ndarray, "H W"]
    keypoints: Float32[np.ndarray, "17 3"] | None = None

    @property
    def height(self) -> float:
        """Of the box, in pixels."""
        return float(self.box[3] - self.box[1])


def people_in(detections: list[Detection]) -> list[Detection]:
    """The persons a photo is about, from left to right; small ones of the background are left out."""
    found: list[Detection] = []
    for each in sorted(detections, key=lambda detection: -detection.score):
        if each.category == PERSON and each.mask.any() and not any(_same(each, better) for better in found):
            found.append(each)
    tallest = max((each.height for each in found), default=0.0)
    kept = [each for each in found if each.height >= BACKGROUND_PERSON * tallest]
    return sorted(kept, key=lambda each: float(each.box[0] + each.box[2]))


def objects_in(detections: list[Detection], category: str) -> list[Detection]:
    """The objects of a category, best first; doubles and much weaker guesses are left out."""
    found: list[Detection] = []
    for each in sorted(detections, key=lambda detection: -detection.score):
        if each.category != category or not each.mask.any():
            continue
        if found and (each.score < WEAK * found[0].score or any(_same(each, better) for better in found)):
            continue
        found.append(each)
    return found


def _same(one: Detection, other: Detection) -> bool:
    """Whether two masks are of one thing: detectors sometimes find somebody twice, in unlike boxes."""
    shared = (one.mask & other.mask).sum()
    return bool(shared > SAME * min(one.mask.sum(), other.mask.sum()))


def closeness(person: Detection, thing: Detection) -> float:
    """How much an object belongs to a person: the part of the object inside the person's box, and, where
    boxes tell nothing, how near the two masks are. In (-inf, 2]; larger is closer."""
    x0, y0, x1, y1 = np.round(person.box).astype(int)
    inside = thing.mask[max(y0, 0) : y1, max(x0, 0) : x1].sum() / max(int(thing.mask.sum()), 1)
    # Distances at a quarter of the resolution: only their order matters.
    step = max(1, max(thing.mask.shape) // 160)
    coarse_person, coarse_thing = person.mask[::step, ::step], thing.mask[::step, ::step]
    if not coarse_person.any() or not coarse_thing.any():
        return float(inside)
    gap = distance_transform_edt(~coarse_person)[coarse_thing].min() * step / max(person.height, 1.0)
    return float(inside + 1.0 - gap)
