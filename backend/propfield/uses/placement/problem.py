"""What is to be placed on whom: the arrays that the add-on sends, or the terminal puts together."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int32

from propfield.body.skinning import bone_transforms
from propfield.errors import PropfieldError
from propfield.field.occupancy import OccupancyField
from propfield.npz import Arrays, Broken, OtherForm

MOST_BYTES = 1 << 30
MOST_VERTICES, MOST_FACES = 500_000, 1_000_000
MOST_FRAMES = 1000
MOST_BODY, MOST_POSED = 200_000, 12_000_000

# Type, shape, and the most along the first axis.
_ARRAYS: dict[str, tuple[str, tuple[int | None, ...], int | None]] = {
    "prop_vertices": ("f4", (None, 3), MOST_VERTICES),
    "prop_faces": ("i4", (None, 3), MOST_FACES),
    "bones": ("f8", (None, 24, 4, 4), MOST_FRAMES),
    "body_vertices": ("f4", (None, None, 3), MOST_FRAMES),
    "body_faces": ("i4", (None, 3), 2 * MOST_BODY),
    "start": ("f8", (4, 4), None),
}
_NEEDED = ("prop_vertices", "prop_faces", "bones")


@dataclass(frozen=True)
class Problem:
    """Attributes, in metres with y up:
    prop_vertices, prop_faces: the animator's mesh in a frame of its own.
    bones: of each frame the transforms canonical pose → posed, in SMPL's order; affine.
    body_vertices, body_faces: the character's own mesh in each frame; None for the field's body.
    start: the prop's frame → posed, to solve near to; None for anywhere.
    """

    prop_vertices: Float32[np.ndarray, "V 3"]
    prop_faces: Int32[np.ndarray, "F 3"]
    bones: Float64[np.ndarray, "K 24 4 4"]
    body_vertices: Float32[np.ndarray, "K B 3"] | None = None
    body_faces: Int32[np.ndarray, "G 3"] | None = None
    start: Float64[np.ndarray, "4 4"] | None = None

    @property
    def frames(self) -> int:
        return len(self.bones)


def read_problem(path: Path) -> Problem:
    """Reads an .npz without pickles. PropfieldError, in one sentence, for one that is damaged, too large, or
    whose arrays are not what they should be."""
    try:
        with Arrays(path, MOST_BYTES) as file:
            if file.too_large:
                raise PropfieldError(f"The problem would unpack to more than {MOST_BYTES >> 30} GiB.")
            _complete(file)
            arrays = {name: _array(file, name) for name in _ARRAYS if name in file}
    except Broken as error:
        raise PropfieldError("The problem is not a whole .npz file of arrays; send it again.") from error
    return checked(**arrays)


def _array(file: Arrays, name: str) -> np.ndarray:
    kind, shape, most = _ARRAYS[name]
    try:
        return file.read(name, kind, shape, most)
    except OtherForm as error:
        sides = " × ".join("any" if side is None else str(side) for side in shape)
        limit = "" if most is None else f", at most {most:,} long"
        raise PropfieldError(
            f"“{name}” of the problem must be {np.dtype(kind).name} of {sides}{limit}."
        ) from error


def checked(**arrays: np.ndarray) -> Problem:
    """A Problem of these arrays. PropfieldError for the first that is wrong."""
    _complete(arrays)
    for name, array in arrays.items():
        if not array.size:
            raise PropfieldError(f"“{name}” of the problem is empty.")
        if array.dtype.kind == "f" and not (np.isfinite(array) & (np.abs(array) < 1e6)).all():
            raise PropfieldError(
                f"“{name}” of the problem holds numbers that are not finite, or far too large."
            )
    _mesh("prop", arrays["prop_vertices"], arrays["prop_faces"], MOST_VERTICES, MOST_FACES)
    bones = arrays["bones"]
    _affine("bones", bones)
    vertices, faces = arrays.get("body_vertices"), arrays.get("body_faces")
    if (vertices is None) != (faces is None):
        raise PropfieldError("“body_vertices” and “body_faces” of the problem go together; one is missing.")
    if vertices is not None and faces is not None:
        if len(vertices) != len(bones):
            raise PropfieldError(
                "“body_vertices” and “bones” of the problem have different numbers of frames."
            )
        if vertices.shape[0] * vertices.shape[1] > MOST_POSED:
            raise PropfieldError("The character's mesh is too large for so many frames; leave it out.")
        _mesh("body", vertices[0], faces, MOST_BODY, 2 * MOST_BODY)
    start = arrays.get("start")
    if start is not None:
        _affine("start", start[None])
    return Problem(
        np.ascontiguousarray(arrays["prop_vertices"], np.float32),
        np.ascontiguousarray(arrays["prop_faces"], np.int32),
        np.ascontiguousarray(bones, np.float64),
        None if vertices is None else np.ascontiguousarray(vertices, np.float32),
        None if faces is None else np.ascontiguousarray(faces, np.int32),
        None if start is None else np.ascontiguousarray(start, np.float64),
    )


def problem_of_pose(
    field: OccupancyField,
    prop_vertices: Float32[np.ndarray, "V 3"],
    prop_faces: Int32[np.ndarray, "F 3"],
    pose: Float32[np.ndarray, "24 3"],
) -> Problem:
    """The problem of a prop and the field's own body in a pose (axis-angle, radians)."""
    bones = bone_transforms(
        torch.tensor(pose), torch.tensor(field.body.joints), torch.tensor(field.rest_pose)
    )
    return checked(
        prop_vertices=prop_vertices, prop_faces=prop_faces, bones=bones.numpy().astype(float)[None]
    )


def _complete(arrays: Arrays | Mapping[str, np.ndarray]) -> None:
    for name in _NEEDED:
        if name not in arrays:
            raise PropfieldError(f"The problem has no “{name}”.")


def _mesh(whose: str, vertices: np.ndarray, faces: np.ndarray, corners: int, triangles: int) -> None:
    if len(vertices) > corners or len(faces) > triangles:
        raise PropfieldError(
            f"The {whose}'s mesh has more than {corners:,} vertices or {triangles:,} triangles; decimate it."
        )
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise PropfieldError(f"The {whose}'s faces name vertices that there are none of.")


def _affine(name: str, matrices: np.ndarray) -> None:
    bottom = np.array([0.0, 0, 0, 1])
    if not np.allclose(matrices[..., 3, :], bottom, atol=1e-6):
        raise PropfieldError(f"“{name}” of the problem is not affine: its last row must be 0 0 0 1.")
    size = np.cbrt(np.abs(np.linalg.det(matrices[..., :3, :3])))
    if not ((size > 1e-3) & (size < 1e3)).all():
        raise PropfieldError(f"“{name}” of the problem squashes or swells what it moves out of all measure.")
