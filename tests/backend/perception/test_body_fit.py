"""The fit finds again what was projected: joints, camera, front and back, and leaves the unseen at rest."""

import dataclasses

import numpy as np
import pytest
import torch

from propfield.body.loaders import open_body
from propfield.body.skeleton import JOINT_INDEX
from propfield.body.skinning import joint_transforms
from propfield.errors import Cancelled, PropfieldError
from propfield.evaluation.perception.scores import aligned
from propfield.perception.body_fit import BodyFit, Subject, fit_bodies, fit_body
from propfield.perception.body_spheres import body_spheres
from propfield.perception.joint_limits import joint_limits
from propfield.perception.landmarks import LANDMARK_INDEX, Landmarks, from_coco_keypoints
from propfield.perception.pose_prior import pose_prior


def fitted_joints(fit: BodyFit) -> np.ndarray:
    body = open_body().shaped(fit.shape)
    frames = joint_transforms(torch.from_numpy(fit.pose), torch.from_numpy(body.joints))
    return frames[:, :3, 3].numpy()


def aligned_error(points: np.ndarray, truth: np.ndarray) -> float:
    """PA-MPJPE, metres."""
    return float(np.linalg.norm(aligned(points, truth) - truth, axis=1).mean())


@pytest.mark.parametrize(("yaw", "lean"), [(0, 0), (180, 10), (75, 0), (-60, -15)])
def test_a_known_pose_is_found_from_every_side(make_person, yaw, lean):
    person = make_person(yaw, lean)
    fit = fit_body(person.landmarks, person.camera.K, open_body())
    height = np.ptp(person.landmarks.image[:, 1])
    assert fit.reprojection_px < 0.01 * height
    assert aligned_error(fitted_joints(fit), person.joints) < 0.03
    # The turn, not only the shape: front and back are told apart.
    cosine = (np.trace(fit.camera.R @ person.camera.R.T) - 1) / 2
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))) < 12


@pytest.mark.parametrize("yaw", [0, 180, 60])
def test_keypoints_in_the_plane_are_enough_for_front_and_back(make_person, yaw):
    person = make_person(yaw, depth=False)
    landmarks = from_coco_keypoints(person.landmarks.keypoints)
    fit = fit_body(landmarks, person.camera.K, open_body())
    assert fit.reprojection_px < 0.01 * np.ptp(person.landmarks.image[:, 1])
    assert aligned_error(fitted_joints(fit), person.joints) < 0.12
    assert (fit.camera.R[2] @ person.camera.R[2]) > np.cos(np.radians(35))


def test_the_camera_sees_the_body_where_the_landmarks_are(make_person):
    person = make_person(20)
    fit = fit_body(person.landmarks, person.camera.K, open_body())
    wrist = fitted_joints(fit)[JOINT_INDEX["left_wrist"]]
    np.testing.assert_allclose(
        fit.camera.project(wrist), fit.landmarks[LANDMARK_INDEX["left_wrist"]], atol=0.05
    )
    np.testing.assert_allclose(fit.camera.R @ fit.camera.R.T, np.eye(3), atol=1e-4)
    assert np.linalg.det(fit.camera.R) == pytest.approx(1, abs=1e-4)
    assert not fit.pose[0].any()


def test_the_same_landmarks_give_the_same_body(make_person):
    person = make_person(30)
    one, other = (fit_body(person.landmarks, person.camera.K, open_body()) for _ in range(2))
    assert (one.pose == other.pose).all()
    assert (one.camera.t == other.camera.t).all()


def test_limbs_without_evidence_stay_near_rest(make_person):
    person = make_person(0)
    image = person.landmarks.image.copy()
    unseen = [index for name, index in LANDMARK_INDEX.items() if "elbow" in name or "wrist" in name]
    unseen += [LANDMARK_INDEX["left_knuckle"], LANDMARK_INDEX["right_knuckle"]]
    # What a finder imagines about them must not matter.
    image[unseen] = (9999, -9999, 0)
    fit = fit_body(Landmarks(image, person.landmarks.world), person.camera.K, open_body())
    mean, spread = pose_prior()
    arms = [JOINT_INDEX[f"{side}_{joint}"] for side in ("left", "right") for joint in ("shoulder", "elbow")]
    assert (np.abs(fit.pose[arms] - mean[arms]) < spread[arms]).all()
    assert fit.joint_confidence[arms].max() == 0
    assert fit.joint_confidence[JOINT_INDEX["left_hip"]] > 0.5


