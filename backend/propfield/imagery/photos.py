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
from propfield.perception.observe import observe
from propfield.perception.picture import load_picture
from propfield.perception.protocols import KeypointFinder, Segmenter
from propfield.progress import Progress

LONGEST = 1280
"""Pixels on the longer side to which photos are made smaller: masks for learning need no more."""
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
    *,
    source: Source,
    category: str,
    views: int,
    seed: int,
    progress: Progress,
) -> Iterator[Observation]:
    """Up to `views` observations from the photos that show the category with a person, in an order that the
    seed chooses. The person is the one closest to an object; photos in which no body can be fitted are passed
    over. Raises Unavailable when weights are needed that are not here, PropfieldError when they are damaged
    or may not be used."""
    order = sorted(photos, key=lambda photo: photo.path.name)
    random.Random(seed).shuffle(order)
    given = 0
    failed: list[PropfieldError] = []

    def loaded() -> KeypointFinder:
        try:
            return finder()
        except PropfieldError as error:
            failed.append(error)
            raise

    for index, photo in enumerate(order):
        if given >= views:
            return
        progress("look at photos", index / len(order), photo.path.name)
        try:
            observation = _observation(photo, segmenter, loaded, source=source, category=category)
        except PropfieldError as error:
            if isinstance(error, Unavailable) or failed:
                raise
            # One photo that tells nothing must not end a run over thousands; the reason is shown.
            progress("look at photos", (index + 1) / len(order), str(error))
            continue
        if observation is not None:
            given += 1
            yield observation


def _observation(
    photo: Photo,
    segmenter: Segmenter,
    finder: Callable[[], KeypointFinder],
    *,
    source: Source,
    category: str,
) -> Observation | None:
    picture = load_picture(photo.path, longest=LONGEST)
    (detections,) = segmenter.segment([picture])
    people = people_in(detections)
    things = [each for each in detections if each.category == category and each.category != PERSON]
    if not people or not things:
        return None

    def belongs(person: Detection) -> float:
        return max(closeness(person, thing) for thing in things)

    perceived = observe(
        picture,
        detections,
        category=category,
        person=max(people, key=belongs),
        finder=finder,
        body=open_body(),
        id=photo.path.stem,
        source=source.name,
        licence=photo.licence,
    )
    return perceived.observation
