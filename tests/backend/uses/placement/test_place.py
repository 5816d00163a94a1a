"""Props placed where a known field has them."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from propfield.body.skeleton import JOINT_INDEX
from propfield.errors import NotFound, PropfieldError
from propfield.uses.placement.body_solid import body_solid
from propfield.uses.placement.place import Wish, placements
from propfield.uses.placement.problem import checked, read_problem

from .known_field import angle, at_joint, bones_of, field_of, rigid

MOVED = rigid((1.0, -2.0, 0.5), (3.0, -1.0, 2.0))
"""The animator's mesh lies anywhere, any way round."""


def problem_of(mesh, bones, **more):
    return checked(
        prop_vertices=np.asarray(mesh.vertices, np.float32),
        prop_faces=np.asarray(mesh.faces, np.int32),
        bones=bones.reshape(-1, 24, 4, 4),
        **more,
    )


def moved_angle(scale=1.0):
    return angle().apply_scale(scale).apply_transform(MOVED)


def errors(found, true, local=(0.13, 0.06, 0.0)):
    """Metres between the prop's middles, and degrees, from a true placement of the angle's own space."""
    own = found @ MOVED
    middle = np.append(local, 1)
    scale = np.cbrt(np.linalg.det(own[:3, :3]))
    turn = Rotation.from_matrix(own[:3, :3] / scale @ true[:3, :3].T).magnitude()
    # The angle is its own mirror image, so it can also lie the other way up: no turn does that.
    return float(np.linalg.norm((own - true) @ middle)), float(np.degrees(turn))


@pytest.fixture(scope="module")
def problem(arms_down):
    return problem_of(moved_angle(), bones_of(arms_down))


@pytest.fixture(scope="module")
def ways(held, problem):
    return placements(held[0], problem, Wish("use"))


def test_a_prop_goes_where_the_field_is_and_is_carried_by_its_bone(held, arms_down, ways):
    true = bones_of(arms_down)[JOINT_INDEX["right_wrist"]] @ held[1]
    position, turn = errors(ways[0].matrix, true)
    assert position < 0.02
    assert turn < 10
    assert list(ways[0].joints) == ["right_wrist"]
    assert ways[0].fill > 0.45
    assert ways[0].contact == 0
    assert all(each.penetration <= 0.005 for each in ways)
    scores = [each.score for each in ways]
    assert scores[0] == max(scores)


def test_the_character_may_stand_anywhere_turned_and_be_larger(held, arms_down):
    field, place = held
    away = rigid((0.0, 2.0, 0.0), (40.0, 7.0, -25.0)) @ np.diag([1.3, 1.3, 1.3, 1])
    bones = away @ bones_of(arms_down)
    found = placements(field, problem_of(moved_angle(1.3), bones), Wish("use"))
    true = bones[JOINT_INDEX["right_wrist"]] @ place
    own = found[0].matrix @ MOVED
    middle = np.array([0.13, 0.06, 0, 1])
    assert np.linalg.norm(own @ np.append(1.3 * middle[:3], 1) - true @ middle)[()] < 0.03


def test_a_scale_is_found_where_it_is_allowed_and_not_changed_where_it_is_not(held, arms_down):
    field, _ = held
    problem = problem_of(moved_angle(0.5), bones_of(arms_down))
    found = placements(field, problem, Wish("use", scale=(1.5, 2.5), count=1))
    assert found[0].scale == pytest.approx(2, rel=0.1)
    assert np.cbrt(np.linalg.det(found[0].matrix[:3, :3])) == pytest.approx(found[0].scale, rel=1e-6)
    fixed = placements(field, problem, Wish("use", count=1))
    assert fixed[0].scale == pytest.approx(1, abs=1e-9)
    assert np.linalg.det(fixed[0].matrix[:3, :3]) == pytest.approx(1, abs=1e-6)


def test_placements_differ_and_those_of_a_round_prop_are_no_turns_of_each_other(arms_down, ways):
    place = rigid(shift=at_joint("right_wrist") + np.array([-0.3, 0, 0]))
    ball = trimesh.creation.icosphere(radius=0.15)
    field = field_of(place, "right_wrist", None, lambda points: np.linalg.norm(points, axis=1) < 0.15)
    found = placements(field, problem_of(ball, bones_of(arms_down)), Wish("use"))
    assert len(found) == 1
    assert len(ways) > 1
    for index, each in enumerate(ways):
        moved = [np.abs(each.matrix - other.matrix).max() for other in ways[:index]]
        assert all(move > 0.02 for move in moved)


def test_a_prop_whose_field_is_in_the_body_comes_out_of_it():
    # A box that the field has half in the thighs of somebody who stands.
    place = rigid(shift=at_joint("pelvis") + np.array([0.0, -0.25, 0.1]))
    box = trimesh.creation.box((0.3, 0.3, 0.3))
    field = field_of(place, "pelvis", "hips", lambda points: (np.abs(points) < 0.15).all(1))
    bones = bones_of(np.zeros((24, 3)))
    found = placements(field, problem_of(box, bones), Wish("use", count=3))
    assert found[0].penetration <= 0.005
    body = trimesh.Trimesh(field.body.vertices.astype(float), field.body.faces, process=False)
    inner = found[0].matrix
    points, _ = trimesh.sample.sample_surface(box, 4000, seed=5)
    there = points @ inner[:3, :3].T + inner[:3, 3]
    # Judged by rays and by every triangle there is.
    corners = np.asarray(body.triangles)
    depths = [
        np.linalg.norm(
            trimesh.triangles.closest_point(corners, np.tile(point, (len(corners), 1))) - point, axis=1
        ).min()
        for point in there[body.contains(there)][:100]
    ]
    assert max(depths, default=0) <= 0.0055


