"""No point of a placed prop is deeper in the body than it may be, measured apart from the placing."""

import numpy as np
import pytest
import trimesh

from propfield.body.skeleton import JOINT_INDEX
from propfield.evaluation.penetration import penetration, placed_penetration
from propfield.uses.placement.body_solid import body_solid
from propfield.uses.placement.clearing import DEEPEST, LONGEST, least_motion
from propfield.uses.placement.deepest import deepest, halved
from propfield.uses.placement.place import Wish, placements
from propfield.uses.placement.problem import checked

from .known_field import at_joint, bones_of, field_of, rigid

BALL = trimesh.creation.icosphere(subdivisions=5, radius=0.3)


def ball_solid(free=None):
    none = np.zeros(len(BALL.vertices), bool)
    return body_solid(BALL, np.full(3, -0.25), np.full(3, 0.25), none if free is None else free)


def spike(depth, way):
    """A needle whose point is so deep in the ball, on a plate that is outside of it."""
    needle = trimesh.creation.cone(radius=0.002, height=0.05)
    needle.apply_translation([0, 0, -0.05])
    plate = trimesh.creation.box((0.8, 0.8, 0.02), trimesh.transformations.translation_matrix([0, 0, -0.06]))
    mesh = trimesh.util.concatenate([needle, plate])
    matrix = trimesh.geometry.align_vectors([0, 0, 1], -np.array(way, float))
    matrix[:3, 3] = (0.3 - depth) * np.array(way, float) / np.linalg.norm(way)
    return mesh.apply_transform(matrix)


@pytest.mark.parametrize("way", [(1.0, 0, 0), (0.3, -0.8, 0.5)])
@pytest.mark.parametrize("depth", [0.004, 0.007, 0.02])
def test_the_point_of_a_needle_is_found(way, depth):
    prop = spike(depth, way)
    found = deepest(np.asarray(prop.triangles), ball_solid(), 0.005)
    if depth > 0.005:
        assert DEEPEST < found.depth <= depth + 1e-6
        assert len(found.points)
    else:
        assert found.depth <= 0.005
        assert not len(found.points)
    assert penetration(prop, BALL, np.zeros(len(BALL.faces), bool)) == pytest.approx(depth, abs=7e-4)


def test_where_there_is_no_lattice_rays_tell():
    solid = body_solid(BALL, np.full(3, 0.1), np.full(3, 0.2), np.zeros(len(BALL.vertices), bool))
    found = deepest(np.asarray(spike(0.02, (-1.0, 0, 0)).triangles), solid, 0.005)
    assert DEEPEST < found.depth <= 0.02 + 1e-6


def test_what_may_be_gone_into_does_not_count():
    prop = spike(0.02, (1.0, 0, 0))
    free = BALL.vertices[:, 0] > 0
    assert deepest(np.asarray(prop.triangles), ball_solid(free), 0.005).depth == 0
    assert penetration(prop, BALL, free[BALL.faces].any(1)) == 0
    other = spike(0.02, (-1.0, 0, 0))
    assert deepest(np.asarray(other.triangles), ball_solid(free), 0.005).depth > DEEPEST


def test_halves_make_up_the_whole():
    triangles = np.random.default_rng(0).normal(size=(20, 3, 3))

    def areas(corners):
        return np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)

    assert areas(halved(triangles)).reshape(20, 2) == pytest.approx(np.tile(areas(triangles) / 2, (2, 1)).T)


SHIFTS_ONLY = np.array([False] * 3 + [True] * 3)
ARM = 0.2


def test_the_least_shift_heeds_every_wall():
    walls = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    points = np.random.default_rng(0).normal(size=(2, 3))

    def shift(outward, wanted, free=SHIFTS_ONLY):
        motion = least_motion(points[: len(outward)], outward, np.array(wanted), ARM, free)
        assert motion is None or not motion[:3].any()
        return motion if motion is None else motion[3:]

    assert shift(walls, [0.01, -0.02]) == pytest.approx([0.01, 0, 0], abs=1e-9)
    assert shift(walls, [0.01, 0.005]) == pytest.approx([0.01, 0.005, 0], abs=1e-9)
    sideways = shift(np.array([[0.6, 0.8, 0.0]]), [0.006], SHIFTS_ONLY & (np.arange(6) != 4))
    assert sideways == pytest.approx([0.01, 0, 0], abs=1e-9)
    # Both sides of a finger.
    assert shift(np.array([[1.0, 0, 0], [-1.0, 0, 0]]), [0.01, 0.01]) is None
    assert shift(walls, [2 * LONGEST, 0.0]) is None


def test_what_no_shift_can_do_a_turn_does():
    # Two ends that both have to go the way that lies behind them.
    points = np.array([[0, 0, ARM], [0, 0, -ARM]])
    outward = np.array([[1.0, 0, 0], [-1.0, 0, 0]])
    wanted = np.array([0.01, 0.01])
    assert least_motion(points, outward, wanted, ARM, SHIFTS_ONLY) is None
    motion = least_motion(points, outward, wanted, ARM, np.ones(6, bool))
    assert motion == pytest.approx([0, 0.01 / ARM, 0, 0, 0, 0], abs=1e-9)
    # One end alone: half by turning, half by going there.
    motion = least_motion(points[:1], outward[:1], wanted[:1], ARM, np.ones(6, bool))
    assert motion == pytest.approx([0, 0.005 / ARM, 0, 0.005, 0, 0], abs=1e-9)


def test_no_points_ask_for_nothing():
    # SciPy's nnls ended the process.
    none = np.zeros((0, 3))
    assert least_motion(none, none, np.zeros(0), ARM, np.ones(6, bool)) is None


def hugging():
    """Both hands before the chest, the fingers toward each other."""
    pose = np.zeros((24, 3), np.float32)
    for side, sign in (("left", 1), ("right", -1)):
        pose[JOINT_INDEX[f"{side}_shoulder"]] = [0, -0.9 * sign, -0.9 * sign]
        pose[JOINT_INDEX[f"{side}_elbow"]] = [0, -1.2 * sign, 0]
    return pose


STAR = trimesh.util.concatenate(
    [
        trimesh.creation.cylinder(radius=0.004, height=0.5).apply_transform(rigid(turn))
        for turn in ((0.1, 0, 0), (1.6, 0.2, 0), (0, 1.5, 0.3), (0.8, 0.8, 0))
    ]
)
PROPS = {
    "ball": trimesh.creation.icosphere(subdivisions=3, radius=0.11),
    "rods": STAR,
}


@pytest.mark.parametrize(
    ("name", "joint", "shift"),
    [
        ("ball", "left_wrist", (0.1, 0.0, 0.03)),
        pytest.param("rods", "left_wrist", (0.1, 0.0, 0.03), marks=pytest.mark.slow),
    ],
)
def test_nothing_is_placed_deeper_than_it_may_be(name, joint, shift):
    mesh = PROPS[name]
    place = rigid((0.4, 0.2, 0.0), at_joint(joint) + np.array(shift))
    field = field_of(
        place, joint, None, lambda points: np.linalg.norm(points / (2.0, 1.0, 1.0), axis=1) < 0.13
    )
    problem = checked(
        prop_vertices=np.asarray(mesh.vertices, np.float32),
        prop_faces=np.asarray(mesh.faces, np.int32),
        bones=bones_of(hugging())[None],
    )
    for each in placements(field, problem, Wish("use", count=3)):
        measured = placed_penetration(field, problem, "use", each.matrix)
        assert measured <= DEEPEST + 3e-4
        assert each.penetration == pytest.approx(measured, abs=1.5e-3)
