"""A person's landmarks from MediaPipe's BlazePose (Bazarevsky et al. 2020), run on the person's crop."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from PIL import Image

from propfield.errors import NotFound, PropfieldError, Unavailable
from propfield.perception.landmark_evidence import with_evidence_inside
from propfield.perception.landmarks import LANDMARK_COUNT, LANDMARK_NAMES, Landmarks
from propfield.perception.picture import Picture
from propfield.perception.protocols import Person
from propfield.perception.quiet import quiet_stderr

# BlazePose numbers its 33 landmarks; these are the ones that COCO and the fit know.
_BLAZEPOSE = {
    "nose": 0, "left_eye": 2, "right_eye": 5, "left_ear": 7, "right_ear": 8, "left_shoulder": 11,
    "right_shoulder": 12, "left_elbow": 13, "right_elbow": 14, "left_wrist": 15, "right_wrist": 16,
    "left_knuckle": 19, "right_knuckle": 20, "left_hip": 23, "right_hip": 24, "left_knee": 25,
    "right_knee": 26, "left_ankle": 27, "right_ankle": 28, "left_heel": 29, "right_heel": 30,
    "left_toe": 31, "right_toe": 32,
}  # fmt: skip
_ORDER = [_BLAZEPOSE[name] for name in LANDMARK_NAMES]
MARGIN = 0.2
"""Of the person's box, on each side of the crop."""
_LARGEST_CROP = 1024


class MediaPipeKeypoints:
    """A perception.protocols.KeypointFinder over a PoseLandmarker bundle (.task).

    Unavailable when mediapipe is not installed; NotFound or PropfieldError for a wrong file.
    """

    def __init__(self, bundle: Path) -> None:
        self.bundle = Path(bundle)
        if not self.bundle.is_file():
            raise NotFound(
                f"There is no keypoint model at {self.bundle}; give a MediaPipe pose_landmarker .task file."
            )
        status = self.bundle.stat()
        self._landmarker = _landmarker(self.bundle.resolve(), status.st_mtime_ns, status.st_size)

    def estimate(self, people: Sequence[Person]) -> list[Landmarks | None]:
        """The landmarks of each person in its box, or None where none is recognised.

        Confidence is BlazePose's visibility, and zero outside the picture, where visibility says little.
        """
        return [self._landmarks(person.picture, person.box) for person in people]

    def _landmarks(self, picture: Picture, box: Float32[np.ndarray, "4"]) -> Landmarks | None:
        import mediapipe

        crop, x0, y0, scale = _square_crop(picture, box)
        with quiet_stderr():
            image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=crop)
            result = self._landmarker.detect(image)
        if not result.pose_landmarks:
            return None
        found = result.pose_landmarks[0]
        side = crop.shape[0]
        marks = np.array(
            [[each.x * side / scale + x0, each.y * side / scale + y0, each.visibility] for each in found],
            dtype=np.float32,
        )[_ORDER]
        marks = with_evidence_inside(marks, picture)
        world = np.array([[each.x, each.y, each.z] for each in result.pose_world_landmarks[0]], np.float32)
        assert marks.shape == (LANDMARK_COUNT, 3)
        return Landmarks(image=marks, world=world[_ORDER])


def _square_crop(picture: Picture, box: np.ndarray) -> tuple[np.ndarray, int, int, float]:
    """A square around the box, black where it leaves the picture; its corner in the photo and its scale."""
    centre = (box[:2] + box[2:]) / 2
    half = int(np.ceil(max(box[2:] - box[:2]) * (0.5 + MARGIN)))
    x0, y0 = int(centre[0]) - half, int(centre[1]) - half
    square = Image.fromarray(picture.pixels).crop((x0, y0, x0 + 2 * half, y0 + 2 * half))
    scale = min(1.0, _LARGEST_CROP / (2 * half))
    if scale < 1:
        square = square.resize((_LARGEST_CROP, _LARGEST_CROP), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(square), x0, y0, scale


@cache
def _landmarker(bundle: Path, changed: int, size: int) -> Any:
    """MediaPipe's own object for a file, as it is now; it lives as long as the process.

    Closed when it becomes garbage it could hang the process for good: closing takes a lock which another
    landmarker's calls hold while they allocate, which is when Python collects garbage.
    """
    try:
        with quiet_stderr():
            from mediapipe.tasks import python as tasks
            from mediapipe.tasks.python import vision
    except ImportError as error:
        raise Unavailable(
            'Finding keypoints needs mediapipe; install it with pip install "propfield[perception]".'
        ) from error
    options = vision.PoseLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_path=str(bundle)),
        num_poses=1,
        min_pose_detection_confidence=0.3,
        min_pose_presence_confidence=0.3,
    )
    try:
        with quiet_stderr():
            landmarker = vision.PoseLandmarker.create_from_options(options)
    except (RuntimeError, ValueError, OSError) as error:
        raise PropfieldError(
            f"{bundle.name} is not a MediaPipe pose model; give a pose_landmarker .task file."
        ) from error
    return landmarker
