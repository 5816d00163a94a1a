"""What a real perception pipeline gets wrong, put on perfect observations: the ablation's training views."""

import zlib
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float32
from scipy.spatial.transform import Rotation

from propfield.body.loaders import open_body
from propfield.body.skeleton import JOINT_COUNT, JOINT_NAMES, MIRROR, PARENTS
from propfield.body.skinning import joint_transforms
from propfield.evaluation.mask_noise import wrong_border, wrong_mask
from propfield.observations.filters import CONFIDENCE, torso_seen
from propfield.observations.observation import COCO_KEYPOINTS, Camera, Observation, mask_box
from propfield.perception.camera import FOCAL_OF_LONG_SIDE


@dataclass(frozen=True)
class PerceptionNoise:
    """How much goes wrong. Angles are standard deviations in degrees, shares are of views; each of the first
    six numbers comes twice, the second time for what is not seen.

    They are of the size that body regressors and instance segmenters err by in the wild (80 to 130 mm a
    joint, most of it along the line of sight, since bodies are regressed to project onto the picture; masks
    of an IoU of 0.8 to 0.9). That a body is guessed where its torso is not seen is what the paper's keypoint
    filter is there for (§4.3). How much a limb is seen is told by the confidence of the keypoint at its end:
    from 0.7 on it is, toward 0 it is guessed.

    Attributes:
        depth: of a limb toward or away from the camera.
        plane: of a limb across the picture.
        twist: of a limb about itself.
        turn: of the whole person about the vertical, which moves the camera about the person; half of it
            about the other axes. Not seen is who lacks the torso, here and below.
        flipped: share in which front and back are mistaken: the depth of the whole person is reversed.
        distance: of the logarithm of the distance, beside what comes from a wrong field of view: 46.4° is
            taken for every picture.
        border: of how far a mask's border is inside or outside, as a part of the picture's side.
        piece_missing, false_blob: shares of masks that lack a round piece, or have one too much, of a tenth
            to four tenths of their area.
        wrong_object: share of masks that are of some other thing, elsewhere and as large.
        keypoint: of keypoints, as a part of the longer side of the person's box.
        confidence: of their confidence.
    """

    depth: tuple[float, float] = (12.0, 35.0)
    plane: tuple[float, float] = (4.0, 30.0)
    twist: tuple[float, float] = (10.0, 30.0)
    turn: tuple[float, float] = (6.0, 40.0)
    flipped: tuple[float, float] = (0.03, 0.25)
    distance: tuple[float, float] = (0.04, 0.3)
    border: float = 0.006
    piece_missing: float = 0.15
    false_blob: float = 0.1
    wrong_object: float = 0.03
    keypoint: float = 0.01
    confidence: float = 0.05

    @classmethod
    def none(cls) -> "PerceptionNoise":
        """Nothing goes wrong."""
        never = (0.0, 0.0)
        return cls(never, never, never, never, never, never, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def perceived(view: Observation, seed: int, noise: PerceptionNoise | None = None) -> Observation:
    """The view as a pipeline would have it; the same for the same view and seed, whatever other views there
    are. A view of nobody has no body to be wrong about: only its masks and boxes change."""
    noise = noise or PerceptionNoise()
    random = np.random.default_rng([seed, zlib.crc32(view.id.encode())])
    view = _with_masks(view, noise, random)
    if not view.people:
        return view
    seen = torso_seen(view)
    pose, camera = _body(view, noise, seen, random)
    return replace(view, pose=pose, camera=camera, keypoints=_keypoints(view, noise, random))


def _keypoints(
    view: Observation, noise: PerceptionNoise, random: np.random.Generator
) -> Float32[np.ndarray, "17 3"]:
    size = float(max(view.person_box[2:] - view.person_box[:2]))
    spread = np.array([noise.keypoint * size, noise.keypoint * size, noise.confidence])
    found = view.keypoints + random.normal(size=(17, 3)) * spread
    found[:, 2] = np.clip(found[:, 2], 0, 1)
    # A keypoint that was not there at all has not been found either.
    found[view.keypoints[:, 2] == 0] = 0
    return found.astype(np.float32)


def _body(
    view: Observation, noise: PerceptionNoise, seen: bool, random: np.random.Generator
) -> tuple[Float32[np.ndarray, "24 3"], Camera]:
    """Pose and camera of a body that looks about like the person from where the camera is."""
    pose, turn = view.pose.astype(float), view.camera.R.astype(float)
    if random.random() < noise.flipped[not seen]:
        # Mirrored left to right and turned about the vertical: x and y stay, what was in front is behind.
        pose = pose[list(MIRROR)] * [1, -1, -1]
        turn = turn @ np.diag([-1.0, 1, -1])
    # Each limb is wrong by itself in the person's space, so that errors do not add up down the arms; the
    # person as a whole is turned too.
    whole = Rotation.from_rotvec(
        random.normal(size=3) * np.radians(noise.turn[not seen]) * np.array([0.5, 1, 0.5])
    )
    wrong = _limb_errors(view, pose, turn, noise, seen, random)
    turns = [whole * error * limb for error, limb in zip(wrong, _limb_turns(pose), strict=True)]
    turns[0] = whole
    found = [Rotation.identity(), *(turns[PARENTS[j]].inv() * turns[j] for j in range(1, JOINT_COUNT))]
    # How the pelvis is turned is where the camera stands.
    stretch = np.exp(random.normal() * noise.distance[not seen])
    pose = np.stack([rotation.as_rotvec() for rotation in found])
    return pose.astype(np.float32), _camera(view, turn @ turns[0].as_matrix(), stretch)


def _limb_turns(pose: Float[np.ndarray, "24 3"]) -> list[Rotation]:
    """Each joint's rotation in the person's space."""
    turns = [Rotation.identity()]
    for joint in range(1, JOINT_COUNT):
        turns.append(turns[PARENTS[joint]] * Rotation.from_rotvec(pose[joint]))
    return turns


def _limb_errors(
    view: Observation,
    pose: Float[np.ndarray, "24 3"],
    turn: Float[np.ndarray, "3 3"],
    noise: PerceptionNoise,
    seen: bool,
    random: np.random.Generator,
) -> list[Rotation]:
    """Rotations in the person's space, one for each joint: about an axis across the line of sight and the
    limb, about the line of sight, and about the limb."""
    sight = turn[2]
    limbs = _limb_directions(pose)
    across = np.cross(limbs, sight)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    lacking = _lacking(view, seen)[:, None]
    axes = (across, np.tile(sight, (JOINT_COUNT, 1)), limbs)
    vectors = np.zeros((JOINT_COUNT, 3))
    for axis, (least, most) in zip(axes, (noise.depth, noise.plane, noise.twist), strict=True):
        vectors += axis * random.normal(size=(JOINT_COUNT, 1)) * (least + (most - least) * lacking)
    return [Rotation.from_rotvec(vector) for vector in np.radians(vectors)]


def _limb_directions(pose: Float[np.ndarray, "24 3"]) -> Float[np.ndarray, "24 3"]:
    """Where each joint's limb points, from it to the joints that hang on it; for the last ones, as their
    parent's."""
    frames = joint_transforms(torch.from_numpy(pose), torch.from_numpy(open_body().joints).double())
    places = frames[:, :3, 3].numpy()
    directions = np.zeros((JOINT_COUNT, 3))
    for joint in range(1, JOINT_COUNT):
        directions[PARENTS[joint]] += places[joint] - places[PARENTS[joint]]
    for joint in range(1, JOINT_COUNT):
        if joint not in PARENTS:
            directions[joint] = places[joint] - places[PARENTS[joint]]
    return directions / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-6)


