"""Which person is rebuilt with which object: the pair that belongs together, or what was asked for."""

import numpy as np
import pytest

from propfield.errors import NotFound, PropfieldError
from propfield.observations.observation import mask_box
from propfield.perception.detection import Detection
from propfield.uses.pairing import choose_pair


def found(category: str, x0: int, y0: int, x1: int, y1: int, score: float = 1.0) -> Detection:
    mask = np.zeros((100, 200), bool)
    mask[y0:y1, x0:x1] = True
    return Detection(category, score, mask_box(mask), mask)


LEFT, RIGHT = found("person", 20, 10, 40, 90), found("person", 140, 10, 160, 90)
BOARD = found("skateboard", 138, 88, 162, 95)
OTHER_BOARD = found("skateboard", 60, 88, 84, 95)
CAR = found("car", 0, 0, 10, 10)
ALL = [CAR, RIGHT, BOARD, OTHER_BOARD, LEFT]


def test_those_that_belong_together_are_proposed():
    pair = choose_pair(ALL, "a.jpg")
    assert pair.person is RIGHT
    assert pair.thing is BOARD
    assert (pair.person_number, pair.people, pair.thing_number, pair.things) == (2, 2, 2, 2)
    assert pair.category == "skateboard"
    assert "overlaps" in pair.why


def test_a_chosen_person_gets_the_nearest_object_and_a_chosen_object_the_nearest_person():
    own = choose_pair(ALL, "a.jpg", person=1, category="skateboard")
    assert own.person is LEFT
    assert own.thing is OTHER_BOARD
    assert own.thing_number == 1
    theirs = choose_pair(ALL, "a.jpg", thing=1, category="skateboard")
    assert theirs.person is LEFT
    assert theirs.thing is OTHER_BOARD
    both = choose_pair(ALL, "a.jpg", person=2, thing=1, category="skateboard")
    assert both.person is RIGHT
    assert both.thing is OTHER_BOARD


def test_categories_with_a_field_come_first():
    assert choose_pair(ALL, "a.jpg", known=["car", "umbrella"]).thing is CAR
    assert choose_pair(ALL, "a.jpg", known=["umbrella"]).thing is BOARD


def test_without_an_object_the_tallest_person_is_left():
    tall = found("person", 60, 5, 80, 95)
    pair = choose_pair([LEFT, tall], "a.jpg")
    assert pair.person is tall
    assert (pair.thing, pair.category, pair.things) == (None, None, 0)


@pytest.mark.parametrize(
    ("asked", "error", "sentence"),
    [
        ({"person": 7}, PropfieldError, r"no person 7 in a\.jpg: it shows 2 people"),
        ({"person": 0}, PropfieldError, "no person 0"),
        ({"category": "skateboard", "thing": 3}, PropfieldError, r"no skateboard 3 in a\.jpg: it shows 2 sk"),
        ({"category": "car", "thing": 2}, PropfieldError, "it shows one car"),
        ({"category": "kite"}, NotFound, r"No “kite” was found in a\.jpg; it shows: .*car"),
    ],
)
def test_what_is_not_there_is_a_sentence(asked, error, sentence):
    with pytest.raises(error, match=sentence) as caught:
        choose_pair(ALL, "a.jpg", **asked)
    assert "\n" not in str(caught.value)


def test_nobody_is_a_sentence():
    with pytest.raises(PropfieldError, match=r"No person was found in a\.jpg"):
        choose_pair([CAR], "a.jpg")
    with pytest.raises(NotFound, match="leave --object out"):
        choose_pair([LEFT], "a.jpg", thing=1)


def test_a_rider_belongs_to_the_motorcycle_more_than_to_the_bag_on_it():
    rider, bag = found("person", 60, 10, 90, 80), found("handbag", 92, 40, 112, 60)
    motorcycle = found("motorcycle", 40, 50, 140, 98)
    motorcycle.mask[bag.mask | rider.mask] = False
    assert choose_pair([bag, rider, motorcycle], "a.jpg").thing is motorcycle
