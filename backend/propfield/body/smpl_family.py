"""The user's own SMPL, SMPL-H and SMPL-X files as 24-joint bodies.

Sources: SMPL (Loper et al. 2015), SMPL-H (Romero et al. 2017), SMPL-X (Pavlakos et al. 2019). Their first 22
joints are the same; fingers, jaw and eyes of the larger two are folded into the joints that carry them. The
`smplx` package holds the model; it is for research only, hence an optional extra that is imported late. Its
own reading of files is never used: it unpickles without question.
"""

import contextlib
import io
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from propfield.body.skeleton import JOINT_COUNT, JOINT_INDEX, PARENTS
from propfield.body.smpl_pickle import read_pickled_arrays
from propfield.body.template import BodyTemplate
from propfield.errors import NotFound, PropfieldError, Unavailable

FAMILY = {24: "SMPL", 52: "SMPL-H", 55: "SMPL-X"}
ARRAYS = ("v_template", "f", "weights", "shapedirs", "J_regressor", "kintree_table")
SHAPE_NUMBERS = 10
SHARED_JOINTS = 22  # pelvis to wrists, the same in the whole family
FACE_JOINTS = 3  # jaw, left eye, right eye: SMPL-X alone, right after the shared ones
HAND_JOINTS = 15  # index, middle, pinky, ring, thumb: three each; the left hand first
FINGER_ROOTS = (0, 3, 6, 9)  # of a hand's joints, the knuckles without the thumb's
THUMB_START = 12
LICENCE = (
    "SMPL model licence of the user's file: non-commercial scientific research only, unless its holder has "
    "another agreement with the Max Planck Society"
)


def load_body(path: Path) -> BodyTemplate:
    """A body of the user's: SMPL, SMPL-H or SMPL-X as .pkl or .npz, up to ten shape numbers.

    Vertices and joints stay where the file has them (metres, y up, facing +z). Pickles are read by
    `smpl_pickle.RestrictedUnpickler`, so a file that would run code is refused.

    NotFound without the file, PropfieldError for one that is no such model, Unavailable without smplx.
    """
    arrays = _checked(_read(path), path.name)
    model = _smplx_model(arrays)
    joint_count = model.J_regressor.shape[0]
    merge = merge_to_24(joint_count)
    vertices = model.v_template.double().numpy()
    weights = model.lbs_weights.double().numpy() @ merge
    regressor = regressor_to_24(joint_count) @ model.J_regressor.double().numpy()
    return BodyTemplate(
        name=f"{FAMILY[joint_count]} ({path.stem})",
        licence=LICENCE,
        commercial=False,
        vertices=vertices.astype(np.float32),
        faces=np.asarray(model.faces, dtype=np.int32),
        skin_weights=(weights / weights.sum(1, keepdims=True)).astype(np.float32),
        joints=(regressor @ vertices).astype(np.float32),
        shape_directions=model.shapedirs.numpy().astype(np.float32),
        joint_regressor=regressor.astype(np.float32),
        provenance={"family": FAMILY[joint_count], "file": path.name, "licence": LICENCE},
    )


def merge_to_24(joint_count: int) -> Float64[np.ndarray, "J 24"]:
    """Which of the 24 joints carries each joint of the family: fingers the hand, thumb the wrist (as in the
    open body, as it begins before the knuckles), jaw and eyes the head. Ones and zeros."""
    carrier = list(range(min(joint_count, JOINT_COUNT)))
    if joint_count > JOINT_COUNT:
        carrier = list(range(SHARED_JOINTS)) + [JOINT_INDEX["head"]] * _face_joints(joint_count)
        for side in ("left", "right"):
            carrier += [JOINT_INDEX[f"{side}_hand"]] * THUMB_START
            carrier += [JOINT_INDEX[f"{side}_wrist"]] * (HAND_JOINTS - THUMB_START)
    return np.eye(JOINT_COUNT)[carrier]


def regressor_to_24(joint_count: int) -> Float64[np.ndarray, "24 J"]:
    """The places of the 24 joints from those of the family: a hand is the mean of its four knuckles."""
    if joint_count == JOINT_COUNT:
        return np.eye(JOINT_COUNT)
    places = np.zeros((JOINT_COUNT, joint_count))
    places[:SHARED_JOINTS, :SHARED_JOINTS] = np.eye(SHARED_JOINTS)
    hands = SHARED_JOINTS + _face_joints(joint_count)
    for joint, start in (
        (JOINT_INDEX["left_hand"], hands),
        (JOINT_INDEX["right_hand"], hands + HAND_JOINTS),
    ):
        places[joint, [start + root for root in FINGER_ROOTS]] = 1 / len(FINGER_ROOTS)
    return places