def test_joints_stay_within_their_limits(make_person):
    person = make_person(45, depth=False)
    noisy = person.landmarks.image.copy()
    noisy[:, :2] += np.random.default_rng(0).normal(0, 8, noisy[:, :2].shape).astype(np.float32)
    fit = fit_body(Landmarks(noisy), person.camera.K, open_body())
    low, high = joint_limits()
    slack = np.radians(6)
    assert ((fit.pose >= low - slack) & (fit.pose <= high + slack)).all()


def test_one_wrong_keypoint_does_not_bend_the_body(make_person):
    person = make_person(0)
    image = person.landmarks.image.copy()
    image[LANDMARK_INDEX["left_ankle"], :2] += (150, -200)
    fit = fit_body(Landmarks(image, person.landmarks.world), person.camera.K, open_body())
    assert aligned_error(fitted_joints(fit), person.joints) < 0.06


def test_a_body_without_shape_numbers_can_be_fitted(make_person):
    """As it comes from a field file."""
    body = open_body()
    plain = dataclasses.replace(
        body,
        shape_directions=np.zeros((len(body.vertices), 3, 0), np.float32),
        joint_regressor=np.zeros((24, len(body.vertices)), np.float32),
    )
    person = make_person(0)
    fit = fit_body(person.landmarks, person.camera.K, plain)
    assert not fit.shape.any()
    assert fit.reprojection_px < 0.01 * np.ptp(person.landmarks.image[:, 1])


def test_legs_alone_are_refused(make_person):
    person = make_person(0)
    image = person.landmarks.image.copy()
    image[:11, 2] = 0
    with pytest.raises(PropfieldError, match="torso"):
        fit_body(Landmarks(image, person.landmarks.world), person.camera.K, open_body())


def test_people_together_are_fitted_as_alone(make_person):
    people = [make_person(yaw, depth=yaw != 120) for yaw in (0, 120, 240)]
    subjects = [Subject(each.landmarks, each.camera.K) for each in people]
    legs = people[0].landmarks.image.copy()
    legs[:11, 2] = 0
    subjects.insert(1, Subject(Landmarks(legs), people[0].camera.K))
    told = []
    one, unseen, *others = fit_bodies(
        subjects, open_body(), threads=2, progress=lambda stage, done, _="": told.append((stage, done))
    )
    assert unseen is None
    assert told[-1] == ("fit body", 1.0)
    alone = [fit_body(each.landmarks, each.camera.K, open_body()) for each in people]
    for together, single in zip([one, *others], alone, strict=True):
        for name in ("pose", "shape", "landmarks", "joint_uncertainty"):
            np.testing.assert_array_equal(getattr(together, name), getattr(single, name))
        np.testing.assert_array_equal(together.camera.t, single.camera.t)
    assert fit_bodies([], open_body()) == []


def test_a_cancel_is_heard(make_person):
    person = make_person(0)

    def stop(stage, done, message=""):
        if done > 0:
            raise Cancelled("Stopped; nothing was written.")

    with pytest.raises(Cancelled):
        fit_bodies([Subject(person.landmarks, person.camera.K)] * 3, open_body(), progress=stop)


@pytest.mark.parametrize("parts", [("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist")])
def test_changed_sides_are_changed_back(make_person, parts):
    """Detectors give legs, or arms, to the wrong side, above all from behind."""
    person = make_person(20, depth=False)
    image = person.landmarks.image.copy()
    image[17:, 2] = 0
    for part in parts:
        pair = [LANDMARK_INDEX[f"left_{part}"], LANDMARK_INDEX[f"right_{part}"]]
        image[pair] = image[pair[::-1]]
    fit = fit_body(Landmarks(image), person.camera.K, open_body())
    given = [LANDMARK_INDEX[f"{side}_{part}"] for side in ("left", "right") for part in parts]
    off = np.linalg.norm(fit.landmarks[given] - person.landmarks.image[given, :2], axis=1)
    assert off.max() < 0.03 * np.ptp(image[:17, 1])
    assert aligned_error(fitted_joints(fit), person.joints) < 0.12
    assert (fit.camera.R[2] @ person.camera.R[2]) > np.cos(np.radians(40))


