"""Our fit of the 24-joint body to people's landmarks: pose, shape and camera from one photo each.

In the spirit of SMPLify (Bogo et al. 2016, Eq. 1): reprojection, joint limits, priors, limbs that do not run
into each other; with the directions of bones from 3D landmarks where there are any. Levenberg and Marquardt's
method from many starts (turned to and from the camera, leaning, sitting, sides changed over), which are
thinned out while the terms sharpen. What the other minima say, and the curvature at the best one, tell how
sure each joint is.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64
from scipy.spatial.transform import Rotation

from propfield.body.skeleton import JOINT_COUNT, JOINT_INDEX
from propfield.body.template import BodyTemplate
from propfield.errors import PropfieldError
from propfield.observations.observation import Camera
from propfield.perception.articulated import Articulation, State, place_body, room
from propfield.perception.fit_evidence import evidence, fit_model
from propfield.perception.fit_kernels import minimise
from propfield.perception.fit_problem import Rules
from propfield.perception.fit_starts import starts
from propfield.perception.fit_uncertainty import joint_uncertainty
from propfield.perception.landmarks import LANDMARK_COUNT, LANDMARK_INDEX, Landmarks
from propfield.progress import Progress, silent

STAGES = ((4.0, 6, 8), (1.6, 10, 4), (1.0, 30, 4))
"""Softness of the evidence, steps, and how many starts are kept after them."""
ALIKE = 0.35
"""Radians, by root mean square over all joints, under which two starts are on their way to one minimum."""
UNSEEN_TORSO = (
    "The person's torso cannot be seen well enough to fit a body; "
    "give a photo that shows at least a shoulder and a hip, or both shoulders."
)
_TORSO = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")


@dataclass(frozen=True)
class Subject:
    """Somebody in a photo, to be fitted.

    Attributes:
        landmarks: of the person.
        K: the photo's intrinsics, pixels; they stay as they are.
        person_px: the person's size in the photo (the longer side of its box); from the landmarks when None.
    """

    landmarks: Landmarks
    K: Float32[np.ndarray, "3 3"]
    person_px: float | None = None


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
        joint_uncertainty: metres; a joint's place around the pelvis, in the camera's axes, is expected to be
            off by this (root mean square). Large for hidden limbs, which are guesses.
    """

    pose: Float32[np.ndarray, "24 3"]
    shape: Float32[np.ndarray, "10"]
    camera: Camera
    landmarks: Float32[np.ndarray, "23 2"]
    reprojection_px: float
    joint_confidence: Float32[np.ndarray, "24"]
    joint_uncertainty: Float32[np.ndarray, "24"]


def fit_body(
    landmarks: Landmarks,
    K: Float32[np.ndarray, "3 3"],
    body: BodyTemplate,
    *,
    person_px: float | None = None,
    progress: Progress = silent,
) -> BodyFit:
    """Fits `body` to one person; see `fit_bodies`. PropfieldError when the torso cannot be seen."""
    (fit,) = fit_bodies([Subject(landmarks, K, person_px)], body, progress=progress)
    if fit is None:
        raise PropfieldError(UNSEEN_TORSO)
    return fit


def fit_bodies(
    people: Sequence[Subject], body: BodyTemplate, *, threads: int | None = None, progress: Progress = silent
) -> list[BodyFit | None]:
    """Fits `body` to each person, on `threads` threads (as many as there are cores when None); the same for
    a person alone as among others. None where the torso cannot be seen: at least one shoulder, and two of
    shoulders and hips, are needed. Limbs without evidence stay at the prior."""
    model, rules = fit_model(body)
    fits: list[BodyFit | None] = []
    # Where no machine code is loaded yet it may have to be made, which should not pass in silence.
    progress("fit body", 0.0, "" if minimise.signatures else "the first one on a machine takes half a minute")
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        try:
            for fit in pool.map(lambda person: _fitted(person, model, rules), people):
                fits.append(fit)
                progress("fit body", len(fits) / len(people))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return fits


def torso_seen(landmarks: Landmarks) -> bool:
    """Whether there is enough of a torso to fit a body to."""
    return landmarks.seen("left_shoulder", "right_shoulder") >= 1 and landmarks.seen(*_TORSO) >= 2


