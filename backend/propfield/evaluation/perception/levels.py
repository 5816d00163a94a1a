"""What is given to the body fit: simulated landmarks, or what models see in the studio's pictures."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from propfield.body.loaders import open_body
from propfield.evaluation.perception.people import StudioPerson
from propfield.evaluation.perception.scores import overlap
from propfield.evaluation.perception.simulated_landmarks import simulated_landmarks
from propfield.perception.body_fit import BodyFit, Subject, fit_bodies
from propfield.perception.camera import intrinsics, usual_intrinsics
from propfield.perception.choice import PerceptionChoice
from propfield.perception.detection import Detection, people_in
from propfield.perception.landmarks import Landmarks
from propfield.perception.observe import landmarks_of_people
from propfield.perception.picture import Picture
from propfield.progress import Progress

SIMULATED = {
    "keypoints": (False, False),
    "whole body": (True, False),
    "3D landmarks": (True, True),
}
"""Levels with simulated landmarks: COCO's 17 alone; with feet and hands, as COCO-WholeBody has them; with
directions in space besides, as BlazePose guesses them. Whether ends are known, and whether depth is."""
PICTURES = "pictures"
"""The level at which models see the studio's pictures."""
FOUND = 0.1
"""Least overlap of a detected person's mask with the true one for it to be that person."""
_BATCH = 8


@dataclass(frozen=True)
class Level:
    """What came out at one level.

    Attributes:
        fits: of each person; None where no body was fitted.
        mask_ious: of each person's mask, where one was found.
        fit_seconds: for each person, with all of them in one batch.
        seconds: for each person, seeing and fitting.
    """

    name: str
    fits: list[BodyFit | None]
    mask_ious: list[float | None]
    fit_seconds: float
    seconds: float


def simulated(name: str, people: Sequence[StudioPerson], progress: Progress) -> Level:
    """A level of SIMULATED."""
    ends, depth = SIMULATED[name]
    # As of photos that do not tell their lens: the true field of view is another.
    subjects = [
        Subject(simulated_landmarks(each, ends=ends, depth=depth), usual_intrinsics((each.size, each.size)))
        for each in people
    ]
    began = time.perf_counter()
    fits = fit_bodies(subjects, open_body(), progress=progress)
    seconds = (time.perf_counter() - began) / len(people)
    return Level(name, fits, [None] * len(people), seconds, seconds)


def seen(people: Sequence[StudioPerson], choice: PerceptionChoice, progress: Progress) -> Level:
    """The level of pictures. Unavailable when the models or their weights are not here."""
    segmenter, finder = choice.open_segmenter(["person"]), choice.keypoint_finder()
    finder()
    subjects: list[Subject | None] = []
    ious: list[float | None] = []
    spent = 0.0
    for start in range(0, len(people), _BATCH):
        progress("look at pictures", start / len(people))
        batch = people[start : start + _BATCH]
        pictures = [Picture(each.picture(), f"{each.pose_name}.png") for each in batch]
        began = time.perf_counter()
        found = segmenter.segment(pictures)
        spent += time.perf_counter() - began
        nearest = [_nearest(person, people_in(each)) for person, each in zip(batch, found, strict=True)]
        ious += [None if each is None else each[1] for each in nearest]
        began = time.perf_counter()
        asked = [
            (picture, each[0]) for picture, each in zip(pictures, nearest, strict=True) if each is not None
        ]
        landmarks = iter(landmarks_of_people(asked, finder))
        subjects += [
            None if each is None else _subject(picture, each[0], next(landmarks))
            for picture, each in zip(pictures, nearest, strict=True)
        ]
        spent += time.perf_counter() - began
    began = time.perf_counter()
    fitted = iter(fit_bodies([each for each in subjects if each is not None], open_body(), progress=progress))
    fits = [None if each is None else next(fitted) for each in subjects]
    fitting = time.perf_counter() - began
    return Level(PICTURES, fits, ious, fitting / len(people), (spent + fitting) / len(people))


def _subject(picture: Picture, person: Detection, landmarks: Landmarks | None) -> Subject | None:
    if landmarks is None:
        return None
    return Subject(landmarks, intrinsics(picture), float(max(person.box[2:] - person.box[:2])))


def _nearest(person: StudioPerson, found: list[Detection]) -> tuple[Detection, float] | None:
    """The detection that is this person, and how well its mask fits."""
    truth = person.visible_mask
    ious = [overlap(each.mask, truth) for each in found]
    if not ious or max(ious) < FOUND:
        return None
    best = int(np.argmax(ious))
    return found[best], ious[best]
