"""Pictures and what was detected in them → Observations: landmarks, body, camera, masks in one place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from propfield.body.template import BodyTemplate
from propfield.errors import PropfieldError
from propfield.licences import UNKNOWN
from propfield.observations.observation import Observation, mask_box
from propfield.perception.body_fit import UNSEEN_TORSO, BodyFit, Subject, fit_bodies
from propfield.perception.camera import intrinsics
from propfield.perception.detection import Detection, objects_in, people_in
from propfield.perception.known_body import as_fit
from propfield.perception.landmarks import Landmarks, from_coco_keypoints
from propfield.perception.picture import Picture
from propfield.perception.posed_body import covers_person, posed_mesh, worn_body
from propfield.perception.protocols import BodyEstimator, KeypointFinder, Person
from propfield.progress import Progress, silent

ASTRAY = 0.15
"""Landmarks further outside the person's box than this part of its longer side are somebody else's."""


@dataclass(frozen=True)
class Sighting:
    """One person of one photo, with all that was detected there, and what its observation is to say.

    Attributes:
        detections: everything in the photo; `category` and `person` are what the observation is about.
        id, source, prompt, licence: see Observation.
    """

    picture: Picture
    detections: list[Detection]
    category: str
    person: Detection
    id: str
    source: str
    prompt: str = ""
    licence: str = UNKNOWN


@dataclass(frozen=True)
class Perceived:
    """An observation with what it was made from."""

    observation: Observation
    fit: BodyFit
    landmarks: Landmarks
    person: Detection


def observe(
    sighting: Sighting,
    finder: Callable[[], KeypointFinder],
    body: BodyTemplate,
    *,
    estimator: BodyEstimator | None = None,
    progress: Progress = silent,
) -> Perceived:
    """One sighting; see `observe_all`. PropfieldError when the person's pose or torso cannot be seen, or the
    fitted body is not where the person is."""
    (perceived,) = observe_all([sighting], finder, body, estimator=estimator, progress=progress)
    if isinstance(perceived, PropfieldError):
        raise perceived
    return perceived


def observe_all(
    sightings: Sequence[Sighting],
    finder: Callable[[], KeypointFinder],
    body: BodyTemplate,
    *,
    estimator: BodyEstimator | None = None,
    progress: Progress = silent,
) -> list[Perceived | PropfieldError]:
    """What the photos say of their persons and of all objects of their categories; the error that says why
    where a body cannot be had. Keypoints of annotations go before the finder's, which is loaded only when it
    is needed. Bodies come from `estimator`, else from our own fit to the landmarks.

    `people` of an observation counts everybody the photo is about, so that the paper's filters can drop
    crowds. Raises what loading the finder raises.
    """
    landmarks = landmarks_of_people([(each.picture, each.person) for each in sightings], finder)
    if estimator is None:
        fits = _fitted(sightings, landmarks, body, progress)
    else:
        fits = _estimated(sightings, landmarks, body, estimator)
    return [
        fit if isinstance(fit, PropfieldError) else _perceived(sighting, body, *fit)
        for sighting, fit in zip(sightings, fits, strict=True)
    ]


_Fit = tuple[BodyFit, Landmarks] | PropfieldError


def landmarks_of_people(
    people: Sequence[tuple[Picture, Detection]], finder: Callable[[], KeypointFinder]
) -> list[Landmarks | None]:
    """The landmarks of persons in photos: of the annotation where it has keypoints, else of the finder, which
    is loaded only then. None where nobody is recognised. Landmarks far outside a person's box are no
    evidence."""
    found = [
        None if person.keypoints is None else from_coco_keypoints(person.keypoints) for _, person in people
    ]
    asked = [index for index, each in enumerate(found) if each is None]
    if asked:
        sought = [Person(people[index][0], people[index][1].box, people[index][1].mask) for index in asked]
        for index, landmarks in zip(asked, finder().estimate(sought), strict=True):
            found[index] = landmarks and _of_the_box(landmarks, people[index][1])
    return found


def _of_the_box(found: Landmarks, person: Detection) -> Landmarks:
    """The landmarks, with no evidence of those far outside the person's box."""
    image = found.image.copy()
    margin = ASTRAY * max(person.box[2:] - person.box[:2])
    low, high = person.box[:2] - margin, person.box[2:] + margin
    image[((image[:, :2] < low) | (image[:, :2] > high)).any(1), 2] = 0
    return Landmarks(image=image, world=found.world)


def _fitted(
    sightings: Sequence[Sighting], landmarks: list[Landmarks | None], body: BodyTemplate, progress: Progress
) -> list[_Fit]:
    known = [index for index, each in enumerate(landmarks) if each is not None]
    subjects = [
        Subject(marks, intrinsics(sightings[index].picture), _size(sightings[index].person))
        for index in known
        if (marks := landmarks[index]) is not None
    ]
    fits = dict(zip(known, fit_bodies(subjects, body, progress=progress), strict=True))
    results: list[_Fit] = []
    for index, (sighting, marks) in enumerate(zip(sightings, landmarks, strict=True)):
        fit = fits.get(index)
        if marks is None:
            results.append(
                PropfieldError(
                    f"No pose was recognised in {sighting.picture.name}; give a photo that shows more of the "
                    "person, or annotations with keypoints."
                )
            )
        elif fit is None:
            results.append(PropfieldError(UNSEEN_TORSO))
        else:
            results.append((fit, marks))
    return results


def _estimated(
    sightings: Sequence[Sighting],
    landmarks: list[Landmarks | None],
    body: BodyTemplate,
    estimator: BodyEstimator,
) -> list[_Fit]:
    people = [
        Person(each.picture, each.person.box, each.person.mask, marks)
        for each, marks in zip(sightings, landmarks, strict=True)
    ]
    return [
        PropfieldError(
            f"No body was given for the person in {person.picture.name}; give its body, or leave --body out."
        )
        if known is None
        else as_fit(known, body, person.picture, person.landmarks)
        for person, known in zip(people, estimator.estimate(people, body), strict=True)
    ]


def _size(person: Detection) -> float:
    return float(max(person.box[2:] - person.box[:2]))


def _perceived(
    sighting: Sighting, body: BodyTemplate, fit: BodyFit, landmarks: Landmarks
) -> Perceived | PropfieldError:
    things = objects_in(sighting.detections, sighting.category)
    object_mask = np.zeros(sighting.picture.pixels.shape[:2], dtype=bool)
    for thing in things:
        object_mask |= thing.mask
    person = sighting.person
    # Detectors of keypoints imagine a person above two legs, and somebody in a coat on a chair.
    posed = posed_mesh(worn_body(body, fit.shape), fit.pose)
    if not covers_person(posed, fit.camera, person.mask, object_mask):
        return PropfieldError(
            f"The person in {sighting.picture.name} could not be made out well enough to fit a body; "
            "give a photo that shows the torso, or annotations with keypoints."
        )
    observation = Observation(
        id=sighting.id,
        source=sighting.source,
        category=sighting.category,
        prompt=sighting.prompt,
        licence=sighting.licence,
        people=len(people_in(sighting.detections)),
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
