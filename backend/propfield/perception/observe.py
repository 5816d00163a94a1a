"""A picture and what was detected in it → an Observation: landmarks, body, camera, masks in one place."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from propfield.body.template import BodyTemplate
from propfield.errors import PropfieldError
from propfield.observations.observation import Observation, mask_box
from propfield.perception.body_fit import BodyFit, fit_body
from propfield.perception.camera import intrinsics
from propfield.perception.detection import Detection, objects_in, people_in
from propfield.perception.landmarks import Landmarks, from_coco_keypoints
from propfield.perception.picture import Picture
from propfield.perception.protocols import KeypointFinder, Person
from propfield.progress import Progress, silent


@dataclass(frozen=True)
class Perceived:
    """An observation with what it was made from."""

    observation: Observation
    fit: BodyFit
    landmarks: Landmarks
    person: Detection


def landmarks_of_person(
    picture: Picture, person: Detection, finder: Callable[[], KeypointFinder]
) -> Landmarks:
    """A person's landmarks: of the annotation when it has keypoints, else of the finder, which is loaded only
    then. Landmarks far outside the person's box have no evidence. PropfieldError when none is recognised."""
    if person.keypoints is not None:
        return from_coco_keypoints(person.keypoints)
    (found,) = finder().estimate([Person(picture, person.box, person.mask)])
    if found is None:
        raise PropfieldError(
            f"No pose was recognised in {picture.name}; give a photo that shows more of the person, "
            "or annotations with keypoints."
        )
    image = found.image.copy()
    margin = 0.15 * max(person.box[2:] - person.box[:2])
    low, high = person.box[:2] - margin, person.box[2:] + margin
    astray = ((image[:, :2] < low) | (image[:, :2] > high)).any(1)
    image[astray, 2] = 0
    return Landmarks(image=image, world=found.world)


def observe(
    picture: Picture,
    detections: list[Detection],
    *,
    category: str,
    person: Detection,
    finder: Callable[[], KeypointFinder],
    body: BodyTemplate,
    id: str,
    source: str,
    prompt: str = "",
    licence: str = "unknown",
    progress: Progress = silent,
) -> Perceived:
    """What the photo says of `person` and of all objects of `category`.

    `people` of the observation counts everybody the photo is about, so that the paper's filters can drop
    crowds. PropfieldError when the person's pose or torso cannot be seen.
    """
    landmarks = landmarks_of_person(picture, person, finder)
    size = float(max(person.box[2:] - person.box[:2]))
    fit = fit_body(landmarks, intrinsics(picture), body, person_px=size, progress=progress)
    things = objects_in(detections, category)
    object_mask = np.zeros(picture.pixels.shape[:2], dtype=bool)
    for thing in things:
        object_mask |= thing.mask
    observation = Observation(
        id=id,
        source=source,
        category=category,
        prompt=prompt,
        licence=licence,
        people=len(people_in(detections)),
        objects=len(things),
        person_box=person.box,
        object_box=mask_box(object_mask),
        person_mask=person.mask,
        object_mask=object_mask,
        keypoints=landmarks.keypoints,
        pose=fit.pose,
        shape=fit.shape,
        camera=fit.camera,
        detection_score=max((each.score for each in things), default=0.0),
    )
    return Perceived(observation=observation, fit=fit, landmarks=landmarks, person=person)
