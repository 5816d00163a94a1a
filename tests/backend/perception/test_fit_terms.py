"""The compiled likelihood: its slopes are those that finite differences have, its curvature is sound."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from propfield.body.loaders import open_body
from propfield.body.skeleton import JOINT_INDEX
from propfield.perception.articulated import POSE, SHAPE, rodrigues, room
from propfield.perception.fit_evidence import evidence, fit_model
from propfield.perception.fit_terms import likelihood
from propfield.perception.landmarks import Landmarks


@pytest.fixture
def problem(make_person):
    """A body at random near somebody's landmarks, with its legs in each other and a knee beyond its limit,
    so that every term speaks."""
    person = make_person(40)
    random = np.random.default_rng(0)
    image = person.landmarks.image.copy()
    image[:, :2] += random.normal(0, 6, image[:, :2].shape)
    image[:, 2] = random.uniform(0.2, 1, len(image))
    image[15, 2] = 0
    model, rules = fit_model(open_body())
    said = evidence(Landmarks(image, person.landmarks.world), person.camera.K, 300.0)
    pose = random.normal(0, 0.2, (24, 3))
    pose[0] = 0
    pose[JOINT_INDEX["left_knee"], 0] = -0.4
    pose[JOINT_INDEX["left_hip"]] = (0.0, 0.0, -0.4)
    pose[JOINT_INDEX["right_hip"]] = (0.0, 0.0, 0.4)
    state = (
        person.camera.R.astype(float) @ Rotation.from_rotvec([0.4, 0.2, -0.1]).as_matrix(),
        np.array([0.03, 0.02, np.log(4.2)]),
        pose,
        random.normal(0, 0.5, model.joint_directions.shape[2]),
    )
    return model, rules, said, state


def value(problem, step=None):
    model, rules, said, (turn, place, pose, shape) = problem
    size = SHAPE + len(shape)
    normal, slope = np.zeros((size, size)), np.zeros(size)
    if step is not None:
        turn = Rotation.from_rotvec(step[:3]).as_matrix() @ turn
        pose = pose.copy()
        pose[1:] += step[POSE:SHAPE].reshape(23, 3)
        place, shape = place + step[3:POSE], shape + step[SHAPE:]
    cost = likelihood(model, rules, said, 0, 1.3, turn, place, pose, shape, room(model), normal, slope)
    return cost, slope, normal


def test_slopes_are_those_of_finite_differences(problem):
    _, slope, _ = value(problem)
    found = np.zeros_like(slope)
    for index, step in enumerate(np.eye(len(slope)) * 1e-6):
        found[index] = (value(problem, step)[0] - value(problem, -step)[0]) / 2e-6
    np.testing.assert_allclose(slope, found, rtol=1e-4, atol=1e-3 * np.abs(found).mean())


def test_every_term_speaks(problem):
    """Else the slopes' test above would not notice a wrong one."""
    model, rules, said, state = problem
    cost, _, _ = value(problem)
    quiet = [
        (model, rules._replace(gap_precision=0.0), said, state),
        (model, rules._replace(limit_precision=0.0), said, state),
        (model, rules._replace(upright_precision=0.0), said, state),
        (model, rules._replace(shape_precision=0.0), said, state),
        (model, rules, said._replace(direction_precision=0 * said.direction_precision), state),
        (model, rules, said._replace(precision=0 * said.precision), state),
    ]
    for without in quiet:
        assert value(without)[0] < cost - 1e-3


def test_curvature_is_positive(problem):
    _, _, normal = value(problem)
    whole = np.tril(normal) + np.tril(normal, -1).T
    assert np.linalg.eigvalsh(whole).min() > 0


@pytest.mark.parametrize("vector", [[0.0, 0, 0], [1e-5, 0, 0], [0.3, -1.0, 2.0], [0, 3.1, 0]])
def test_rodrigues_and_its_slope(vector):
    vector = np.array(vector)
    rotation, slope = np.empty((3, 3)), np.empty((3, 3))
    rodrigues(vector, rotation, slope)
    np.testing.assert_allclose(rotation, Rotation.from_rotvec(vector).as_matrix(), atol=1e-12)
    for axis in np.eye(3):
        moved = Rotation.from_rotvec(vector + 1e-6 * axis) * Rotation.from_rotvec(vector).inv()
        np.testing.assert_allclose(slope @ axis, moved.as_rotvec() / 1e-6, atol=1e-5)
