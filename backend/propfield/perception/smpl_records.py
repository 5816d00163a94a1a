"""People whose bodies a regressor found, from its output file.

A file is `.npz` (each key an array of all people), `.json` (a list of people, or {"people": [...]}), or
`.pkl` with plain arrays, which is read without running it. Numbers are those of 4D-Humans (HMR2), TokenHMR
and their kin; what SAM 3D Body gives fits once its MHR parameters are converted to SMPL's. Each person has

- `global_orient`: the person against the camera (x right, y down, z forward), and `body_pose`: 23 joints (or
  SMPL-X's 21), each as rotation matrices or axis-angle; `betas`: shape numbers. All three may lie under
  `pred_smpl_params`.
- `img_size`: width and height of the picture that the regressor saw, pixels.
- the camera, either in perspective: `pred_cam_t_full` (metres) and `scaled_focal_length` (pixels), or as SAM
  3D Body calls them `pred_cam_t` and `focal_length`; or weak: `pred_cam` (s, x, y) with its crop `box_center`
  and `box_size` (pixels).
- `image`: the picture's file name; may be left out where the file is of one picture.

In 4D-Humans' demo.py such a file is

    np.savez("people.npz", image=names, **out["pred_smpl_params"], pred_cam=out["pred_cam"],
             box_center=batch["box_center"], box_size=batch["box_size"], img_size=batch["img_size"])

with tensors as numpy arrays.
"""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32
from scipy.spatial.transform import Rotation

from propfield.body.smpl_pickle import PICKLE_ERRORS, RestrictedUnpickler, as_array
from propfield.errors import NotFound, PropfieldError
from propfield.perception.weak_camera import WeakCamera, crop_camera

MAX_BYTES = 1 << 30
_IMAGE_KEYS = ("image", "img_name", "imgname", "frame_path")
_TOLERANCE = 0.05
"""By how much a rotation matrix may miss being one: half precision, and sums of floats."""


@dataclass(frozen=True)
class PlacedCamera:
    """A perspective camera with its principal point in the picture's middle.

    Attributes:
        turn: the person against the camera.
        place: of the model's origin in the camera, were the body not turned; metres.
        focal: length in pixels.
    """

    turn: Float[np.ndarray, "3 3"]
    place: Float[np.ndarray, "3"]
    focal: float


@dataclass(frozen=True)
class SmplRecord:
    """One person of a file.

    Attributes:
        image: the picture's file name, "" where the file does not tell.
        size: width and height of the picture that the regressor saw, pixels; cameras are of that picture.
        pose: axis-angle, the pelvis' row zero.
        shape: shape numbers.
        camera: as the regressor gave it.
    """

    image: str
    size: tuple[float, float]
    pose: Float32[np.ndarray, "24 3"]
    shape: Float32[np.ndarray, "10"]
    camera: PlacedCamera | WeakCamera


def read_smpl_records(path: Path) -> list[SmplRecord]:
    """The people of a file. NotFound without one; PropfieldError, saying what it should hold, for another."""
    if not path.is_file():
        raise NotFound(f"There is no file of bodies at {path}; give a regressor's output as .npz or .json.")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("too large")
        return [_record(person) for person in _people(path)]
    except (*PICKLE_ERRORS, OSError, zipfile.BadZipFile) as error:
        raise PropfieldError(
            f"{path.name} holds no bodies that can be read ({_reason(error)}); each person needs "
            "global_orient, body_pose, betas, img_size, and either pred_cam with box_center and box_size, or "
            "pred_cam_t_full with scaled_focal_length."
        ) from error


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyError):
        return f"“{error.args[0]}” is missing"
    return (
        str(error).splitlines()[0][:100] if isinstance(error, ValueError) and str(error) else "it is damaged"
    )


