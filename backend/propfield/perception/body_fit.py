"""Our fit of the 24-joint body to a person's landmarks: pose, shape and camera from one photo.

In the spirit of SMPLify (Bogo et al. 2016, Eq. 1): reprojection, joint limits, priors; with the directions of
bones from 3D landmarks where there are any. Every term is a negative log-likelihood with the spreads named
below. All starts (turned to and from the camera, to the sides) are one batch; the best one wins.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from propfield.body.skeleton import JOINT_COUNT, JOINT_INDEX
from propfield.body.skinning import joint_transforms, rotation_matrices
from propfield.body.template import BodyTemplate
from propfield.errors import PropfieldError
from propfield.observations.observation import Camera
from propfield.perception.body_landmarks import landmarks_of
from propfield.perception.camera import starting_translation
from propfield.perception.joint_limits import joint_limits
from propfield.perception.landmarks import LANDMARK_INDEX, Landmarks
from propfield.perception.pose_prior import pose_prior
from propfield.progress import Progress, silent

PIXEL_SPREAD = 0.012
"""Of a keypoint, as a part of the person's size in the photo."""
OUTLIER = 8.0
"""Residuals far beyond this many spreads stop counting (Geman & McClure)."""
DIRECTION_SPREAD = 0.25
"""Of a 3D bone's direction, radians: BlazePose guesses depth."""
HANGING = 0.15
"""How much a leg that cannot be seen counts as straight down in the photo, against a bone that can be."""
LIMIT_SPREAD = math.radians(3)
SHAPE_SPREAD = 0.7
"""Of shape numbers: kept near the average, since one photo hardly tells a tall person from a near one."""
STEPS_OF_STARTS, STEPS_OF_BEST = 120, 160
KEPT_STARTS = 2

# Bones of which 3D landmarks give the direction, as pairs of landmarks.
_BONES = (
    ("left_hip", "left_knee"), ("right_hip", "right_knee"), ("left_knee", "left_ankle"),
    ("right_knee", "right_ankle"), ("left_shoulder", "left_elbow"), ("right_shoulder", "right_elbow"),
    ("left_elbow", "left_wrist"), ("right_elbow", "right_wrist"), ("right_hip", "left_hip"),
    ("right_shoulder", "left_shoulder"), ("left_hip", "left_shoulder"), ("right_hip", "right_shoulder"),
    ("right_ear", "left_ear"), ("left_ear", "nose"), ("right_ear", "nose"), ("left_heel", "left_toe"),
    ("right_heel", "right_toe"), ("left_wrist", "left_knuckle"), ("right_wrist", "right_knuckle"),
)  # fmt: skip
_LEGS = 4
"""So many bones at the head of the list are of the legs."""
_TORSO = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
# The person upright before the camera: y and z turn round (OpenCV's y is down, the person looks at the lens).
_FACING = np.diag([1.0, -1.0, -1.0]).astype(np.float32)


@dataclass(frozen=True)
class BodyFit:
    """A body fitted to a photo.

    Attributes:
        pose: axis-angle, radians; the pelvis' row is zero.
        shape: the body's shape numbers.
        camera: the person's space to pixels, with the global orientation.
        landmarks: where the body's landmarks project, pixels.
        reprojection_px: mean distance between landmarks with evidence (COCO's 17) and the body's.
        joint_confidence: in [0, 1]; near 0 for joints that the photo says nothing about.
    """

    pose: Float32[np.ndarray, "24 3"]
    shape: Float32[np.ndarray, "10"]
    camera: Camera
    landmarks: Float32[np.ndarray, "23 2"]
    reprojection_px: float
    joint_confidence: Float32[np.ndarray, "24"]


