"""Who the photo is about, and which object is theirs."""

import numpy as np
import pytest

from propfield.errors import PropfieldError
from propfield.observations.observation import mask_box
from propfield.perception.detection import Detection, choose_category, choose_person, objects_in, people_in


def found(category: str, x0: int, y0: int, x1: int, y1: int, score: float = 1.0) -> Detection:
    mask = np.zeros((100, 100), bool)
    mask[y0:y1, x0:x1] = True
    return Detection(category, score, mask_box(mask), mask)


def test_passers_by_and_doubles_are_left_out():
    left, right = found("person", 10, 10, 30, 90), found("person", 60, 20, 80, 90)
    far = found("person", 40, 10, 45, 25)
    double = found("person", 10, 10, 33, 92, score=0.4)
    assert people_in([double, right, far, left]) == [left, right]


def test_of_several_people_one_must_be_chosen():
    people = [found("person", 10, 10, 30, 90), found("person", 60, 10, 80, 90)]
    with pytest.raises(PropfieldError, match=r"2 people.*--person N"):
        choose_person(people, None, "a.jpg")
    assert choose_person(people, 2, "a.jpg") is people[1]
    with pytest.raises(PropfieldError, match="no person 3"):
        choose_person(people, 3, "a.jpg")
    with pytest.raises(PropfieldError, match="No person was found"):
        choose_person([], None, "a.jpg")


def test_doubles_and_weak_guesses_of_an_object_are_left_out():
    bench, far = found("bench", 10, 50, 60, 90, score=0.7), found("bench", 70, 50, 90, 90, score=0.65)
    double, guess = found("bench", 10, 52, 62, 90, score=0.6), found("bench", 0, 0, 99, 40, score=0.3)
    assert objects_in([guess, double, far, bench, found("car", 0, 0, 9, 9)], "bench") == [bench, far]


def test_the_nearest_object_is_theirs():
    person = found("person", 40, 10, 60, 90)
    board, car = found("skateboard", 38, 88, 62, 95), found("car", 0, 0, 10, 10)
    assert choose_category(person, [person, car, board], None) == "skateboard"
    assert choose_category(person, [person, car, board], ["car", "umbrella"]) == "car"
    assert choose_category(person, [person, car, board], ["umbrella"]) is None
    assert choose_category(person, [person], None) is None