def _lacking(view: Observation, seen: bool) -> Float[np.ndarray, "24"]:
    """How much each joint's limb is guessed, from 0 to 1."""
    confidence = dict(zip(COCO_KEYPOINTS, view.keypoints[:, 2].astype(float), strict=True))
    ends = {
        "hip": "knee", "knee": "ankle", "ankle": "ankle", "foot": "ankle", "collar": "shoulder",
        "shoulder": "elbow", "elbow": "wrist", "wrist": "wrist", "hand": "wrist",
    }  # fmt: skip
    head = max(confidence["nose"], confidence["left_ear"], confidence["right_ear"])
    evidence = np.full(JOINT_COUNT, 1.0 if seen else 0.0)
    for joint, name in enumerate(JOINT_NAMES):
        side, _, part = name.partition("_")
        if part in ends:
            evidence[joint] = confidence[f"{side}_{ends[part]}"]
        elif name in ("neck", "head"):
            evidence[joint] = head
    # A limb without its torso is half guessed too: where it starts is not known.
    return 1 - np.minimum(evidence / CONFIDENCE, 1) * (1.0 if seen else 0.5)


def _camera(view: Observation, turn: Float[np.ndarray, "3 3"], stretch: float) -> Camera:
    """The camera of 46.4° with the person turned so against it, as large and in the same place of the
    picture, but for the `stretch` of its distance."""
    width, height = view.size
    focal = FOCAL_OF_LONG_SIDE * max(width, height)
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    pelvis = open_body().joints[0].astype(float)
    true = view.camera
    before = true.R.astype(float) @ pelvis + true.t
    # Beside or behind the camera of a close-up is no place that a pipeline would tell.
    before[2] = max(before[2], 0.2)
    pixel = true.K.astype(float) @ before
    depth = before[2] * focal / float(true.K[0, 0]) * stretch
    after = depth * (np.linalg.inv(K) @ (pixel / pixel[2]))
    # Along the new line of sight the person looks as along the old one.
    R = _between(before, after) @ turn
    return Camera(K.astype(np.float32), R.astype(np.float32), (after - R @ pelvis).astype(np.float32))


def _between(first: Float[np.ndarray, "3"], second: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """The smallest rotation from one direction to another."""
    axis = np.cross(first, second)
    sine, cosine = np.linalg.norm(axis), first @ second
    if sine < 1e-12:
        return np.eye(3)
    return Rotation.from_rotvec(axis / sine * np.arctan2(sine, cosine)).as_matrix()


def _with_masks(view: Observation, noise: PerceptionNoise, random: np.random.Generator) -> Observation:
    mask = wrong_mask(view.object_mask, noise.wrong_object, noise.piece_missing, noise.false_blob, random)
    mask, person = (wrong_border(each, noise.border, random) for each in (mask, view.person_mask))
    return replace(
        view,
        object_mask=mask,
        person_mask=person,
        object_box=mask_box(mask),
        person_box=mask_box(person),
        objects=view.objects if mask.any() else 0,
        people=view.people if person.any() else 0,
    )