def fit_body(
    landmarks: Landmarks,
    K: Float32[np.ndarray, "3 3"],
    body: BodyTemplate,
    *,
    person_px: float | None = None,
    progress: Progress = silent,
) -> BodyFit:
    """Fits `body` to a person's landmarks through a camera with intrinsics `K`.

    `person_px` is the person's size in the photo (the longer side of its box); from the landmarks when None.
    Limbs without evidence stay at the prior. PropfieldError when the torso cannot be seen.
    """
    if landmarks.seen("left_shoulder", "right_shoulder") < 1 or landmarks.seen(*_TORSO) < 2:
        raise PropfieldError(
            "The person's torso cannot be seen well enough to fit a body; "
            "give a photo that shows at least a shoulder and a hip, or both shoulders."
        )
    problem = _Problem(landmarks, K, body, person_px)
    state = problem.starts()
    state = problem.minimised(state, STEPS_OF_STARTS, 0.06, lambda done: progress("fit body", done * 0.6))
    order = problem.loss(state).argsort()[:KEPT_STARTS]
    state = _picked(state, order)
    state = problem.minimised(state, STEPS_OF_BEST, 0.03, lambda done: progress("fit body", 0.6 + done * 0.4))
    return problem.result(_picked(state, problem.loss(state).argmin()[None]))


_State = tuple[Tensor, Tensor, Tensor, Tensor]
"""Turn (B, 3) axis-angle, place of the pelvis (B, 3) as x/z, y/z, log z, pose (B, 24, 3), shape (B, S)."""


def _picked(state: _State, rows: Tensor) -> _State:
    turn, place, pose, shape = state
    return turn[rows], place[rows], pose[rows], shape[rows]


