"""A body that somebody else found, with all that is told of a body of our own fit."""

import numpy as np
import torch
from jaxtyping import Float32

from propfield.body.skeleton import JOINT_COUNT
from propfield.body.skinning import joint_transforms
from propfield.body.template import BodyTemplate
from propfield.perception.body_fit import BodyFit
from propfield.perception.body_landmarks import landmarks_of
from propfield.perception.landmark_evidence import with_evidence_inside
from propfield.perception.landmarks import Landmarks
from propfield.perception.picture import Picture
from propfield.perception.protocols import PosedBody

UNCERTAINTY = 0.07
"""Metres; the mean error of a joint of such regressors (4D-Humans on 3DPW), which do not tell of each."""
CONFIDENCE = 0.75
"""Of every joint, and of landmarks that the body itself stands in for: enough for the paper's filters, which
ask for 0.7, as the regressor saw a person there."""


def as_fit(
    known: PosedBody, body: BodyTemplate, picture: Picture, landmarks: Landmarks | None
) -> tuple[BodyFit, Landmarks]:
    """The body as a fit, and the landmarks: those that were found, else where the body's own project, from
    which it is then no distance away."""
    projected = _projected(known, body)
    if landmarks is None:
        marks = np.concatenate([projected, np.full((len(projected), 1), CONFIDENCE)], 1)
        landmarks = Landmarks(image=with_evidence_inside(marks.astype(np.float32), picture))
    counted = landmarks.image[:17, 2] > 0
    distance = np.linalg.norm(projected - landmarks.image[:, :2], axis=1)[:17][counted]
    fit = BodyFit(
        pose=known.pose,
        shape=known.shape,
        camera=known.camera,
        landmarks=projected,
        reprojection_px=float(distance.mean()) if len(distance) else 0.0,
        joint_confidence=np.full(JOINT_COUNT, CONFIDENCE, dtype=np.float32),
        joint_uncertainty=np.full(JOINT_COUNT, UNCERTAINTY, dtype=np.float32),
    )
    return fit, landmarks


def _projected(known: PosedBody, body: BodyTemplate) -> Float32[np.ndarray, "23 2"]:
    worn = body.shaped(known.shape[: body.shape_directions.shape[2]])
    where = landmarks_of(worn)
    frames = joint_transforms(torch.from_numpy(known.pose), torch.from_numpy(worn.joints)).numpy()[
        where.joints
    ]
    points = (frames[:, :3, :3] @ where.offsets[:, :, None])[..., 0] + frames[:, :3, 3]
    return known.camera.project(points.astype(np.float32))
