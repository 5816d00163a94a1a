"""COCO's 17 keypoints of a posed body, as a detector would give them."""

from functools import cache

import numpy as np
from jaxtyping import Float32, Int64
from scipy.spatial import cKDTree

from propfield.body.loaders import open_body
from propfield.body.skeleton import JOINT_INDEX
from propfield.imagery.studio.rays import Caster, visible_points
from propfield.imagery.studio.scene import Scene
from propfield.observations.observation import COCO_KEYPOINTS, Camera

# Where the face's keypoints are on the open body's template, metres in the T-pose. The nearest vertex is
# taken, so that a body with other vertex numbers still has them.
FACE: dict[str, tuple[float, float, float]] = {
    "nose": (0.0, 0.383, 0.163),
    "left_eye": (0.029, 0.426, 0.135),
    "right_eye": (-0.029, 0.426, 0.135),
    "left_ear": (0.074, 0.403, 0.050),
    "right_ear": (-0.074, 0.403, 0.050),
}

# How far a keypoint lies under the skin, metres: what is hit that far before it is the limb itself.
UNDER_SKIN = {"shoulder": 0.11, "elbow": 0.07, "wrist": 0.06, "hip": 0.16, "knee": 0.09, "ankle": 0.08}
ON_SKIN = 0.02


@cache
def _face_vertices() -> Int64[np.ndarray, "5"]:
    tree = cKDTree(open_body().vertices)
    return tree.query(np.array([FACE[name] for name in COCO_KEYPOINTS[:5]]))[1].astype(np.int64)


def keypoint_positions(scene: Scene) -> Float32[np.ndarray, "17 3"]:
    """Where COCO's keypoints of the observed person are, metres: the face's on the skin, others at joints."""
    joints = scene.joints[[JOINT_INDEX[name] for name in COCO_KEYPOINTS[5:]]]
    return np.concatenate([scene.vertices[_face_vertices()], joints]).astype(np.float32)


def keypoints(
    scene: Scene, caster: Caster, camera: Camera, size: int, random: np.random.Generator
) -> Float32[np.ndarray, "17 3"]:
    """Pixels and confidence: high where a keypoint is seen, middling behind an object, lower behind the body,
    next to nothing outside the picture; all zeros where there is nobody."""
    noise = random.uniform(size=17)
    found = np.zeros((17, 3), dtype=np.float32)
    if not scene.people:
        return found
    points = keypoint_positions(scene).astype(float)
    margin = np.array(
        [ON_SKIN if i < 5 else UNDER_SKIN[name.split("_")[1]] for i, name in enumerate(COCO_KEYPOINTS)]
    )
    clear, first = visible_points(caster, camera, points, margin)
    hidden = np.where(first >= caster.people, 0.68 + 0.24 * noise, 0.42 + 0.3 * noise)
    confidence = np.where(clear, 0.86 + 0.13 * noise, hidden)
    found[:, :2] = camera.project(points.astype(np.float32))
    depth = points @ camera.R[2] + camera.t[2]
    framed = ((found[:, :2] >= 0) & (found[:, :2] < size)).all(1) & (depth > 0)
    found[:, 2] = np.where(framed, confidence, 0.12 * noise)
    # Behind the camera a projection has no meaning.
    found[depth <= 0] = 0
    return found
