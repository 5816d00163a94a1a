"""Photos as observations: what the sources over files share."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from propfield.body.loaders import open_body
from propfield.errors import NotFound, PropfieldError, Unavailable, nearest_names
from propfield.imagery.source import Source
from propfield.ledger import Ledger
from propfield.licences import UNKNOWN
from propfield.observations.interaction import InteractionType
from propfield.observations.observation import Observation
from propfield.perception.detection import PERSON, Detection, closeness, people_in
from propfield.perception.observe import Sighting, observe_all
from propfield.perception.picture import Picture, load_picture
from propfield.perception.protocols import BodyEstimator, KeypointFinder, Segmenter
from propfield.progress import Progress

LONGEST = 1280
"""Pixels on the longer side to which photos are made smaller: masks for learning need no more."""
AT_ONCE = 8
"""Photos that are looked at together: what models and threads like, and memory bears."""
PHOTOS = InteractionType(name="photos", prompt="", part=None)
"""Photos do not tell how the object is used: all of a category are of one type, without a prompt."""


@dataclass(frozen=True)
class Photo:
    """A picture file and the licence it is under."""

    path: Path
    licence: str = UNKNOWN


def checked_category(category: str, known: Sequence[str], where: str) -> str:
    """The category as COCO writes it. NotFound, with the nearest names, for one that is not known."""
    wanted = category.strip().lower()
    if wanted not in known:
        near = f"; the nearest are {', '.join(nearest_names(wanted, list(known)))}" if known else ""
        raise NotFound(f"There is no “{category}” in {where}{near}.")
    return wanted


def checked_types(types: list[str] | None) -> None:
    """NotFound for a type that photos do not have."""
    for name in types or []:
        if name != PHOTOS.name:
            raise NotFound(f"Photos have no type “{name}”; they are all of the type “{PHOTOS.name}”.")


def allowed_photos(photos: Sequence[Photo], ledger: Ledger, where: str) -> list[Photo]:
    """The photos whose licence the ledger allows; it counts the others. PropfieldError, with the licences,
    when none is left."""
    allowed = [photo for photo in photos if ledger.allows(photo.licence)]
    if not allowed:
        raise ledger.refuse(f"the {len(photos)} pictures {where}")
    return allowed


def observe_photos(
    photos: Sequence[Photo],
    segmenter: Segmenter,
    finder: Callable[[], KeypointFinder],
    estimator: BodyEstimator | None = None,
    *,
    source: Source,
    category: str,
    views: int,
    seed: int,
    progress: Progress,
) -> Iterator[Observation]:
    """Up to `views` observations from the photos that show the category with a person, in an order that the
    seed chooses. The person is the one closest to an object; photos in which no body can be had are passed
    over. Raises Unavailable when weights are needed that are not here, PropfieldError when they are damaged
    or may not be used."""
    order = sorted(photos, key=lambda photo: photo.path.name)
    random.Random(seed).shuffle(order)
    given = 0
    for start in range(0, len(order), AT_ONCE):
        chunk = order[start : start + AT_ONCE]
        progress("look at photos", start / len(order), chunk[0].path.name)
        sightings: list[Sighting] = []
        for seen in _sightings(chunk, segmenter, source.name, category):
            if isinstance(seen, PropfieldError):
                # One photo that tells nothing must not end a run over thousands; the reason is shown.
                progress("look at photos", start / len(order), str(seen))
            else:
                sightings.append(seen)
        for perceived in (
            observe_all(sightings, finder, open_body(), estimator=estimator) if sightings else ()
        ):
            if isinstance(perceived, PropfieldError):
                progress("look at photos", start / len(order), str(perceived))
            elif given < views:
                given += 1
                yield perceived.observation
        if given >= views:
            return


def _sightings(
    photos: Sequence[Photo], segmenter: Segmenter, source: str, category: str
) -> Iterator[Sighting | PropfieldError]:
    """The person closest to an object of the category in each photo that shows both; or the error that says
    why a photo cannot be used."""
    opened: list[tuple[Photo, Picture]] = []
    for photo in photos:
        try:
            opened.append((photo, load_picture(photo.path, longest=LONGEST)))
        except Unavailable:
            raise
        except PropfieldError as error:
            yield error
    for (photo, picture), detections in zip(
        opened, _segmented([picture for _, picture in opened], segmenter), strict=True
    ):
        if isinstance(detections, PropfieldError):
            yield detections
            continue
        people = people_in(detections)
        things = [each for each in detections if each.category == category and each.category != PERSON]
        if people and things:
            closest = max(people, key=lambda person: max(closeness(person, thing) for thing in things))
            yield Sighting(
                picture=picture,
                detections=detections,
                category=category,
                person=closest,
                id=photo.path.stem,
                source=source,
                licence=photo.licence,
            )


def _segmented(pictures: Sequence[Picture], segmenter: Segmenter) -> list[list[Detection] | PropfieldError]:
    """What is in each picture. One that the segmenter cannot do with leaves the others as they are."""
    try:
        return list(segmenter.segment(pictures))
    except Unavailable:
        raise
    except PropfieldError as error:
        if len(pictures) == 1:
            return [error]
        return [found for picture in pictures for found in _segmented([picture], segmenter)]