class _Problem:
    def __init__(self, landmarks: Landmarks, K: np.ndarray, body: BodyTemplate, person_px: float | None):
        self.body = body
        self.K = torch.from_numpy(np.asarray(K, dtype=np.float32))
        self.given = landmarks
        self.pixels = torch.from_numpy(landmarks.image[:, :2].copy())
        self.confidence = torch.from_numpy(landmarks.image[:, 2].copy())
        # Feet and hands are rigid guesses on the body: they turn it, they should not pull it.
        self.confidence[17:] *= 0.3
        seen = landmarks.image[landmarks.image[:, 2] > 0, :2]
        self.person_px = person_px or float(np.ptp(seen, axis=0).max())
        where = landmarks_of(body)
        self.anchors = torch.from_numpy(where.joints)
        self.offsets = torch.from_numpy(where.offsets)
        self.joints = torch.from_numpy(body.joints)
        count = min(10, body.shape_directions.shape[2])
        # A body from a field file has no shape numbers (and no regressor): it is fitted as it is.
        directions = np.einsum("jv,vcs->jcs", body.joint_regressor, body.shape_directions[:, :, :count])
        self.joint_directions = torch.from_numpy(directions.astype(np.float32))
        self.mean, self.spread = (torch.from_numpy(each) for each in pose_prior())
        self.low, self.high = (torch.from_numpy(each) for each in joint_limits())
        self.bones = torch.tensor([[LANDMARK_INDEX[a], LANDMARK_INDEX[b]] for a, b in _BONES])
        self.directions, self.direction_weights = self._directions()

    def _directions(self) -> tuple[Tensor, Tensor]:
        """Unit directions of the bones in the camera's axes and how much each counts."""
        seen = torch.from_numpy(self.given.image[:, 2].copy())
        directions, weights = torch.zeros(len(_BONES), 3), torch.zeros(len(_BONES))
        if self.given.world is not None:
            world = torch.from_numpy(self.given.world) @ self._view().T
            ends = world[self.bones]
            directions = torch.nn.functional.normalize(ends[:, 1] - ends[:, 0], dim=-1)
            weights = seen[self.bones].prod(1)
        for bone in range(_LEGS):
            # Cameras are mostly held level, and legs below the picture's edge mostly stand.
            if seen[self.bones[bone, 1]] == 0:
                directions[bone], weights[bone] = torch.tensor([0.0, 1.0, 0.0]), HANGING
        return directions, weights

    def _view(self) -> Tensor:
        """BlazePose looks at the middle of its crop; this turns its axes into those of the whole photo."""
        share = (self.confidence / self.confidence.sum())[:, None]
        centre = (self.pixels * share).sum(0)
        x = (centre[0] - self.K[0, 2]) / self.K[0, 0]
        y = (centre[1] - self.K[1, 2]) / self.K[1, 1]
        ray = torch.nn.functional.normalize(torch.stack([x, y, torch.ones(())]), dim=0)
        axis = torch.linalg.cross(torch.tensor([0.0, 0.0, 1.0]), ray)
        sine = axis.norm()
        if sine < 1e-6:
            return torch.eye(3)
        return rotation_matrices(axis / sine * torch.atan2(sine, ray[2]))

    def starts(self) -> _State:
        """Turned eight ways about the vertical, and leaning to and fro, each placed by similar triangles."""
        turns = []
        for yaw in range(0, 360, 45):
            for lean in (0.0, 35.0) if yaw % 90 == 0 else (0.0,):
                spin = _about(1, float(yaw))
                turns.append(_FACING @ spin @ _about(0, lean))
        axis_angles = torch.from_numpy(np.stack([_axis_angle(turn) for turn in turns]))
        count = len(turns)
        pose = self.mean.expand(count, -1, -1).clone()
        shape = torch.zeros(count, self.joint_directions.shape[2])
        still = torch.tensor([0.0, 0.0, 0.0]).expand(count, 3)
        points, _ = self.points((axis_angles, still, pose, shape))
        # The state's pelvis is at depth e⁰ = 1 here; take it off to have the points around the pelvis.
        around = points - torch.tensor([0.0, 0.0, 1.0])
        place = starting_translation(around, self.pixels, self.confidence, self.K)
        place = torch.cat([place[:, :2] / place[:, 2:], place[:, 2:].log()], -1)
        return axis_angles, place, pose, shape

    def points(self, state: _State) -> tuple[Float[Tensor, "B 23 3"], Float[Tensor, "B 23 2"]]:
        """The body's landmarks in the camera's space, and in pixels."""
        turn, place, pose, shape = state
        joints = self.joints + torch.einsum("jcs,bs->bjc", self.joint_directions, shape)
        free = torch.cat([torch.zeros_like(pose[:, :1]), pose[:, 1:]], 1)
        frames = joint_transforms(free, joints)[:, self.anchors]
        points = (frames[..., :3, :3] @ self.offsets[:, :, None])[..., 0] + frames[..., :3, 3]
        points = (points - joints[:, :1]) @ rotation_matrices(turn).transpose(-1, -2)
        depth = place[:, 2:].exp()
        points = points + torch.cat([place[:, :2] * depth, depth], -1)[:, None]
        pixels = points @ self.K.T
        return points, pixels[..., :2] / pixels[..., 2:].clamp_min(0.05)

    def loss(self, state: _State) -> Float[Tensor, " B"]:
        """Negative log-likelihood of each start."""
        _, _, pose, shape = state
        points, pixels = self.points(state)
        squared = (pixels - self.pixels).square().sum(-1) / (PIXEL_SPREAD * self.person_px) ** 2
        robust = squared / (1 + squared / OUTLIER**2)
        # A small plain square keeps far-off starts from seeing no slope at all.
        image = (self.confidence * (robust + 0.01 * squared)).sum(-1)
        ends = points[:, self.bones]
        directions = torch.nn.functional.normalize(ends[:, :, 1] - ends[:, :, 0], dim=-1)
        turned = (directions - self.directions).square().sum(-1)
        depth = (self.direction_weights * turned).sum(-1) / DIRECTION_SPREAD**2
        free = pose[:, 1:]
        prior = ((free - self.mean[1:]) / self.spread[1:]).square().sum((-2, -1))
        beyond = (free - self.high[1:]).clamp_min(0) + (self.low[1:] - free).clamp_min(0)
        limits = (beyond / LIMIT_SPREAD).square().sum((-2, -1))
        average = (shape / SHAPE_SPREAD).square().sum(-1)
        behind = (0.2 - points[..., 2]).clamp_min(0).sum(-1) * 1e3
        return 0.5 * (image + depth + prior + limits + average) + behind

    def minimised(self, state: _State, steps: int, rate: float, tell) -> _State:
        """The state after `steps` of Adam with a falling rate; the place and turn settle before the limbs."""
        turn, place, pose, shape = (each.detach().clone().requires_grad_() for each in state)
        groups = [
            {"params": [turn, pose], "lr": rate},
            {"params": [place], "lr": rate / 2},
            {"params": [shape], "lr": rate},
        ]
        optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99))
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, eta_min=rate / 20)
        for step in range(steps):
            optimizer.zero_grad(set_to_none=True)
            self.loss((turn, place, pose, shape)).sum().backward()
            optimizer.step()
            schedule.step()
            if step % 20 == 0:
                tell(step / steps)
        return turn.detach(), place.detach(), pose.detach(), shape.detach()

    def result(self, state: _State) -> BodyFit:
        turn, place, pose, shape = state
        _, pixels = self.points(state)
        R = rotation_matrices(turn)[0]
        joints = self.joints + torch.einsum("jcs,s->jc", self.joint_directions, shape[0])
        depth = place[0, 2].exp()
        t = torch.cat([place[0, :2] * depth, depth[None]]) - R @ joints[0]
        final = pose[0].clone()
        final[0] = 0
        numbers = np.zeros(10, dtype=np.float32)
        numbers[: shape.shape[1]] = shape[0].numpy()
        marks = self.given.image
        distance = np.linalg.norm(pixels[0].numpy() - marks[:, :2], axis=-1)
        counted = marks[:17, 2] > 0
        trust = marks[:, 2] * np.exp(-0.5 * (distance / (0.05 * self.person_px)) ** 2)
        return BodyFit(
            pose=final.numpy(),
            shape=numbers,
            camera=Camera(K=self.K.numpy(), R=R.numpy(), t=t.numpy()),
            landmarks=pixels[0].numpy(),
            reprojection_px=float(np.average(distance[:17][counted])),
            joint_confidence=_joint_confidence(trust.astype(np.float32)),
        )


