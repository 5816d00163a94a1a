"""Reads a field file (DESIGN.md, "The field file") with numpy alone: never a pickle, never more than the
stated size."""

import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from .errors import SceneError
from .skeleton import JOINT_NAMES, PARENTS
from .weights import WeightRows

FORMAT = "propfield.field"
VERSION = 1
PACKED_LIMIT = 256 * 2**20
UNPACKED_LIMIT = 2 * 2**30

_ARRAYS = {
    "occupancy": ("<f2", 4),
    "support": ("<u4", 4),
    "voxel_weight_rows": ("<i4", 1),
    "voxel_weight_joints": ("|u1", 1),
    "voxel_weight_values": ("<f4", 1),
    "body_vertices": ("<f4", 2),
    "body_faces": ("<i4", 2),
    "body_weight_rows": ("<i4", 1),
    "body_weight_joints": ("|u1", 1),
    "body_weight_values": ("<f4", 1),
    "body_joints": ("<f4", 2),
    "rest_pose": ("<f4", 2),
}


class FieldFileError(SceneError):
    """A file that is no whole field file of this version. The message is one clear sentence."""


@dataclass(frozen=True)
class FieldType:
    """One way of using the object: its name, the prompt it was learned from, a body part or none, how many
    views were counted, and its largest occupancy."""

    name: str
    prompt: str | None
    part: str | None
    views: int
    peak: float


@dataclass(frozen=True)
class FieldData:
    """A field file's content, in the backend's space (metres, y up, facing +z).

    Attributes:
        category: COCO's name of the object.
        resolution, size, centre: the grid: voxels a side, metres a side, (3,) metres.
        types: one entry for each field; the first is "all".
        occupancy: (T, R, R, R) float32 in [0, 1].
        support: (T, R, R, R) uint32, how many views saw the voxel.
        voxel_weights, body_weights: skin of the R³ voxels (C order of [x, y, z]) and of the vertices.
        body_vertices, body_faces, body_joints: (V, 3), (F, 3), (24, 3): the template in the T-pose.
        rest_pose: (24, 3) axis-angle, radians: the canonical pose in which the grid lies.
        joints, parents: SMPL's 24 names and tree.
        body: {"name", "licence", "commercial"}.
        provenance: where the field is from, with the licence of every input.
        skinning: "backward" or "forward", by which the field is meant to be posed.
    """

    category: str
    resolution: int
    size: float
    centre: np.ndarray
    types: tuple[FieldType, ...]
    occupancy: np.ndarray
    support: np.ndarray
    voxel_weights: WeightRows
    body_vertices: np.ndarray
    body_faces: np.ndarray
    body_weights: WeightRows
    body_joints: np.ndarray
    rest_pose: np.ndarray
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    body: dict
    provenance: dict
    skinning: str

    @property
    def voxel(self) -> float:
        """Width of a voxel in metres."""
        return self.size / self.resolution

    @property
    def first_centre(self) -> np.ndarray:
        """(3,) centre of voxel [0, 0, 0] in metres."""
        return self.centre - self.size / 2 + self.voxel / 2

    def type_index(self, name: str) -> int:
        """Which of `types` is called `name`. SceneError, with the names there are, for another."""
        names = [kind.name for kind in self.types]
        if name not in names:
            raise SceneError(f"This {self.category} field has no type “{name}”; it has: {', '.join(names)}.")
        return names.index(name)


def read_field(path: str | Path) -> FieldData:
    """Reads a field file. FieldFileError for one that is missing, foreign, cut, too large, newer, or that
    holds pickles."""
    path = Path(path)
    with _opened(path) as archive:
        header = _header(archive, path)
        arrays = {name: _array(archive, name, *form, path) for name, form in _ARRAYS.items()}
    try:
        return _assembled(header, arrays)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise FieldFileError(f"{path.name} is damaged: its parts do not fit together.") from error


def read_header(path: str | Path) -> dict:
    """The header of a field file alone, which a list shows. FieldFileError for a file that has none."""
    path = Path(path)
    with _opened(path) as archive:
        return _header(archive, path)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    if not path.is_file():
        raise FieldFileError(f"There is no file {path}.")
    if path.stat().st_size > PACKED_LIMIT:
        raise FieldFileError(f"{path.name} is larger than a field file may be ({PACKED_LIMIT >> 20} MiB).")
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > UNPACKED_LIMIT:
                raise FieldFileError(f"{path.name} would unpack to more than {UNPACKED_LIMIT >> 30} GiB.")
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
        raise FieldFileError(f"{path.name} is not a field file, or it was cut short.") from error


