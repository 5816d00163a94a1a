"""A person made from the open body, whose pose and camera are known."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from propfield.body.loaders import open_body
from propfield.body.skeleton import JOINT_INDEX
from propfield.body.skinning import joint_transforms, rotation_matrices
from propfield.observations.observation import Camera
from propfield.perception.body_landmarks import landmarks_of
from propfield.perception.landmarks import LANDMARK_COUNT, Landmarks

SIZE = (640, 480)


@dataclass(frozen=True)
class KnownPerson:
    pose: np.ndarray
    camera: Camera
    joints: np.ndarray
    """(24, 3) posed, metres, in the person's space."""
    landmarks: Landmarks


def posed_joints(pose: np.ndarray) -> np.ndarray:
    frames = joint_transforms(torch.from_numpy(pose), torch.from_numpy(open_body().joints))
    return frames[..., :3, 3].numpy()


def known_person(yaw: float, lean: float = 0.0, *, depth: bool = True) -> KnownPerson:
    """Somebody who stoops a little with one arm raised, seen from `yaw` degrees to the side."""
    body = open_body()
    pose = np.zeros((24, 3), dtype=np.float32)
    for name, turn in {
        "left_hip": (-50, 0, 8),
        "left_knee": (60, 0, 0),
        "right_hip": (-10, 0, -8),
        "right_knee": (25, 0, 0),
        "spine1": (15, 0, 0),
        "left_shoulder": (0, -30, -50),
        "right_shoulder": (0, 40, -20),
        "left_elbow": (0, -60, 0),
        "right_elbow": (0, 40, 0),
        "head": (5, 15, 0),
    }.items():
        pose[JOINT_INDEX[name]] = np.radians(turn)
    turn = rotation_matrices(torch.tensor([0.0, np.radians(yaw), 0.0]))
    tilt = rotation_matrices(torch.tensor([np.radians(lean), 0.0, 0.0]))
    R = (np.diag([1.0, -1.0, -1.0]).astype(np.float32) @ tilt.numpy() @ turn.numpy()).astype(np.float32)
    t = (np.array([0.15, 0.1, 4.0]) - R @ body.joints[0]).astype(np.float32)
    K = np.array([[747, 0, 320], [0, 747, 240], [0, 0, 1]], dtype=np.float32)
    camera = Camera(K=K, R=R, t=t)
    where = landmarks_of(body)
    frames = joint_transforms(torch.from_numpy(pose), torch.from_numpy(body.joints)).numpy()[where.joints]
    points = (frames[:, :3, :3] @ where.offsets[:, :, None])[..., 0] + frames[:, :3, 3]
    image = np.ones((LANDMARK_COUNT, 3), dtype=np.float32)
    image[:, :2] = camera.project(points.astype(np.float32))
    world = None
    if depth:
        seen = points @ R.T
        world = (seen - seen[11:13].mean(0)).astype(np.float32)
    return KnownPerson(pose, camera, posed_joints(pose), Landmarks(image=image, world=world))


@pytest.fixture
def make_person():
    return known_person
