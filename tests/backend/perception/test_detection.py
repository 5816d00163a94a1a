"""Who the photo is about, and which object is theirs."""

import numpy as np

from propfield.observations.observation import mask_box
from propfield.perception.detection import Detection, objects_in, people_in


def found(category: str, x0: int, y0: int, x1: int, y1: int, score: float = 1.0) -> Detection:
    mask = np.zeros((100, 100), bool)
    mask[y0:y1, x0:x1] = True
    return Detection(category, score, mask_box(mask), mask)


def test_passers_by_and_doubles_are_left_out():
    left, right = found("person", 10, 10, 30, 90), found("person", 60, 20, 80, 90)
    far = found("person", 40, 10, 45, 25)
    double = found("person", 10, 10, 33, 92, score=0.4)
    assert people_in([double, right, far, left]) == [left, right]


def test_doubles_and_weak_guesses_of_an_object_are_left_out():
    bench, far = found("bench", 10, 50, 60, 90, score=0.7), found("bench", 70, 50, 90, 90, score=0.65)
    double, guess = found("bench", 10, 52, 62, 90, score=0.6), found("bench", 0, 0, 99, 40, score=0.3)
    assert objects_in([guess, double, far, bench, found("car", 0, 0, 9, 9)], "bench") == [bench, far]
