"""What the search looks at, and which of its finds are the same."""

import numpy as np
import pytest
import trimesh

from propfield.uses.placement.prop_solid import evenly, prop_solid
from propfield.uses.placement.search import Found, distinct

from .known_field import rigid


def mitten():
    """Thick at one side, thin at the other: turned round, its surface lies within centimetres of itself."""
    mesh = trimesh.creation.box((0.25, 0.3, 0.09))
    mesh.vertices[:, 2] *= np.where(mesh.vertices[:, 1] > 0, 1.3, 0.7)
    return mesh


def laptop():
    """A lid and a keyboard of almost one shape, at a right angle: turned round, the one lies in the other's
    place."""
    lid = trimesh.creation.box((0.33, 0.22, 0.01), trimesh.transformations.translation_matrix((0, 0.11, 0)))
    keys = trimesh.creation.box((0.33, 0.02, 0.23), trimesh.transformations.translation_matrix((0, 0, 0.115)))
    return trimesh.util.concatenate([lid, keys])


@pytest.mark.parametrize(
    ("mesh", "ways"),
    [
        (mitten(), 2),
        (trimesh.creation.box((0.25, 0.3, 0.09)), 1),
        (trimesh.creation.icosphere(subdivisions=3, radius=0.12), 1),
    ],
)
def test_the_wrong_way_round_is_another_way_unless_nobody_could_tell(mesh, ways):
    prop = prop_solid(mesh)
    places = [rigid(), rigid((np.pi, 0, 0)), rigid((0.1, 0, 0), (0.004, 0, 0))]
    found = [Found(place, 1.0, -0.5 + 0.01 * number) for number, place in enumerate(places)]
    assert distinct(prop, found, 12, least=0.5) == found[:ways]


def test_what_is_far_worse_is_no_way():
    prop = prop_solid(mitten())
    found = [
        Found(rigid(shift=(shift, 0, 0)), 1.0, cost) for shift, cost in ((0, -0.5), (1, -0.3), (2, -0.2))
    ]
    assert distinct(prop, found, 12, least=0.5) == found[:2]


def test_every_so_many_points_of_a_prop_are_spread_over_all_of_it():
    cells = np.argwhere(np.ones((80, 5, 7), bool))
    chosen = cells[evenly(cells, 2000)]
    for every in (1, 3, 5, 21):
        some = chosen[::every]
        # The ends of a board have their shares, which by chance they would not.
        counts = np.histogram(some[:, 0], bins=8, range=(0, 80))[0]
        assert np.abs(counts - len(some) / 8).max() <= max(3, 0.02 * len(some))
        chance = cells.std(0) / np.sqrt(len(some))
        assert (np.abs(some.mean(0) - cells.mean(0)) < chance).all()
    few = np.array([[0, 0, 0], [3, 1, 2], [1, 0, 1]])
    assert np.bincount(evenly(few, 9)).tolist() == [3, 3, 3]


def test_a_laptop_whose_lid_lies_where_its_keyboard_was_is_another():
    prop = prop_solid(laptop())
    axis = np.array([0, 1, 1]) / np.sqrt(2)
    swapped = trimesh.transformations.rotation_matrix(np.pi, axis)[:3, :3]
    assert not prop.same_turned(swapped)
    assert prop.same_turned(np.eye(3))
    ball = prop_solid(trimesh.creation.icosphere(subdivisions=3, radius=0.12))
    assert ball.same_turned(rigid((0.4, 1.0, -2.0))[:3, :3])