def _people(path: Path) -> list[dict[str, Any]]:
    kind = path.suffix.lower()
    if kind == ".npz":
        with zipfile.ZipFile(path) as packed:
            if sum(entry.file_size for entry in packed.infolist()) > 2 * MAX_BYTES:
                raise ValueError("too large")
        with np.load(path, allow_pickle=False) as data:
            return _of_columns({name: data[name] for name in data.files})
    if kind in (".pkl", ".pickle"):
        with path.open("rb") as file:
            content = RestrictedUnpickler(file, path.name).load()
    else:
        content = json.loads(path.read_bytes())
    if isinstance(content, dict):
        content = content["people"] if "people" in content else _of_columns(_flat(content))
    return [_flat(person) for person in content]


def _flat(person: dict[str, Any]) -> dict[str, Any]:
    return {**person.get("pred_smpl_params", {}), **person}


def _of_columns(columns: dict[str, Any]) -> list[dict[str, Any]]:
    """One dictionary a person, of arrays over all of them; a single number holds for everybody."""
    count = len(columns["global_orient"])
    people: list[dict[str, Any]] = [{} for _ in range(count)]
    for name, values in columns.items():
        if name == "pred_smpl_params":
            continue
        rows = np.asarray(values) if not isinstance(values, list) else values
        single = np.ndim(rows) == 0 or len(rows) != count
        for index, person in enumerate(people):
            person[name] = rows if single else rows[index]
    return people


def _record(person: dict[str, Any]) -> SmplRecord:
    (turn,) = _rotations(person["global_orient"], (1,))
    joints = _rotations(person["body_pose"], (23, 21))
    pose = np.zeros((24, 3), dtype=np.float32)
    pose[1 : 1 + len(joints)] = joints.as_rotvec()
    shape = np.zeros(10, dtype=np.float32)
    betas = _numbers(person["betas"])[:10]
    shape[: len(betas)] = betas
    width, height = _numbers(person["img_size"], 2)
    if min(width, height) < 1:
        raise ValueError("img_size is no size")
    return SmplRecord(
        image=str(next((person[key] for key in _IMAGE_KEYS if key in person), "")),
        size=(float(width), float(height)),
        pose=pose,
        shape=shape,
        camera=_camera(person, turn.as_matrix()),
    )


def _camera(person: dict[str, Any], turn: Float[np.ndarray, "3 3"]) -> PlacedCamera | WeakCamera:
    full = "pred_cam_t_full" in person
    if full or "pred_cam" not in person:
        place = _numbers(person["pred_cam_t_full" if full else "pred_cam_t"], 3)
        # 4D-Humans' own focal_length is of its crop.
        name = "scaled_focal_length" if full else "focal_length"
        focal = float(_numbers(person[name])[0])
        if focal <= 0:
            raise ValueError(f"{name} is not above 0")
        return PlacedCamera(turn, place, focal)
    (side,) = _numbers(person["box_size"], 1)
    weak = crop_camera(turn, _numbers(person["pred_cam"], 3), _numbers(person["box_center"], 2), float(side))
    if weak.scale <= 0:
        raise ValueError("pred_cam's scale is not above 0")
    return weak


def _numbers(value: Any, count: int | None = None) -> Float[np.ndarray, " n"]:
    numbers = as_array(value).astype(np.float64).ravel()
    if (count is not None and len(numbers) != count) or not len(numbers) or not np.isfinite(numbers).all():
        raise ValueError("numbers that are not finite or too many")
    return numbers


def _rotations(value: Any, counts: tuple[int, ...]) -> Rotation:
    """Rotations from matrices or axis-angle, told apart by how many numbers there are."""
    numbers = _numbers(value)
    for count in counts:
        if len(numbers) == 3 * count:
            return Rotation.from_rotvec(numbers.reshape(count, 3))
        if len(numbers) == 9 * count:
            matrices = numbers.reshape(count, 3, 3)
            square = matrices @ matrices.transpose(0, 2, 1)
            if np.abs(square - np.eye(3)).max() > _TOLERANCE or (np.linalg.det(matrices) < 0).any():
                raise ValueError("matrices that are no rotations")
            return Rotation.from_matrix(matrices)
    raise ValueError(f"{len(numbers)} numbers are no {' or '.join(map(str, counts))} rotations")
