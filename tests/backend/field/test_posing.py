from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh

from propfield.body.skeleton import canonical_pose
from propfield.body.skinning import bone_transforms, pose_vertices, skin_backward
from propfield.errors import NotFound, PropfieldError
from propfield.field.grid import Grid
from propfield.field.learning import ALL
from propfield.field.occupancy import OccupancyField, TypeField
from propfield.field.posing import canonical_sources, into_pose, pose_field, pose_points
from propfield.field.skinning_weights import weights_around
from propfield.field.surface import iso_surface
from propfield.field.voxel_rows import _row_sources


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


def by_the_book(field, pose):
    """`canonical_sources` in torch, from weights in rows."""
    pose, grid, body = torch.from_numpy(pose), field.grid, field.body
    joints, skin = torch.from_numpy(body.joints), torch.from_numpy(body.skin_weights)
    posed = pose_vertices(pose, torch.from_numpy(body.vertices), skin, joints)
    weights = torch.from_numpy(weights_around(posed.numpy(), body.skin_weights, grid).toarray())
    bones = bone_transforms(pose, joints, torch.from_numpy(field.rest_pose))
    canonical = skin_backward(torch.from_numpy(grid.centres()).double(), weights.double(), bones.double())
    return grid.voxel_of(canonical.float().numpy()).reshape(grid.shape)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("cube", [Grid(), Grid(27, 2.0, (0.2, -0.1, 0.1))], ids=["whole", "part"])
def test_sources_are_by_the_book(field, cube, seed):
    """Also where the root turns, and where the inverse leads out of the grid."""
    field = replace(field, grid=cube)
    pose = np.random.default_rng(seed).normal(scale=0.5, size=(24, 3)).astype(np.float32)
    found, expected = canonical_sources(field, pose), by_the_book(field, pose)
    assert (found < 0).any()
    assert (found >= 0).any()
    # Points within rounding of a voxel's border.
    assert np.count_nonzero(found != expected) <= 1e-4 * found.size


@pytest.mark.parametrize("skinning", ["backward", "forward"])
def test_all_types_of_a_field_go_into_a_pose_together(field, grid, skinning):
    other = replace(field.types[0], type=replace(field.types[0].type, name="other"))
    other = replace(other, occupancy=ball(grid, np.zeros(3), 0.4))
    both = replace(field, types=(*field.types, other), skinning=skinning)
    pose = np.random.default_rng(7).normal(scale=0.3, size=(24, 3)).astype(np.float32)
    posed_by = into_pose(both, pose)
    for kind in both.types:
        assert np.array_equal(posed_by(kind.occupancy), pose_field(both, kind.type.name, pose))
    assert not np.array_equal(pose_field(both, "other", pose), pose_field(both, "all", pose))


def test_the_number_of_threads_changes_no_voxel(field):
    pose = np.random.default_rng(8).normal(scale=0.3, size=(24, 3)).astype(np.float32)
    one = canonical_sources(field, pose, threads=1)
    assert np.array_equal(one, canonical_sources(field, pose, threads=3))


@pytest.mark.parametrize(
    "transform",
    [np.zeros((3, 4)), np.diag([1.0, 1, 0])[:, [0, 1, 2, 2]], np.full((3, 4), np.nan), np.full((3, 4), 1e30)],
    ids=["zero", "flat", "nan", "huge"],
)
def test_a_transform_without_an_inverse_leads_nowhere(transform):
    grid, found = Grid(16), np.zeros(16, np.int32)
    blended = np.tile(transform.reshape(12, 1), 16).astype(np.float32)
    blended[[0, 5, 10], 7], blended[[1, 2, 3, 4, 6, 7, 8, 9, 11], 7] = 1, 0
    x, y, row = grid.axes()[0, 3], grid.axes()[1, 4], grid.axes()[2]
    _row_sources(blended, x, y, row, grid.origin, np.float32(grid.voxel), found)
    assert found[7] == (3 * 16 + 4) * 16 + 7
    assert (np.delete(found, 7) == -1).all()


def test_a_pose_that_is_none_is_one_sentence(field):
    with pytest.raises(PropfieldError, match="24 rows of 3 axis-angle numbers, not an array of \\(23, 3\\)"):
        pose_field(field, "all", np.zeros((23, 3), np.float32))
    pose = np.zeros((24, 3), np.float32)
    pose[4, 1] = np.nan
    with pytest.raises(PropfieldError, match="not finite"):
        pose_field(field, "all", pose)


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
