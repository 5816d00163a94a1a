"""Sets of keypoints that networks are trained with, as landmarks: COCO's 17, Halpe's 26 (with feet) and
COCO-WholeBody's 133 (with feet and hands)."""

import numpy as np
from jaxtyping import Float32

from propfield.errors import PropfieldError
from propfield.perception.landmarks import LANDMARK_COUNT, LANDMARK_INDEX, Landmarks

# Where each landmark beyond COCO's 17 stands. A knuckle is the index finger's, as BlazePose's.
_BEYOND = {
    17: {},
    26: {"left_toe": 20, "right_toe": 21, "left_heel": 24, "right_heel": 25},
    133: {
        "left_toe": 17, "left_heel": 19, "right_toe": 20, "right_heel": 22,
        "left_knuckle": 91 + 5, "right_knuckle": 112 + 5,
    },
}  # fmt: skip


def from_keypoints(keypoints: Float32[np.ndarray, "K 3"]) -> Landmarks:
    """Landmarks from a set's x, y in pixels and confidence. PropfieldError for a set that is not known."""
    if len(keypoints) not in _BEYOND:
        raise PropfieldError(
            f"A set of {len(keypoints)} keypoints is not known; take a model of COCO's 17, Halpe's 26 or "
            "COCO-WholeBody's 133."
        )
    image = np.zeros((LANDMARK_COUNT, 3), dtype=np.float32)
    image[:17] = keypoints[:17]
    for name, place in _BEYOND[len(keypoints)].items():
        image[LANDMARK_INDEX[name]] = keypoints[place]
    return Landmarks(image=image)
