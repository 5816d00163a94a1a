"""The points of a person that are found in a photo: COCO's 17 keypoints, then feet and hands."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from propfield.observations.observation import COCO_KEYPOINTS

LANDMARK_NAMES = (
    *COCO_KEYPOINTS,
    "left_toe", "right_toe", "left_heel", "right_heel", "left_knuckle", "right_knuckle",
)  # fmt: skip
LANDMARK_COUNT = len(LANDMARK_NAMES)
LANDMARK_INDEX = {name: index for index, name in enumerate(LANDMARK_NAMES)}


@dataclass(frozen=True)
class Landmarks:
    """A person's landmarks in one photo, in the order of LANDMARK_NAMES.

    Attributes:
        image: x, y in pixels, and confidence in [0, 1]; 0 where there is no evidence, also for every landmark
            outside the picture.
        world: metres around the hips in the camera's axes (x right, y down, z away), or None when only the
            photo's plane is known.
    """

    image: Float32[np.ndarray, "23 3"]
    world: Float32[np.ndarray, "23 3"] | None = None

    @property
    def keypoints(self) -> Float32[np.ndarray, "17 3"]:
        """COCO's 17 with confidence."""
        return self.image[: len(COCO_KEYPOINTS)].copy()

    def seen(self, *names: str) -> int:
        """How many of the named landmarks have evidence."""
        return int(sum(self.image[LANDMARK_INDEX[name], 2] > 0 for name in names))


def from_coco_keypoints(keypoints: Float32[np.ndarray, "17 3"]) -> Landmarks:
    """Landmarks from COCO keypoints alone; feet and hands have no evidence then."""
    image = np.zeros((LANDMARK_COUNT, 3), dtype=np.float32)
    image[: len(COCO_KEYPOINTS)] = keypoints
    return Landmarks(image=image)
