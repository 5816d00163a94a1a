"""Reads a field file (DESIGN.md, "The field file") with numpy alone: never a pickle, never more than the
stated size."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import SceneError
from .npz import Arrays, Broken, OtherForm, Pickled
from .skeleton import JOINT_NAMES, PARENTS
from .weights import WeightRows

FORMAT = "propfield.field"
VERSION = 1
PACKED_LIMIT = 256 * 2**20
UNPACKED_LIMIT = 2 * 2**30

MOST_VERTICES, MOST_FACES = 250_000, 1_000_000
"""Of a body: ten times what the finest have."""
_LONGEST_HEADER = 16 * 2**20


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
    holds pickles; none of its arrays is unpacked that is of another form than the header asks for."""
    path = Path(path)
    with _opened(path) as data:
        header = _header(data, path)
        try:
            resolution, types = header["grid"]["resolution"], len(header["types"])
            _demand(type(resolution) is int and 8 <= resolution <= 512)
        except (KeyError, TypeError, ValueError) as error:
            raise _does_not_fit(path) from error
        arrays = _arrays(data, path, types, resolution)
    try:
        return _assembled(header, arrays)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise _does_not_fit(path) from error


def read_header(path: str | Path) -> dict:
    """The header of a field file alone, which a list shows. FieldFileError for a file that has none."""
    path = Path(path)
    with _opened(path) as data:
        return _header(data, path)


def _opened(path: Path) -> Arrays:
    try:
        size = path.stat().st_size if path.is_file() else None
    except (OSError, ValueError):
        # A loop of links, or a name that no file can have.
        size = None
    if size is None:
        raise FieldFileError(f"There is no file {path}.")
    if size > PACKED_LIMIT:
        raise FieldFileError(f"{path.name} is larger than a field file may be ({PACKED_LIMIT >> 20} MiB).")
    try:
        data = Arrays(path, UNPACKED_LIMIT)
    except Broken as error:
        raise FieldFileError(f"{path.name} is not a field file, or it was cut short.") from error
    if data.too_large:
        raise FieldFileError(f"{path.name} would unpack to more than {UNPACKED_LIMIT >> 30} GiB.")
    return data


def _header(data: Arrays, path: Path) -> dict:
    foreign = FieldFileError(f"{path.name} is not a propfield field file.")
    if "header" not in data:
        raise foreign
    raw = _read(data, "header", path, "|u1", (None,), _LONGEST_HEADER)
    try:
        header = json.loads(raw.tobytes())
    # Deep nesting ends in a RecursionError.
    except (ValueError, RecursionError) as error:
        raise foreign from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise foreign
    if header.get("version") != VERSION:
        raise FieldFileError(
            f"{path.name} is of version {str(header.get('version'))[:20]}, this add-on reads version"
            f" {VERSION}: update the add-on, or save the field anew."
        )
    return header


def _arrays(data: Arrays, path: Path, types: int, resolution: int) -> dict[str, np.ndarray]:
    """All arrays, the bodies' last: each tells how long the next may be."""
    grid, voxels = (types, *(resolution,) * 3), resolution**3

    def read(name: str, kind: str, *shape: int | None, most: int | None = None) -> np.ndarray:
        return _read(data, name, path, kind, shape, most)

    arrays = {"occupancy": read("occupancy", "<f2", *grid), "support": read("support", "<u4", *grid)}
    arrays["body_vertices"] = read("body_vertices", "<f4", None, 3, most=MOST_VERTICES)
    arrays["body_faces"] = read("body_faces", "<i4", None, 3, most=MOST_FACES)
    for prefix, rows in (("voxel", voxels), ("body", len(arrays["body_vertices"]))):
        for name, kind, length in (
            ("rows", "<i4", rows + 1),
            ("joints", "|u1", None),
            ("values", "<f4", None),
        ):
            whole = f"{prefix}_weight_{name}"
            arrays[whole] = read(whole, kind, length, most=max(rows * 24, rows + 1))
    for name in ("body_joints", "rest_pose"):
        arrays[name] = read(name, "<f4", 24, 3)
    return arrays


def _read(
    data: Arrays, name: str, path: Path, kind: str, shape: tuple[int | None, ...], most: int | None = None
) -> np.ndarray:
    if name not in data:
        raise FieldFileError(f"{path.name} is not a whole field file: “{name}” is missing in it.")
    try:
        return data.read(name, kind, shape, most)
    except Pickled as error:
        raise FieldFileError(
            f"{path.name} holds pickled objects, which propfield never opens: ask for it to be saved anew."
        ) from error
    except OtherForm as error:
        raise FieldFileError(f"{path.name} is damaged: “{name}” has another form than a field's.") from error
    except Broken as error:
        raise FieldFileError(f"{path.name} is damaged: “{name}” cannot be read.") from error


def _does_not_fit(path: Path) -> FieldFileError:
    return FieldFileError(f"{path.name} is damaged: its parts do not fit together.")


def _assembled(header: dict, arrays: dict[str, np.ndarray]) -> FieldData:
    """Raises ValueError and its like where the parts do not fit."""
    resolution, size = header["grid"]["resolution"], float(header["grid"]["size"])
    centre = np.asarray(header["grid"]["centre"], dtype=np.float64)
    _demand(0 < size < 1000 and isinstance(header["category"], str))
    _demand(isinstance(header["body"], dict) and isinstance(header["provenance"], dict))
    _demand(centre.shape == (3,) and bool(np.isfinite(centre).all()))
    _demand(tuple(header["joints"]) == JOINT_NAMES and tuple(header["parents"]) == PARENTS)
    types = tuple(
        FieldType(kind["name"], kind["prompt"], kind["part"], int(kind["views"]), float(kind["peak"]))
        for kind in header["types"]
    )
    words = [word for kind in types for word in (kind.prompt, kind.part) if word is not None]
    _demand(
        len(types) > 0 and all(isinstance(word, str) for word in [*words, *(kind.name for kind in types)])
    )
    _demand(all(kind.views >= 0 and np.isfinite(kind.peak) for kind in types))
    occupancy = arrays["occupancy"].astype(np.float32)
    _demand(bool(((occupancy >= 0) & (occupancy <= 1)).all()))
    vertices, faces = arrays["body_vertices"], arrays["body_faces"]
    _demand(bool(np.isfinite(vertices).all()))
    _demand(bool(((faces >= 0) & (faces < len(vertices))).all()))
    for name in ("body_joints", "rest_pose"):
        _demand(bool(np.isfinite(arrays[name]).all()))
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
