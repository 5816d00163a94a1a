"""What a photo's landmarks say, in the numbers that the fit's kernels take."""

import math

import numpy as np
from jaxtyping import Float, Float32, Float64
from scipy.spatial.transform import Rotation

from propfield.body.skeleton import JOINT_COUNT
from propfield.body.template import BodyTemplate
from propfield.perception.articulated import Articulation, articulation
from propfield.perception.body_landmarks import landmarks_of
from propfield.perception.body_spheres import body_spheres
from propfield.perception.fit_problem import Evidence, Rules
from propfield.perception.joint_limits import joint_limits
from propfield.perception.landmarks import LANDMARK_COUNT, LANDMARK_INDEX, LANDMARK_NAMES, Landmarks
from propfield.perception.pose_prior import pose_prior

PIXEL_SPREAD = 0.014
"""Of a keypoint, as a part of the person's size in the photo."""
ENDS = 0.3
"""How much feet and hands count: rigid guesses on the body, they turn it and should not pull it."""
OUTLIER = 8.0
"""Residuals far beyond this many spreads stop counting (Geman & McClure)."""
DIRECTION_SPREAD = 0.25
"""Of a 3D bone's direction, radians: BlazePose guesses depth."""
HANGING = 0.15
"""How much a leg that cannot be seen counts as straight down in the photo, against a bone that can be."""
LIMIT_SPREAD = math.radians(3)
SHAPE_SPREAD = 0.7
"""Of shape numbers: kept near the average, since one photo hardly tells a tall person from a near one."""
GAP_SPREAD = 0.01
"""Metres by which limbs may run into each other."""
UPRIGHT_SPREAD = 0.45
"""Of the sine by which a person leans to or from the camera: most photos are taken about level."""
DOUBT = (0.0, 6.0, 6.0, 8.0)
"""Nats that a reading of the sides costs: as given, legs changed over, arms changed over, everything."""
FIRST_JOINT = LANDMARK_COUNT
"""Points of the articulation are landmarks, then the 24 joints, then spheres."""

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
BONES = np.array([[LANDMARK_INDEX[a], LANDMARK_INDEX[b]] for a, b in _BONES], dtype=np.int64)
# COCO's annotators place hips less surely than eyes; relative to PIXEL_SPREAD, after their spreads.
_SURENESS = {"nose": 0.7, "eye": 0.7, "ear": 0.7, "hip": 1.5, "knee": 1.2, "ankle": 1.2, "shoulder": 1.2}
_SPREADS = np.array([_SURENESS.get(name.split("_")[-1], 1.0) for name in LANDMARK_NAMES])


def _reading(*parts: str) -> np.ndarray:
    """The order of landmarks with left and right changed over in these parts."""
    order = list(range(LANDMARK_COUNT))
    for index, name in enumerate(LANDMARK_NAMES):
        side, _, part = name.partition("_")
        if part in parts:
            order[index] = LANDMARK_INDEX[f"{'right' if side == 'left' else 'left'}_{part}"]
    return np.array(order)


_LEG, _ARM = ("hip", "knee", "ankle", "toe", "heel"), ("shoulder", "elbow", "wrist", "knuckle")
READINGS = np.stack([_reading(), _reading(*_LEG), _reading(*_ARM), _reading(*_LEG, *_ARM, "eye", "ear")])
EVERYTHING = 3
"""The reading in which all sides are changed over."""


def fit_model(body: BodyTemplate) -> tuple[Articulation, Rules]:
    """A body's points and the rules that hold for everybody."""
    where, spheres = landmarks_of(body), body_spheres(body)
    anchors = np.concatenate([where.joints, np.arange(JOINT_COUNT), spheres.joints])
    offsets = np.concatenate([where.offsets, np.zeros((JOINT_COUNT, 3)), spheres.offsets])
    mean, spread = pose_prior()
    low, high = joint_limits()
    rules = Rules(
        bones=BONES,
        mean=mean.astype(np.float64),
        precision=1 / spread.astype(np.float64) ** 2,
        low=low.astype(np.float64),
        high=high.astype(np.float64),
        limit_precision=1 / LIMIT_SPREAD**2,
        shape_precision=1 / SHAPE_SPREAD**2,
        outlier=OUTLIER,
        first_sphere=FIRST_JOINT + JOINT_COUNT,
        radii=spheres.radii,
        pairs=spheres.pairs,
        gap_precision=1 / GAP_SPREAD**2,
        upright_precision=1 / UPRIGHT_SPREAD**2,
    )
    return articulation(body, anchors.astype(np.int64), offsets.astype(np.float64)), rules


def evidence(landmarks: Landmarks, K: Float32[np.ndarray, "3 3"], person_px: float) -> Evidence:
    """What the landmarks say, for a person `person_px` pixels large."""
    confidence = landmarks.image[:, 2].astype(np.float64)
    # No evidence is at no place; a finder may put it anywhere.
    pixels = np.where(confidence[:, None] > 0, landmarks.image[:, :2], 0).astype(np.float64)
    weights = confidence * np.where(np.arange(LANDMARK_COUNT) < 17, 1.0, ENDS)
    precision = weights / (PIXEL_SPREAD * person_px * _SPREADS) ** 2
    world = None if landmarks.world is None else landmarks.world @ _view(pixels, weights, K).T
    known = [_directions(confidence[order], None if world is None else world[order]) for order in READINGS]
    return Evidence(
        lens=np.array([K[0, 0], K[1, 1], K[0, 2], K[1, 2]], dtype=np.float64),
        pixels=np.ascontiguousarray(pixels[READINGS]),
        precision=np.ascontiguousarray(precision[READINGS]),
        directions=np.stack([directions for directions, _ in known]),
        direction_precision=np.stack([sure for _, sure in known]) / DIRECTION_SPREAD**2,
        doubt=np.array(DOUBT),
    )


def _directions(
    confidence: Float64[np.ndarray, "23"], world: Float[np.ndarray, "23 3"] | None
) -> tuple[Float64[np.ndarray, "N 3"], Float64[np.ndarray, " N"]]:
    """Unit directions of the bones in the camera's axes and how much each counts."""
    directions, weights = np.zeros((len(BONES), 3)), np.zeros(len(BONES))
    if world is not None:
        along = world[BONES[:, 1]].astype(np.float64) - world[BONES[:, 0]]
        length = np.linalg.norm(along, axis=1)
        directions = along / np.maximum(length, 1e-6)[:, None]
        weights = confidence[BONES].prod(1) * (length > 1e-6)
    for bone in range(_LEGS):
        # Cameras are mostly held level, and legs below the picture's edge mostly stand.
        if confidence[BONES[bone, 1]] == 0:
            directions[bone], weights[bone] = (0.0, 1.0, 0.0), HANGING
    return directions, weights


def _view(
    pixels: Float64[np.ndarray, "23 2"], weights: Float64[np.ndarray, "23"], K: Float32[np.ndarray, "3 3"]
) -> Float64[np.ndarray, "3 3"]:
    """BlazePose looks at the middle of its crop; this turns its axes into those of the whole photo."""
    centre = np.average(pixels, axis=0, weights=weights)
    ray = np.array([(centre[0] - K[0, 2]) / K[0, 0], (centre[1] - K[1, 2]) / K[1, 1], 1.0])
    ray /= np.linalg.norm(ray)
    axis = np.cross([0.0, 0.0, 1.0], ray)
    sine = np.linalg.norm(axis)
    if sine < 1e-9:
        return np.eye(3)
    return Rotation.from_rotvec(axis / sine * math.atan2(sine, ray[2])).as_matrix()
