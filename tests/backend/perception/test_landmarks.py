"""Landmarks lie on the open body where its own vertices are."""

import numpy as np

from propfield.body.loaders import open_body
from propfield.body.skeleton import JOINT_INDEX
from propfield.perception.body_landmarks import landmarks_of
from propfield.perception.joint_limits import MIRRORED_AXES, joint_limits
from propfield.perception.landmarks import LANDMARK_INDEX, LANDMARK_NAMES
from propfield.perception.pose_prior import pose_prior


def test_every_landmark_is_on_or_in_the_body():
    body = open_body()
    where = landmarks_of(body)
    points = body.joints[where.joints] + where.offsets
    face = [LANDMARK_INDEX[name] for name in ("nose", "left_eye", "right_eye", "left_ear", "right_ear")]
    distance = np.linalg.norm(points[face, None] - body.vertices[None], axis=-1).min(1)
    assert distance.max() < 0.012
    for name in ("shoulder", "elbow", "wrist", "knee", "ankle"):
        index = LANDMARK_INDEX[f"left_{name}"]
        np.testing.assert_allclose(points[index], body.joints[JOINT_INDEX[f"left_{name}"]], atol=1e-6)


def test_left_and_right_are_mirror_images():
    where = landmarks_of(open_body())
    body = open_body()
    points = body.joints[where.joints] + where.offsets
    for name in LANDMARK_NAMES:
        if name.startswith("left_"):
            other = points[LANDMARK_INDEX[name.replace("left", "right")]] * [-1, 1, 1]
            np.testing.assert_allclose(points[LANDMARK_INDEX[name]], other, atol=2e-3)


def test_limits_and_prior_are_mirror_images_and_the_prior_is_within_them():
    low, high = joint_limits()
    mean, spread = pose_prior()
    assert ((mean >= low) & (mean <= high)).all()
    assert (spread > 0).all()
    left, right = JOINT_INDEX["left_elbow"], JOINT_INDEX["right_elbow"]
    np.testing.assert_allclose(mean[left] * MIRRORED_AXES, mean[right])
    np.testing.assert_allclose(low[left][1], -high[right][1])