def _face_joints(joint_count: int) -> int:
    return FACE_JOINTS if FAMILY[joint_count] == "SMPL-X" else 0


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise NotFound(f"There is no body model at {path}; give “open” or the path of an SMPL-family file.")
    match path.suffix.lower():
        case ".pkl":
            return read_pickled_arrays(path, ARRAYS)
        case ".npz":
            try:
                with np.load(path, allow_pickle=False) as data:
                    return {key: data[key] for key in ARRAYS if key in data}
            except (
                zipfile.BadZipFile,
                zlib.error,
                ValueError,
                EOFError,
                OSError,
                NotImplementedError,
            ) as error:
                raise PropfieldError(
                    f"{path.name} cannot be read as an .npz of plain arrays; download it again."
                ) from error
        case _:
            raise PropfieldError(
                f"{path.name} is no body model: those of the SMPL family end in .pkl or .npz."
            )


def _checked(arrays: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """The arrays as they must be, or one sentence on what is wrong with the file."""
    missing = [key for key in ARRAYS if key not in arrays]
    if missing:
        raise PropfieldError(f"{name} is no body model of the SMPL family: it lacks {', '.join(missing)}.")
    if any(arrays[key].dtype.kind not in "iuf" for key in ARRAYS):
        raise PropfieldError(
            f"{name} is no body model of the SMPL family: not all of its arrays are numbers."
        )
    vertex_count, joint_count = len(arrays["v_template"]), arrays["J_regressor"].shape[0]
    if joint_count not in FAMILY:
        known = ", ".join(f"{family} {count}" for count, family in FAMILY.items())
        raise PropfieldError(f"{name} has {joint_count} joints, which no supported model has ({known}).")
    wanted = {
        "v_template": (vertex_count, 3),
        "f": (None, 3),
        "weights": (vertex_count, joint_count),
        "shapedirs": (vertex_count, 3, None),
        "J_regressor": (joint_count, vertex_count),
        "kintree_table": (2, joint_count),
    }
    for key, shape in wanted.items():
        found = arrays[key].shape
        if len(found) != len(shape) or any(b not in (None, a) for a, b in zip(found, shape, strict=True)):
            raise PropfieldError(f"{name} is damaged: its {key} is {found}, which does not fit the rest.")
        if not np.isfinite(arrays[key]).all():
            raise PropfieldError(f"{name} is damaged: its {key} holds numbers that are not finite.")
    if arrays["f"].min(initial=0) < 0 or arrays["f"].max(initial=0) >= vertex_count:
        raise PropfieldError(f"{name} is damaged: its faces name vertices that it does not have.")
    if np.abs(arrays["weights"].sum(1) - 1).max(initial=0) > 0.01:
        raise PropfieldError(f"{name} is damaged: its skin weights do not sum to 1.")
    shared = SHARED_JOINTS if joint_count > JOINT_COUNT else JOINT_COUNT
    if not np.array_equal(arrays["kintree_table"][0, 1:shared], PARENTS[1:shared]):
        raise PropfieldError(f"{name} is no body model of the SMPL family: its joints hang in another tree.")
    return arrays


def _smplx_model(arrays: dict[str, np.ndarray]) -> Any:
    """smplx's model over arrays that are read already."""
    try:
        from smplx import SMPLLayer
        from smplx.utils import Struct
        from smplx.vertex_ids import vertex_ids
    except ModuleNotFoundError as error:
        raise Unavailable(
            "Bodies of the SMPL family need the smplx package (its licence: research only); "
            "get it with: pip install 'propfield[smplx]'"
        ) from error
    parents = arrays["kintree_table"].astype(np.int64)
    parents[0, 0] = -1  # the files have 2³² − 1
    # Fields have no pose correctives, and smplx's table of named vertices fits its own meshes alone.
    correctives = np.zeros((len(arrays["v_template"]), 3, 1))
    data = Struct(**{**arrays, "kintree_table": parents, "posedirs": correctives})
    with contextlib.redirect_stdout(io.StringIO()):  # smplx prints that ten shape numbers are few
        return SMPLLayer(
            model_path="",
            data_struct=data,
            num_betas=SHAPE_NUMBERS,
            vertex_ids=dict.fromkeys(vertex_ids["smplh"], 0),
        )
