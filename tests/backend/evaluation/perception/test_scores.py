"""Errors of a fit, where the fit is known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from propfield.body.skeleton import JOINT_INDEX, MIRROR
from propfield.evaluation.perception.people import VIEWS, studio_people
from propfield.evaluation.perception.scores import aligned, fitted_joints, joint_errors, scores
from propfield.observations.observation import Camera
from propfield.perception.body_fit import BodyFit
from propfield.perception.joint_limits import MIRRORED_AXES


@pytest.fixture(scope="module")
def person():
    return next(studio_people(1, 4, 256))


@pytest.fixture
def perfect(person):
    return BodyFit(
        pose=person.scene.pose,
        shape=person.shape,
        camera=moved(person, person.camera),
        landmarks=person.landmarks,
        reprojection_px=0.0,
        joint_confidence=np.ones(24, np.float32),
        joint_uncertainty=np.full(24, 0.01, np.float32),
    )


def moved(person, camera):
    """The studio lays the pelvis where the mean body has it; a fit's body has its own."""
    from propfield.body.loaders import open_body

    off = person.scene.joints[0] - open_body().shaped(person.shape).joints[0]
    return Camera(camera.K, camera.R, (camera.t + camera.R @ off).astype(np.float32))


def test_the_truth_has_no_error(person, perfect):
    told = scores(person, perfect)
    assert told.pop("body_iou") > 0.97
    assert max(abs(value) for value in told.values()) < 0.1
    np.testing.assert_allclose(fitted_joints(perfect), person.joints, atol=1e-4)


def test_each_error_is_told_by_its_score(person, perfect):
    camera = perfect.camera
    nearer = replace(perfect, camera=Camera(camera.K, camera.R, camera.t * np.float32(0.8)))
    assert scores(person, nearer)["distance_error"] == pytest.approx(-np.log(0.8), abs=0.03)
    # A lens twice as long from twice as far is as far in focal lengths.
    K = camera.K * np.array([[2, 2, 1]], np.float32).T
    depth = person.joints[0]
    longer = replace(perfect, camera=Camera(K, camera.R, (camera.t + depth).astype(np.float32)))
    assert scores(person, longer)["distance_error"] < 0.01

    about = Rotation.from_euler("y", 180, degrees=True).as_matrix().astype(np.float32)
    R = camera.R @ about
    turned = replace(perfect, camera=Camera(camera.K, R.astype(np.float32), camera.t))
    told = scores(person, turned)
    assert told["front_back"] == 1
    assert told["camera_rotation_deg"] == pytest.approx(180, abs=0.5)
    # The similarity transform takes the turn away, the pelvis alone does not.
    assert told["pa_mpjpe_mm"] < 0.1
    assert told["mpjpe_mm"] > 50


def test_one_bent_knee(person, perfect):
    pose = perfect.pose.copy()
    knee = JOINT_INDEX["left_knee"]
    turned = Rotation.from_rotvec(pose[knee]) * Rotation.from_euler("x", 46, degrees=True)
    pose[knee] = turned.as_rotvec()
    bent = replace(perfect, pose=pose)
    assert scores(person, bent)["joint_angle_deg"] == pytest.approx(2, abs=1e-3)
    errors = joint_errors(person, bent)
    wrong = {JOINT_INDEX["left_ankle"], JOINT_INDEX["left_foot"]}
    assert {joint for joint in range(24) if errors[joint] > 0.01} == wrong


def test_changed_sides_are_noticed():
    """Mirrored about the body's middle: the left limbs lie where the right ones should."""
    found = 0
    for person in studio_people(6, 11, 256):
        pose = person.scene.pose[list(MIRROR)] * MIRRORED_AXES
        camera = person.camera
        R = camera.R @ Rotation.from_euler("y", 180, degrees=True).as_matrix()
        fit = BodyFit(
            pose=pose.astype(np.float32),
            shape=person.shape,
            camera=Camera(camera.K, R.astype(np.float32), camera.t),
            landmarks=person.landmarks,
            reprojection_px=0.0,
            joint_confidence=np.ones(24, np.float32),
            joint_uncertainty=np.ones(24, np.float32),
        )
        found += scores(person, fit)["left_right"]
    assert found >= 3


def test_the_best_similarity_transform():
    random = np.random.default_rng(0)
    truth = random.normal(size=(24, 3))
    turn = Rotation.random(random_state=1).as_matrix()
    np.testing.assert_allclose(aligned(0.3 * truth @ turn.T + [1, 2, 3], truth), truth, atol=1e-9)
    # It may not mirror.
    assert np.linalg.norm(aligned(truth * [-1, 1, 1], truth) - truth, axis=1).mean() > 0.3


def test_people_are_seen_from_all_sides_and_the_same_again():
    people = list(studio_people(40, 2, 128))
    assert {person.view for person in people} == set(VIEWS)
    assert len({person.pose_name for person in people}) == 20
    assert all(person.framed[5:].any() for person in people)
    again = next(studio_people(1, 2, 128))
    np.testing.assert_array_equal(again.points, people[0].points)
    np.testing.assert_array_equal(again.picture(), people[0].picture())
    other = next(studio_people(1, 3, 128))
    assert not np.array_equal(other.camera.R, again.camera.R)
    shapes = np.array([person.shape for person in people])
    assert 0.4 < shapes.std() < 1
