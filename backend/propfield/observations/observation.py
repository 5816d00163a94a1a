"""One picture as learning sees it: masks, keypoints, the person's pose and the camera around them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

COCO_KEYPOINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee",
    "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip


@dataclass(frozen=True)
class Camera:
    """A perspective camera in OpenCV's axes (x right, y down, z forward), world → camera.

    The world is the person's own space: y up, the person faces +z; the person's global orientation is here.
    """

    K: Float32[np.ndarray, "3 3"]
    """Intrinsics in pixels."""
    R: Float32[np.ndarray, "3 3"]
    t: Float32[np.ndarray, "3"]
    """Metres."""

    @property
    def centre(self) -> Float32[np.ndarray, "3"]:
        """Where the camera stands, in the person's space."""
        return -self.R.T @ self.t

    def project(self, points: Float32[np.ndarray, "*batch 3"]) -> Float32[np.ndarray, "*batch 2"]:
        """Pixels (x, y) of world points. Points behind the camera give numbers without a meaning."""
        seen = points @ self.R.T + self.t
        pixels = seen @ self.K.T
        return (pixels[..., :2] / pixels[..., 2:]).astype(np.float32)


@dataclass(frozen=True)
class Observation:
    """What one picture says about where an object is around a person.

    Attributes:
        id: unique within its source.
        source: "studio", "coco", "folder", …
        category: COCO's name of the object, lower case.
        prompt: the interaction in words; empty when unknown.
        licence: SPDX id or name of the picture's licence; goes into the field's ledger.
        people, objects: how many persons and how many objects of the category were found.
        person_box, object_box: x0, y0, x1, y1 in pixels; zeros when nothing was found.
        person_mask: the person.
        object_mask: union of all instances of the category, without what is hidden.
        keypoints: COCO's 17 in pixels with confidence in [0, 1].
        pose: axis-angle in radians; the pelvis' row is zero, global orientation is the camera's.
        shape: the body's shape numbers.
        camera: see Camera.
        detection_score: of the object, in [0, 1].
    """

    id: str
    source: str
    category: str
    prompt: str
    licence: str
    people: int
    objects: int
    person_box: Float32[np.ndarray, "4"]
    object_box: Float32[np.ndarray, "4"]
    person_mask: Bool[np.ndarray, "H W"]
    object_mask: Bool[np.ndarray, "H W"]
    keypoints: Float32[np.ndarray, "17 3"]
    pose: Float32[np.ndarray, "24 3"]
    shape: Float32[np.ndarray, "10"]
    camera: Camera
    detection_score: float = 1.0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in pixels."""
        return self.object_mask.shape[1], self.object_mask.shape[0]


def mask_box(mask: Bool[np.ndarray, "H W"]) -> Float32[np.ndarray, "4"]:
    """The tightest box x0, y0, x1, y1 around a mask (x1, y1 exclusive); zeros for an empty one."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return np.zeros(4, dtype=np.float32)
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=np.float32)