@pytest.mark.parametrize("roll", [90, 180])
def test_somebody_who_lies_or_hangs_upside_down(make_person, roll):
    person = make_person(30)
    turn = np.array([[0, -1], [1, 0]]) if roll == 90 else -np.eye(2)
    image, world = person.landmarks.image.copy(), person.landmarks.world.copy()
    centre = person.camera.K[:2, 2]
    image[:, :2] = (image[:, :2] - centre) @ turn.T + centre
    world[:, :2] = world[:, :2] @ turn.T
    fit = fit_body(Landmarks(image, world), person.camera.K, open_body())
    assert aligned_error(fitted_joints(fit), person.joints) < 0.03
    assert fit.reprojection_px < 4


def test_hidden_limbs_are_known_to_be_guesses(make_person):
    person = make_person(0)
    image = person.landmarks.image.copy()
    for name in ("elbow", "wrist", "knuckle"):
        image[LANDMARK_INDEX[f"right_{name}"], 2] = 0
    fit = fit_body(Landmarks(image, person.landmarks.world), person.camera.K, open_body())
    off = np.linalg.norm(
        (fitted_joints(fit) - fitted_joints(fit)[0]) @ fit.camera.R.T
        - (person.joints - person.joints[0]) @ person.camera.R.T,
        axis=1,
    )
    sure = {name: float(fit.joint_uncertainty[JOINT_INDEX[name]]) for name in JOINT_INDEX}
    assert sure["right_wrist"] > 3 * sure["left_wrist"]
    assert sure["right_elbow"] > 2 * sure["left_elbow"]
    assert sure["pelvis"] < 0.02
    assert max(sure.values()) < 1
    # Hardly a joint is further off than three times what it is said to be.
    assert (off < 3 * fit.joint_uncertainty + 0.01).mean() > 0.9


def test_limbs_do_not_run_into_the_body(make_person):
    """In the plane, wrists before the belly may as well be in it."""
    person = make_person(0, depth=False)
    image = person.landmarks.image.copy()
    middle = image[[LANDMARK_INDEX[f"{side}_hip"] for side in ("left", "right")], :2].mean(0)
    chest = image[[LANDMARK_INDEX[f"{side}_shoulder"] for side in ("left", "right")], :2].mean(0)
    for side in ("left", "right"):
        image[LANDMARK_INDEX[f"{side}_wrist"], :2] = 0.6 * middle + 0.4 * chest
    image[17:, 2] = 0
    fit = fit_body(Landmarks(image), person.camera.K, open_body())
    body, spheres = open_body().shaped(fit.shape), body_spheres(open_body())
    frames = joint_transforms(torch.from_numpy(fit.pose), torch.from_numpy(body.joints)).numpy()[
        spheres.joints
    ]
    points = (frames[:, :3, :3] @ spheres.offsets[:, :, None])[..., 0] + frames[:, :3, 3]
    one, other = spheres.pairs.T
    gaps = np.linalg.norm(points[one] - points[other], axis=1) - spheres.radii[one] - spheres.radii[other]
    assert gaps.min() > -0.03


@pytest.mark.parametrize("spot", [(320.0, 240.0), (0.0, 0.0)])
def test_landmarks_at_one_place_give_numbers(make_person, spot):
    person = make_person(0)
    image = person.landmarks.image.copy()
    image[:, :2] = spot
    fit = fit_body(Landmarks(image, np.zeros((23, 3), np.float32)), person.camera.K, open_body())
    for numbers in (fit.pose, fit.shape, fit.camera.R, fit.camera.t, fit.landmarks, fit.joint_uncertainty):
        assert np.isfinite(numbers).all()


@pytest.mark.filterwarnings("error:invalid value")
def test_keypoints_all_over_the_place_give_a_start_before_the_lens():
    """A studio close-up's, of which the guesses are so far apart that the pelvis would be behind the lens."""
    keypoints = np.zeros((17, 3), np.float32)
    keypoints[[0, 1, 2, 3, 4, 5]] = (
        [198, 128, 0.9], [176, 114, 0.7], [167, 101, 0.9], [139, 147, 0.6], [100, 124, 1.0], [154, 248, 0.8],
    )  # fmt: skip
    keypoints[[6, 8, 15]] = [5, 342, 0.1], [-217, 1227, 0.1], [761, 6325, 0.1]
    K = np.array([[250, 0, 128], [0, 250, 128], [0, 0, 1]], np.float32)
    fit = fit_body(from_coco_keypoints(keypoints), K, open_body(), person_px=197.0)
    assert np.isfinite(np.concatenate([fit.pose.ravel(), fit.camera.t])).all()
