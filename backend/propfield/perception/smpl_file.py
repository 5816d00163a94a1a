"""Bodies that a regressor found, from its output file, as cameras and poses of ours."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from propfield.body.loaders import OPEN_BODY_NAMES
from propfield.body.skinning import joint_transforms
from propfield.body.template import BodyTemplate
from propfield.errors import PropfieldError
from propfield.observations.observation import Camera
from propfield.perception.camera import intrinsics
from propfield.perception.picture import Picture
from propfield.perception.protocols import Person
from propfield.perception.smpl_records import PlacedCamera, SmplRecord, read_smpl_records
from propfield.perception.weak_camera import WeakCamera, perspective_camera

TELEPHOTO = 3.0
"""Focal lengths over this many times the longer side (a lens of 108 mm) are a weak camera in disguise:
4D-Humans' is 5000 / 256 times the side."""
NEAREST = 0.1
"""Metres from the camera to the pelvis."""
SAME = 0.3
"""Least overlap (over the union) of a body's joints' box with the person's for it to be that person's."""


@dataclass(frozen=True)
class RegressedBody:
    """A perception.protocols.PosedBody from a file."""

    pose: Float32[np.ndarray, "24 3"]
    shape: Float32[np.ndarray, "10"]
    camera: Camera


class SmplFile:
    """A perception.protocols.BodyEstimator over a file; see smpl_records for what it holds.

    NotFound or PropfieldError for a file that is not there or not such a file.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._by_image: dict[str, list[SmplRecord]] = {}
        for record in read_smpl_records(path):
            self._by_image.setdefault(Path(record.image.replace("\\", "/")).name, []).append(record)

    def estimate(self, people: Sequence[Person], body: BodyTemplate) -> list[RegressedBody | None]:
        """The body whose joints' box lies best on each person's; None where there is none.

        Weak cameras become perspective ones as in the paper (§3.3). Shape numbers are SMPL's, so that the
        open body, whose numbers mean something else, gets none.
        """
        own_shape = body.name.lower() in OPEN_BODY_NAMES
        return [self._body_of(person, body, own_shape) for person in people]

    def _body_of(self, person: Person, body: BodyTemplate, own_shape: bool) -> RegressedBody | None:
        best, found = SAME, None
        for record in self._records_of(person.picture):
            shape = np.zeros(10, dtype=np.float32) if own_shape else record.shape
            worn = body if own_shape else body.shaped(shape[: body.shape_directions.shape[2]])
            joints = _posed_joints(record.pose, worn)
            camera = _camera(record, joints, person.picture)
            if camera is None:
                continue
            overlap = _overlap(_box_of(camera.project(joints)), person.box)
            if overlap > best:
                best, found = overlap, RegressedBody(record.pose, shape, camera)
        return found

    def _records_of(self, picture: Picture) -> list[SmplRecord]:
        """The people of one picture. PropfieldError when the file is of a picture of another shape."""
        ours = self._by_image.get(picture.name, [])
        if not ours and len(self._by_image) == 1:
            (ours,) = self._by_image.values()
        for record in ours:
            width, height = record.size
            if abs(width * picture.size[1] - height * picture.size[0]) > max(width, height):
                raise PropfieldError(
                    f"{self.name} is of a picture of {width:.0f} × {height:.0f} pixels, but {picture.name} "
                    f"has {picture.size[0]} × {picture.size[1]}; give the bodies of this picture."
                )
        return ours


def _posed_joints(pose: np.ndarray, body: BodyTemplate) -> Float32[np.ndarray, "24 3"]:
    frames = joint_transforms(torch.from_numpy(pose), torch.from_numpy(body.joints))
    return frames[..., :3, 3].numpy().astype(np.float32)


def _camera(record: SmplRecord, joints: np.ndarray, picture: Picture) -> Camera | None:
    """The record's camera in a picture that may have been made smaller; None where the person stands behind
    it. The body turns about its pelvis, as SMPL does."""
    smaller, given = picture.size[0] / record.size[0], record.camera
    if isinstance(given, PlacedCamera):
        focal, pelvis, middle = given.focal * smaller, joints[0], np.array(picture.size) / 2
        depth = float(pelvis[2] + given.place[2])
        if depth < NEAREST:
            return None
        if focal < TELEPHOTO * max(picture.size):
            K = np.array([[focal, 0, middle[0]], [0, focal, middle[1]], [0, 0, 1]], dtype=np.float32)
            t = pelvis + given.place - given.turn @ pelvis
            return Camera(K, given.turn.astype(np.float32), t.astype(np.float32))
        weak = WeakCamera(given.turn, focal / depth, focal / depth * given.place[:2] + middle)
    else:
        weak = WeakCamera(given.turn, given.scale * smaller, given.shift * smaller)
    camera, residual = perspective_camera(joints, weak, intrinsics(picture))
    return camera if np.isfinite(residual) else None


def _box_of(points: np.ndarray) -> np.ndarray:
    return np.concatenate([points.min(0), points.max(0)])


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    shared = float(np.clip(high - low, 0, None).prod())
    both = float((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod()) - shared
    return shared / max(both, 1e-6)
