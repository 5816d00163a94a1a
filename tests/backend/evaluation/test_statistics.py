"""Table 1's numbers: their limits are known in closed form."""

from dataclasses import replace

import numpy as np
import pytest

from propfield.errors import PropfieldError
from propfield.evaluation.statistics import CELLS, SPREAD, ViewCounter, camera_entropy
from propfield.imagery.studio import StudioSource
from propfield.observations.filters import FILTERS

ONE = np.log2(2 * np.pi * np.e * SPREAD**2 * CELLS / (4 * np.pi))


def around(count, radius=3.0):
    """Cameras far from each other on the sphere."""
    number = np.arange(count)
    height = 1 - (2 * number + 1) / count
    turn = number * 2.399963
    ring = np.sqrt(1 - height**2)
    return radius * np.stack([ring * np.cos(turn), height, ring * np.sin(turn)], 1)


def test_one_camera_is_a_gaussian_on_the_sphere():
    assert pytest.approx(4.15, abs=0.01) == ONE
    for direction in np.random.default_rng(0).normal(size=(20, 3)):
        assert camera_entropy(direction[None]) == pytest.approx(ONE, abs=0.01)


def test_cameras_in_one_place_are_one():
    same = np.tile([[1.0, 0.4, 2.0]], (300, 1)) * np.linspace(1, 4, 300)[:, None]
    assert camera_entropy(same) == pytest.approx(camera_entropy(same[:1]), abs=1e-9)


@pytest.mark.parametrize("count", [2, 16, 391])
def test_cameras_far_apart_add_their_logarithm(count):
    assert camera_entropy(around(count)) == pytest.approx(ONE + np.log2(count), abs=0.01)


def test_cameras_everywhere_approach_the_whole_sphere():
    assert np.log2(CELLS) - 0.01 < camera_entropy(around(40_000)) <= np.log2(CELLS)


def test_varied_cameras_have_more_than_crowded_ones():
    random = np.random.default_rng(1)
    spread = camera_entropy(random.normal(size=(2000, 3)))
    crowded = camera_entropy(random.normal(size=(2000, 3)) * 0.5 + [0, 0, 3])
    assert crowded < spread - 1
    # The paper's range is 10 to 14.6 bits for 391 to 3,626 images.
    assert 10 < crowded < spread < 15.5


def test_cameras_without_a_direction_are_refused():
    for bad in (np.zeros((0, 3)), np.zeros((1, 3)), np.full((2, 3), np.nan)):
        with pytest.raises(PropfieldError, match="somewhere"):
            camera_entropy(bad)


def test_rejections_are_counted_by_filter():
    view = next(
        each
        for each in StudioSource(workers=1).observe("backpack", views=4, seed=0)
        if all(passes(each) for passes in FILTERS.values())
    )
    counter = ViewCounter()
    views = [view, replace(view, people=2), replace(view, objects=0), replace(view, objects=3), view]
    assert [each is view for each in counter.kept(views)] == [True, True]
    found = counter.statistics()
    assert (found.seen, found.kept, found.rejection_rate) == (5, 2, 0.6)
    assert found.rejected == dict.fromkeys(FILTERS, 0) | {"one person": 1, "one object": 2}
    assert found.camera_entropy == pytest.approx(camera_entropy(view.camera.centre[None].astype(float)))
    assert ViewCounter().statistics().camera_entropy is None
    assert ViewCounter().statistics().rejection_rate == 0