def _header(archive: zipfile.ZipFile, path: Path) -> dict:
    foreign = FieldFileError(f"{path.name} is not a propfield field file.")
    if "header.npy" not in archive.namelist():
        raise foreign
    try:
        header = json.loads(_array(archive, "header", "|u1", 1, path).tobytes())
    except ValueError as error:
        raise (error if isinstance(error, FieldFileError) else foreign) from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise foreign
    if header.get("version") != VERSION:
        raise FieldFileError(
            f"{path.name} is of version {header.get('version')}, this add-on reads version {VERSION}:"
            " update the add-on, or save the field anew."
        )
    return header


def _array(archive: zipfile.ZipFile, name: str, dtype: str, dimensions: int, path: Path) -> np.ndarray:
    """One array, whose stated shape is held against the size in the zip directory before it is read."""
    try:
        entry = archive.getinfo(f"{name}.npy")
    except KeyError:
        raise FieldFileError(f"{path.name} is not a whole field file: “{name}” is missing in it.") from None
    damaged = FieldFileError(f"{path.name} is damaged: “{name}” has another form than a field's.")
    with archive.open(entry) as stream:
        try:
            shape, fortran, found = _npy_header(stream)
        except ValueError as error:
            raise damaged from error
        if found.hasobject:
            raise FieldFileError(
                f"{path.name} holds pickled objects, which propfield never opens:"
                " ask for it to be saved anew."
            )
        bytes_wanted = int(np.prod(shape, dtype=object)) * found.itemsize
        if fortran or found != np.dtype(dtype) or len(shape) != dimensions:
            raise damaged
        if stream.tell() + bytes_wanted != entry.file_size:
            raise damaged
        content = stream.read(bytes_wanted)
    if len(content) != bytes_wanted:
        raise EOFError(name)
    return np.frombuffer(content, found).reshape(shape)


def _npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(stream)
    raise ValueError("an npy version that numpy does not write for these arrays")


def _assembled(header: dict, arrays: dict[str, np.ndarray]) -> FieldData:
    """Raises ValueError and its like where the parts do not fit."""
    resolution, size = header["grid"]["resolution"], float(header["grid"]["size"])
    centre = np.asarray(header["grid"]["centre"], dtype=np.float64)
    _demand(isinstance(resolution, int) and 8 <= resolution <= 512 and 0 < size < 1000)
    _demand(centre.shape == (3,) and bool(np.isfinite(centre).all()))
    _demand(tuple(header["joints"]) == JOINT_NAMES and tuple(header["parents"]) == PARENTS)
    types = tuple(
        FieldType(kind["name"], kind["prompt"], kind["part"], int(kind["views"]), float(kind["peak"]))
        for kind in header["types"]
    )
    _demand(len(types) > 0 and arrays["occupancy"].shape == (len(types), *(resolution,) * 3))
    _demand(arrays["support"].shape == arrays["occupancy"].shape)
    occupancy = arrays["occupancy"].astype(np.float32)
    _demand(bool(((occupancy >= 0) & (occupancy <= 1)).all()))
    vertices, faces = arrays["body_vertices"], arrays["body_faces"]
    _demand(vertices.shape[1] == 3 and faces.shape[1] == 3 and bool(np.isfinite(vertices).all()))
    _demand(bool(((faces >= 0) & (faces < len(vertices))).all()))
    for name in ("body_joints", "rest_pose"):
        _demand(arrays[name].shape == (24, 3) and bool(np.isfinite(arrays[name]).all()))
    return FieldData(
        category=header["category"],
        resolution=resolution,
        size=size,
        centre=centre,
        types=types,
        occupancy=occupancy,
        support=arrays["support"],
        voxel_weights=_weights("voxel", arrays, resolution**3),
        body_vertices=vertices,
        body_faces=faces,
        body_weights=_weights("body", arrays, len(vertices)),
        body_joints=arrays["body_joints"],
        rest_pose=arrays["rest_pose"],
        joints=JOINT_NAMES,
        parents=PARENTS,
        body=header["body"],
        provenance=header["provenance"],
        skinning="forward" if header.get("skinning") == "forward" else "backward",
    )


def _weights(prefix: str, arrays: dict[str, np.ndarray], rows: int) -> WeightRows:
    starts, joints = arrays[f"{prefix}_weight_rows"], arrays[f"{prefix}_weight_joints"]
    values = arrays[f"{prefix}_weight_values"]
    _demand(len(starts) == rows + 1 and starts[0] == 0 and starts[-1] == len(joints) == len(values))
    _demand(bool((np.diff(starts) >= 0).all()) and bool((joints < 24).all()))
    _demand(bool(np.isfinite(values).all()))
    return WeightRows(starts, joints, values)


def _demand(true: bool) -> None:
    if not true:
        raise ValueError("the parts of the field do not fit together")
