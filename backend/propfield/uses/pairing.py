"""Which person of a photo is rebuilt with which object: those that belong together most, or the chosen."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt

from propfield.errors import NotFound, PropfieldError, nearest_names
from propfield.perception.detection import PERSON, Detection, objects_in, people_in

_SCORE, _HEIGHT = 0.1, 0.2
"""What counts beside belonging: the detections' scores, and the person's height against the tallest one's."""


@dataclass(frozen=True)
class Pair:
    """A person and an object.

    Attributes:
        person: the person; the `person_number`-th of `people`, from 1, from left to right.
        thing: the object, the `thing_number`-th of the `things` of its category; None where the photo shows
            none that is asked for.
        why: a sentence for people.
    """

    person: Detection
    person_number: int
    people: int
    thing: Detection | None
    thing_number: int | None
    things: int
    why: str

    @property
    def category(self) -> str | None:
        """The object's."""
        return self.thing.category if self.thing else None


def choose_pair(
    detections: Sequence[Detection],
    name: str,
    *,
    category: str | None = None,
    known: Collection[str] | None = None,
    person: int | None = None,
    thing: int | None = None,
) -> Pair:
    """The pair to rebuild: of the numbers given, else the one in which the object belongs to the person most
    (see `belonging`) and which is seen best.

    `name` is the photo's, for sentences. Objects are those of `category`, else of the `known` ones, else,
    where none of these is seen, of any. NotFound where the category is not to be seen; PropfieldError without
    any person, or for a number that is too high.
    """
    found = list(detections)
    people = people_in(found)
    if not people:
        raise PropfieldError(f"No person was found in {name}; give a photo with a person in plain sight.")
    chosen = people if person is None else [_numbered(people, person, "person", "people", name)]
    shown = sorted({each.category for each in found if each.category != PERSON and each.mask.any()})
    things = _things(found, shown, name, category, known)
    if not things:
        if thing is not None:
            raise NotFound(f"No object was found in {name}; leave --object out.")
        own = max(chosen, key=lambda each: each.height)
        return Pair(own, _place(own, people), len(people), None, None, 0, "The photo shows no object.")
    tallest = max(each.height for each in people)

    def together(pair: tuple[Detection, Detection]) -> float:
        own, other = pair
        seen = _SCORE * (own.score + other.score) + _HEIGHT * own.height / tallest
        return belonging(own, other) + seen

    own, other = max(((own, other) for own in chosen for other in things), key=together)
    same = _left_to_right(each for each in things if each.category == other.category)
    if thing is not None:
        other = _numbered(same, thing, other.category, f"{other.category}s", name)
        own = max(chosen, key=lambda each: together((each, other)))
    why = _why(person is not None, thing is not None, len(people), len(things), other.category)
    return Pair(own, _place(own, people), len(people), other, _place(other, same), len(same), why)


def _things(
    found: list[Detection], shown: list[str], name: str, category: str | None, known: Collection[str] | None
) -> list[Detection]:
    if category is not None:
        if category not in shown:
            others = f"; it shows: {', '.join(nearest_names(category, shown, 5))}" if shown else ""
            raise NotFound(f"No “{category}” was found in {name}{others}; name another category.")
        return objects_in(found, category)
    # Without a field for anything here, the body and the object's name are still worth having.
    wanted = [each for each in shown if each in known] if known else []
    return [thing for each in wanted or shown for thing in objects_in(found, each)]


def belonging(person: Detection, thing: Detection) -> float:
    """How much an object seems to be a person's: how far their boxes overlap (of the smaller one: people are
    in front of benches, ties in front of people), how much of the object's border is the person's, and how
    near they are. At most 3; negative where they are farther apart than the person is tall."""
    x0, y0 = np.maximum(person.box[:2], thing.box[:2])
    x1, y1 = np.minimum(person.box[2:], thing.box[2:])
    smaller = min(float(np.prod(each.box[2:] - each.box[:2])) for each in (person, thing))
    overlap = max(float(x1 - x0), 0.0) * max(float(y1 - y0), 0.0) / max(smaller, 1.0)
    # A few hundred pixels across are enough: only the order matters.
    step = max(1, max(thing.mask.shape) // 320)
    own, other = person.mask[::step, ::step], thing.mask[::step, ::step]
    if not own.any() or not other.any():
        return overlap
    rim = binary_dilation(other, iterations=2) & ~other
    shared = float((rim & own).sum()) / max(int(rim.sum()), 1)
    gap = float(distance_transform_edt(~own)[other].min()) * step / max(person.height, 1.0)
    return overlap + shared + 1.0 - gap


def _left_to_right(things: Iterable[Detection]) -> list[Detection]:
    return sorted(things, key=lambda each: float(each.box[0] + each.box[2]))


def _place(one: Detection, among: Sequence[Detection]) -> int:
    return 1 + next(index for index, each in enumerate(among) if each is one)


def _numbered(among: Sequence[Detection], number: int, one: str, many: str, name: str) -> Detection:
    if not 1 <= number <= len(among):
        count = f"one {one}" if len(among) == 1 else f"{len(among)} {many}"
        raise PropfieldError(
            f"There is no {one} {number} in {name}: it shows {count}, counted from 1 from left to right."
        )
    return among[number - 1]


def _why(person_given: bool, thing_given: bool, people: int, things: int, category: str) -> str:
    if person_given and thing_given:
        return "Person and object were chosen by their numbers."
    if people == 1 and things == 1:
        return f"One person and one {category} are there."
    if person_given:
        return "The object is the one nearest to the chosen person."
    if thing_given:
        return "The person is the one nearest to the chosen object."
    return "Of all pairs the object overlaps with this person the most, or is the nearest."