def _joint_confidence(trust: Float32[np.ndarray, "23"]) -> Float32[np.ndarray, "24"]:
    """A joint is as sure as the landmark at its end of the limb, which decides how it turns; the spine as
    the torso, the head as the face."""
    mark = {name: float(trust[index]) for name, index in LANDMARK_INDEX.items()}
    torso = float(np.mean([mark[name] for name in _TORSO]))
    face = max(mark["nose"], mark["left_ear"], mark["right_ear"])
    confidence = np.full(JOINT_COUNT, torso, dtype=np.float32)
    ends = {
        "hip": "knee", "knee": "ankle", "ankle": "toe", "foot": "toe", "shoulder": "elbow",
        "elbow": "wrist", "wrist": "knuckle", "hand": "knuckle", "collar": "shoulder",
    }  # fmt: skip
    for side in ("left", "right"):
        for joint, end in ends.items():
            confidence[JOINT_INDEX[f"{side}_{joint}"]] = mark[f"{side}_{end}"]
    confidence[[JOINT_INDEX["neck"], JOINT_INDEX["head"]]] = face
    return confidence


def _about(axis: int, degrees: float) -> np.ndarray:
    turn = torch.zeros(3)
    turn[axis] = math.radians(degrees)
    return rotation_matrices(turn).numpy()


def _axis_angle(rotation: np.ndarray) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    return Rotation.from_matrix(rotation).as_rotvec().astype(np.float32)