def _fitted(person: Subject, model: Articulation, rules: Rules) -> BodyFit | None:
    if not torso_seen(person.landmarks):
        return None
    seen = person.landmarks.image[person.landmarks.image[:, 2] > 0, :2]
    # All landmarks may be at one place, which has no size.
    person_px = max(person.person_px or float(np.ptp(seen, axis=0).max()), 1.0)
    said = evidence(person.landmarks, person.K, person_px)
    state, readings = starts(model, rules, said)
    costs = np.empty(len(readings))
    for stage, (softness, steps, keep) in enumerate(STAGES):
        minimise(model, rules, said, readings, softness, steps, state, costs)
        kept = _apart(state, costs, keep)
        state, readings, costs = _picked(state, kept), readings[kept], costs[kept]
        if stage == 0:
            state, readings, costs = _with_other_readings(state, readings, costs)
    uncertainty = joint_uncertainty(model, rules, said, readings, state, costs)
    return _result(person, person_px, model, _picked(state, np.array([0])), uncertainty)


def _picked(state: State, rows: Int64[np.ndarray, " N"]) -> State:
    return State(*(np.ascontiguousarray(each[rows]) for each in state))


def _with_other_readings(
    state: State, readings: Int64[np.ndarray, " B"], costs: Float64[np.ndarray, " B"]
) -> tuple[State, Int64[np.ndarray, " N"], Float64[np.ndarray, " N"]]:
    """The two best starts once more, with the sides of legs, or of arms, changed over."""
    best = np.array([start for start in range(len(readings)) if readings[start] == 0][:2], dtype=np.int64)
    rows = np.concatenate([np.arange(len(readings)), best, best])
    changed = np.concatenate([readings, np.full(len(best), 1), np.full(len(best), 2)])
    return _picked(state, rows), changed, costs[rows]


def _apart(state: State, costs: Float64[np.ndarray, " B"], count: int) -> Int64[np.ndarray, " N"]:
    """The best starts in order, at most `count`, none on its way to where a better one goes."""
    turns = Rotation.from_matrix(state.turn)
    kept: list[int] = []
    for start in np.argsort(costs, kind="stable"):
        near = False
        for better in kept:
            turned = (turns[int(start)] * turns[better].inv()).magnitude()
            bent = np.sqrt(np.square(state.pose[start] - state.pose[better]).sum(-1).mean())
            near |= turned**2 + bent**2 < ALIKE**2
        if not near:
            kept.append(int(start))
        if len(kept) == count:
            break
    return np.array(kept, dtype=np.int64)


def _result(
    person: Subject,
    person_px: float,
    model: Articulation,
    state: State,
    uncertainty: Float32[np.ndarray, "24"],
) -> BodyFit:
    posed = room(model)
    turn, place, pose, shape = (each[0] for each in state)
    place_body(model, turn, place, pose, shape, posed)
    pixels = posed.points[:LANDMARK_COUNT] @ person.K.T.astype(np.float64)
    pixels = pixels[:, :2] / np.maximum(pixels[:, 2:], 0.05)
    rest = model.joints[0] + model.joint_directions[0] @ shape
    numbers = np.zeros(10, dtype=np.float32)
    numbers[: len(shape)] = shape
    final = pose.astype(np.float32)
    final[0] = 0
    marks = person.landmarks.image
    distance = np.linalg.norm(pixels - marks[:, :2], axis=-1)
    counted = marks[:17, 2] > 0
    trust = marks[:, 2] * np.exp(-0.5 * (distance / (0.05 * person_px)) ** 2)
    return BodyFit(
        pose=final,
        shape=numbers,
        camera=Camera(
            K=person.K, R=turn.astype(np.float32), t=(posed.places[0] - turn @ rest).astype(np.float32)
        ),
        landmarks=pixels.astype(np.float32),
        reprojection_px=float(np.average(distance[:17][counted])),
        joint_confidence=_joint_confidence(trust.astype(np.float32)),
        joint_uncertainty=uncertainty,
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
