"""Made-up views for the fit: a ball beside the left hand, seen from all round, keypoints where joints are."""

from dataclasses import replace

import numpy as np
import torch

from propfield.body.skeleton import JOINT_INDEX, canonical_pose
from propfield.body.skinning import joint_transforms
from propfield.field.learning import learn_field
from propfield.observations.observation import COCO_KEYPOINTS, Camera

from .conftest import looking_from, view_of

RADIUS = 0.15


def place_of_ball(body):
    return body.joints[JOINT_INDEX["left_hand"]] + np.array([0.1, 0, 0], np.float32)


def keypoints_of(body, pose, camera, confidence=0.9):
    """COCO's keypoints of a posed body; the face's all at the head."""
    places = joint_transforms(torch.from_numpy(pose), torch.from_numpy(body.joints))[:, :3, 3].numpy()
    joints = [JOINT_INDEX.get(name, JOINT_INDEX["head"]) for name in COCO_KEYPOINTS]
    pixels = camera.project(places[joints])
    return np.concatenate([pixels, np.full((17, 1), confidence)], 1).astype(np.float32)


def view_of_body(body, mask, pose, camera, **changes):
    return view_of(mask, pose, camera, **({"keypoints": keypoints_of(body, pose, camera)} | changes))


def disc(camera, centre, radius, size=128):
    """The mask of a ball."""
    pixels = np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1) + 0.5
    directions = np.concatenate([(pixels - size / 2) / camera.K[0, 0], np.ones((size, size, 1))], -1)
    middle = camera.R @ centre + camera.t
    along = (directions @ middle) / (directions**2).sum(-1)
    return np.linalg.norm(directions * along[..., None] - middle, axis=-1) < radius


def around(count, random, size=128):
    """Cameras all round, up and down."""
    for number in range(count):
        camera = looking_from(2 * np.pi * number / count, distance=3.5, focal=160.0, size=size)
        tilt = random.uniform(-0.7, 0.7)
        turn = np.array(
            [[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]], np.float32
        )
        yield Camera(camera.K, turn @ camera.R, camera.t)


def ball_views(body, count=60, spread=0.0, seed=0, prompt="A person holds a thing"):
    """Views of a ball of 15 cm beside the left hand, of which nothing is hidden; its place varies."""
    random = np.random.default_rng(seed)
    centre = place_of_ball(body)
    for number, camera in enumerate(around(count, random)):
        place = centre + random.normal(scale=spread, size=3) if spread else centre
        mask = disc(camera, place, RADIUS)
        yield view_of_body(body, mask, canonical_pose(), camera, id=f"{prompt}/{number}", prompt=prompt)


def wrongly_posed(body, count=60, seed=0, degrees=12.0, pixels=0.5):
    """The same views with poses whose left arm and back are wrong, each joint about each axis, and keypoints
    found where the true joints are, to `pixels`."""
    random = np.random.default_rng([seed, 1])
    wrong = [JOINT_INDEX[name] for name in ("spine1", "left_shoulder", "left_elbow", "left_wrist")]
    for view in ball_views(body, count, seed=seed):
        pose, keypoints = view.pose.copy(), view.keypoints.copy()
        pose[wrong] += random.normal(scale=np.radians(degrees), size=(len(wrong), 3))
        keypoints[:, :2] += random.normal(scale=pixels, size=(17, 2))
        yield replace(view, pose=pose, keypoints=keypoints)


def true_ball(body, grid, spread=0.0, draws=400):
    centre = place_of_ball(body)
    random = np.random.default_rng(99)
    offsets = random.normal(scale=spread, size=(draws, 3)) if spread else np.zeros((1, 3))
    away = grid.centres()[:, None] - (centre + offsets)
    return (np.linalg.norm(away, axis=2) < RADIUS).mean(1).reshape(grid.shape)


def learned(views, body, grid, kind="fit", types=()):
    return learn_field("thing", types, list(views), body=body, grid=grid, estimator=kind)


def agreement(occupancy, truth):
    return np.corrcoef(occupancy.ravel(), truth.ravel())[0, 1]


def best_iou(occupancy, truth):
    """At the best threshold."""
    guesses = (occupancy >= level for level in np.arange(0.02, 1, 0.02))
    return max((guess & (truth > 0.3)).sum() / (guess | (truth > 0.3)).sum() for guess in guesses)