def test_nothing_is_placed_below_the_ground_and_what_is_near_to_it_stands_on_it():
    place = rigid(shift=at_joint("left_foot") + np.array([0.4, -0.05, 0.1]))
    box = trimesh.creation.box((0.3, 0.2, 0.25))
    sizes = np.array([0.3, 0.2, 0.25]) / 2
    field = field_of(place, "pelvis", None, lambda points: (np.abs(points) < sizes).all(1))
    lowest = place[1, 3] - 0.1
    problem = problem_of(box, bones_of(np.zeros((24, 3))))
    for ground in (lowest + 0.04, lowest - 0.03):
        found = placements(field, problem, Wish("use", ground=ground))
        corners = box.vertices @ found[0].matrix[:3, :3].T + found[0].matrix[:3, 3]
        assert found[0].rests
        assert corners[:, 1].min() == pytest.approx(ground, abs=1e-4)
        # Flat: four corners down.
        assert np.sort(corners[:, 1])[3] == pytest.approx(ground, abs=1e-3)
    with pytest.raises(PropfieldError, match="the ground is below the character"):
        placements(field, problem, Wish("use", ground=lowest + 0.5))


def test_a_start_keeps_the_placement_near_to_it(held, arms_down, ways):
    second = ways[1].matrix
    near = problem_of(moved_angle(), bones_of(arms_down), start=second)
    again = placements(held[0], near, Wish("use"))
    assert len(again) == 1
    assert np.abs(again[0].matrix - second).max() < 0.05


def test_depths_are_exact():
    ball = trimesh.creation.icosphere(subdivisions=5, radius=0.3)
    solid = body_solid(ball, np.full(3, -0.5), np.full(3, 0.5), np.zeros(len(ball.vertices), bool))
    random = np.random.default_rng(0)
    ways = random.normal(size=(3000, 3))
    away = random.uniform(0.05, 0.4, 3000)
    points = ways / np.linalg.norm(ways, axis=1)[:, None] * away[:, None]
    assert np.abs(solid.depths(points) - np.maximum(0.3 - away, 0)).max() < 5e-4
    free = body_solid(ball, np.full(3, -0.5), np.full(3, 0.5), np.ones(len(ball.vertices), bool))
    assert not free.depths(points).any()


def test_the_same_problem_gives_the_same_placements(held, problem, ways):
    again = placements(held[0], problem, Wish("use"))
    assert [each.as_json(1) for each in again] == [each.as_json(1) for each in ways]


def test_what_cannot_be_placed_says_so(held, arms_down):
    field, _ = held
    bones = bones_of(arms_down)
    with pytest.raises(PropfieldError, match=r"0\.0039 m long.*apply its scale"):
        placements(field, problem_of(angle().apply_scale(0.0078), bones), Wish("use"))
    with pytest.raises(NotFound, match="no type “throw”"):
        placements(field, problem_of(moved_angle(), bones), Wish("throw"))
    empty = replace(field.types[0], occupancy=np.zeros_like(field.types[0].occupancy))
    with pytest.raises(PropfieldError, match="“use” of this field is empty"):
        placements(replace(field, types=(empty,)), problem_of(moved_angle(), bones), Wish("use"))


BONES = np.tile(np.eye(4), (1, 24, 1, 1))
GOOD = {
    "prop_vertices": np.eye(3, dtype=np.float32),
    "prop_faces": np.array([[0, 1, 2]], np.int32),
    "bones": BONES,
}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"prop_vertices": None}, "no “prop_vertices”"),
        ({"prop_vertices": np.eye(2, dtype=np.float32)}, "float32 of any × 3"),
        ({"prop_vertices": np.full((3, 3), np.nan, np.float32)}, "not finite"),
        ({"prop_faces": np.array([[0, 1, 3]], np.int32)}, "that there are none of"),
        ({"prop_faces": np.zeros((0, 3), np.int32)}, "is empty"),
        ({"bones": BONES[:, :23]}, "float64 of any × 24 × 4 × 4"),
        ({"prop_faces": np.zeros((1_000_001, 3), np.int32)}, "at most 1,000,000"),
        ({"bones": 0 * BONES}, "not affine"),
        ({"bones": np.diag([1e-9, 1e-9, 1e-9, 1]) * BONES}, "out of all measure"),
        ({"body_faces": np.array([[0, 1, 2]], np.int32)}, "go together"),
        ({"start": np.eye(3)}, "float64 of 4 × 4"),
        ({"bones": np.array([None])}, "send it again"),
    ],
)
def test_a_problem_that_is_none_says_what_is_wrong(tmp_path, change, sentence):
    arrays = {name: array for name, array in {**GOOD, **change}.items() if array is not None}
    np.savez(tmp_path / "problem.npz", **arrays)
    with pytest.raises(PropfieldError, match=sentence):
        read_problem(tmp_path / "problem.npz")


def test_a_problem_that_is_cut_short_says_so(tmp_path):
    np.savez(tmp_path / "whole.npz", **GOOD)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:300])
    with pytest.raises(PropfieldError, match="send it again"):
        read_problem(tmp_path / "cut.npz")
    assert read_problem(tmp_path / "whole.npz").frames == 1
