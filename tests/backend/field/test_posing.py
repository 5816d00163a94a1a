import numpy as np
import pytest
import trimesh

from propfield.body.skeleton import canonical_pose
from propfield.errors import NotFound, PropfieldError
from propfield.field.learning import ALL
from propfield.field.occupancy import OccupancyField, TypeField
from propfield.field.posing import pose_field, pose_points
from propfield.field.surface import iso_surface


def ball(grid, centre, radius):
    """Occupancy that falls from 1 in the centre to 0 at twice the radius."""
    distance = np.linalg.norm(grid.centres() - centre, axis=1).reshape(grid.shape)
    return np.clip(1 - distance / (2 * radius), 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def field(body, grid, weights):
    hand = body.joints[22]
    kind = TypeField(ALL, ball(grid, hand, 0.2), np.ones(grid.shape, np.uint32), 1)
    return OccupancyField("thing", grid, (kind,), weights, body, canonical_pose())


def test_in_the_rest_pose_the_field_is_as_learned(field):
    posed = pose_field(field, "all", canonical_pose())
    assert np.array_equal(posed, field.type("all").occupancy)


def test_the_field_follows_the_hand(field, grid, body):
    pose = np.zeros((24, 3), np.float32)
    pose[16, 2] = np.pi / 2
    posed = pose_field(field, "all", pose)
    mass = np.average(grid.centres(), axis=0, weights=posed.ravel() ** 4)
    hand, shoulder = body.joints[22], body.joints[16]
    raised = shoulder + np.array([0, hand[0] - shoulder[0], 0])
    # Above the shoulder, not where the arm was; part of the ball follows the pelvis and lags behind.
    assert np.linalg.norm(mass - raised) < 0.15
    assert np.linalg.norm(mass - hand) > 0.7


def test_points_go_where_the_hand_goes(field, body):
    pose = np.zeros((24, 3), np.float32)
    pose[16, 2] = np.pi / 2
    weights = np.zeros((1, 24), np.float32)
    weights[0, 22] = 1
    moved = pose_points(field, body.joints[22:23], weights, pose)
    shoulder = body.joints[16]
    expected = shoulder + np.array([0, body.joints[22, 0] - shoulder[0], 0])
    assert moved[0] == pytest.approx(expected, abs=1e-2)


def test_an_unknown_type_names_those_there_are(field):
    with pytest.raises(NotFound, match="no type “rid”; it has: all"):
        pose_field(field, "rid", canonical_pose())


@pytest.mark.parametrize("centre", [(0.0, 0.0, 0.0), (1.4, 0.3, -0.2)])
def test_a_ball_gives_a_closed_sphere_that_points_outward(grid, centre):
    surface = iso_surface(ball(grid, np.array(centre), 0.3), grid, 0.5)
    mesh = trimesh.Trimesh(surface.vertices, surface.faces)
    assert mesh.is_watertight
    assert mesh.volume > 0
    inside = surface.vertices[surface.vertices[:, 0] < 1.4]
    assert np.linalg.norm(inside - centre, axis=1) == pytest.approx(0.3, abs=0.01)


def test_a_level_above_all_is_one_sentence(grid):
    with pytest.raises(PropfieldError, match=r"above the level 1\.5; the highest is 1\."):
        iso_surface(ball(grid, np.array([0.03125] * 3), 0.3), grid, 1.5)
