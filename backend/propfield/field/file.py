"""The field file: arrays and one JSON header in a .npz, without pickle (DESIGN.md, "The field file")."""

import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from propfield.atomic import replacing
from propfield.body.skeleton import JOINT_NAMES, PARENTS
from propfield.body.template import BodyTemplate
from propfield.errors import NotFound, PropfieldError
from propfield.field.grid import Grid
from propfield.field.occupancy import OccupancyField, TypeField
from propfield.observations.interaction import InteractionType

FORMAT = "propfield.field"
VERSION = 1
PACKED_LIMIT = 256 * 2**20
UNPACKED_LIMIT = 2 * 2**30
SUFFIX = ".field.npz"

_ARRAYS = {
    "occupancy": ("f2", 4),
    "support": ("u4", 4),
    "voxel_weight_rows": ("i4", 1),
    "voxel_weight_joints": ("u1", 1),
    "voxel_weight_values": ("f4", 1),
    "body_vertices": ("f4", 2),
    "body_faces": ("i4", 2),
    "body_weight_rows": ("i4", 1),
    "body_weight_joints": ("u1", 1),
    "body_weight_values": ("f4", 1),
    "body_joints": ("f4", 2),
    "rest_pose": ("f4", 2),
}

# What zipfile and numpy raise for bytes that are not what they say they are (found by fuzzing).
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ValueError,
    OSError,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    OverflowError,
    SyntaxError,
)


def save_field(field: OccupancyField, path: Path) -> None:
    """Writes a field file; `path` is whole or untouched. PropfieldError when it would be larger than
    `load_field` reads."""
    body_weights = csr_array(field.body.skin_weights)
    arrays = {
        # One type after the other: all of a large grid's in single precision would need twice the memory.
        "occupancy": np.stack([kind.occupancy.astype(np.float16) for kind in field.types]),
        "support": np.stack([kind.support for kind in field.types]),
        **_rows("voxel", field.weights),
        "body_vertices": field.body.vertices,
        "body_faces": field.body.faces,
        **_rows("body", body_weights),
        "body_joints": field.body.joints,
        "rest_pose": field.rest_pose,
    }
    header = {
        "format": FORMAT,
        "version": VERSION,
        "category": field.category,
        "grid": {
            "resolution": field.grid.resolution,
            "size": field.grid.size,
            "centre": list(field.grid.centre),
        },
        "types": [
            {
                "name": kind.type.name,
                "prompt": kind.type.prompt,
                "part": kind.type.part,
                **{key: list(parts) for key, parts in _further_parts(kind.type) if parts},
                "views": kind.views,
                "peak": float(kind.occupancy.max()),
            }
            for kind in field.types
        ],
        "joints": list(JOINT_NAMES),
        "parents": list(PARENTS),
        "body": {
            "name": field.body.name,
            "licence": field.body.licence,
            "commercial": field.body.commercial,
        },
        "skinning": field.skinning,
        "provenance": field.provenance,
    }
    text = json.dumps(header, ensure_ascii=False, sort_keys=True).encode()
    with replacing(Path(path)) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(stream, header=np.frombuffer(text, np.uint8), **arrays)
        if stream.tell() > PACKED_LIMIT or sum(array.nbytes for array in arrays.values()) > UNPACKED_LIMIT:
            raise PropfieldError(
                f"This field would be a file of {stream.tell() >> 20} MiB, larger than a field file may be"
                f" ({PACKED_LIMIT >> 20} MiB): ask for fewer types, or for a lower resolution."
            )


def read_header(path: Path) -> dict[str, Any]:
    """The header of a field file, without unpacking its arrays. PropfieldError for anything else."""
    with _opened(Path(path)) as data:
        return _header(data, Path(path))


def load_field(path: Path) -> OccupancyField:
    """Reads a field file. PropfieldError, in one sentence, for one that is cut, foreign, too large, newer, or
    that holds pickles."""
    path = Path(path)
    with _opened(path) as data:
        header = _header(data, path)
        arrays = {}
        for name, (kind, dimensions) in _ARRAYS.items():
            if name not in data.files:
                raise PropfieldError(f"{path.name} is not a whole field file: “{name}” is missing in it.")
            array = _read(data, name, path)
            if array.dtype != np.dtype(kind) or array.ndim != dimensions:
                raise PropfieldError(f"{path.name} is damaged: “{name}” has another form than a field's.")
            arrays[name] = array
    try:
        field = _assembled(header, arrays)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise PropfieldError(f"{path.name} is damaged: its parts do not fit together.") from error
    return field


def _rows(prefix: str, matrix: csr_array) -> dict[str, np.ndarray]:
    return {
        f"{prefix}_weight_rows": matrix.indptr.astype(np.int32),
        f"{prefix}_weight_joints": matrix.indices.astype(np.uint8),
        f"{prefix}_weight_values": matrix.data.astype(np.float32),
    }


def _opened(path: Path) -> np.lib.npyio.NpzFile:
    if path.is_dir():
        raise PropfieldError(f"{path} is a folder; name a field file in it.")
    if not path.is_file():
        raise NotFound(f"There is no file {path}.")
    if path.stat().st_size > PACKED_LIMIT:
        raise PropfieldError(f"{path.name} is larger than a field file may be ({PACKED_LIMIT >> 20} MiB).")
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > UNPACKED_LIMIT:
            raise PropfieldError(f"{path.name} would unpack to more than {UNPACKED_LIMIT >> 30} GiB.")
        data = np.load(path, allow_pickle=False)
    except _UNREADABLE as error:
        raise PropfieldError(f"{path.name} is not a field file, or it was cut short.") from error
    return data


def _read(data: np.lib.npyio.NpzFile, name: str, path: Path) -> np.ndarray:
    try:
        return data[name]
    except _UNREADABLE as error:
        if "allow_pickle" in str(error):
            raise PropfieldError(
                f"{path.name} holds pickled objects, which propfield never opens:"
                " ask for it to be saved anew."
            ) from error
        raise PropfieldError(f"{path.name} is damaged: “{name}” cannot be read.") from error


def _header(data: np.lib.npyio.NpzFile, path: Path) -> dict[str, Any]:
    foreign = PropfieldError(f"{path.name} is not a propfield field file.")
    if "header" not in data.files:
        raise foreign
    try:
        header = json.loads(_read(data, "header", path).tobytes())
    except ValueError as error:
        raise foreign from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise foreign
    if header.get("version") != VERSION:
        raise PropfieldError(
            f"{path.name} is of version {header.get('version')}, this propfield reads version {VERSION}:"
            " update propfield, or save the field anew."
        )
    return header


def _assembled(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> OccupancyField:
    grid = Grid(
        resolution=header["grid"]["resolution"],
        size=header["grid"]["size"],
        centre=tuple(header["grid"]["centre"]),
    )
    if arrays["occupancy"].shape != (len(header["types"]), *grid.shape):
        raise ValueError("the occupancy is of another grid")
    if arrays["support"].shape != arrays["occupancy"].shape:
        raise ValueError("the support is of another grid")
    occupancy = arrays["occupancy"].astype(np.float32)
    if not ((occupancy >= 0) & (occupancy <= 1)).all():
        raise ValueError("an occupancy is no probability")
    vertices = len(arrays["body_vertices"])
    body = BodyTemplate(
        name=header["body"]["name"],
        licence=header["body"]["licence"],
        commercial=header["body"]["commercial"],
        vertices=arrays["body_vertices"],
        faces=arrays["body_faces"],
        skin_weights=_matrix("body", arrays, vertices).toarray(),
        joints=arrays["body_joints"],
        shape_directions=np.zeros((vertices, 3, 0), np.float32),
        joint_regressor=np.zeros((24, vertices), np.float32),
    )
    return OccupancyField(
        category=header["category"],
        grid=grid,
        types=tuple(
            TypeField(
                type=_type(kind),
                occupancy=occupancy[index],
                support=arrays["support"][index],
                views=kind["views"],
            )
            for index, kind in enumerate(header["types"])
        ),
        weights=_matrix("voxel", arrays, grid.resolution**3),
        body=body,
        rest_pose=arrays["rest_pose"],
        # Files from before there was a choice are of votes.
        skinning="forward" if header.get("skinning") == "forward" else "backward",
        provenance=header["provenance"],
    )


def _further_parts(kind: InteractionType) -> list[tuple[str, tuple[str, ...]]]:
    return [("passes", kind.passes), ("blocks", kind.blocks)]


def _type(kind: dict[str, Any]) -> InteractionType:
    further = [tuple(map(str, kind.get(key, ()))) for key in ("passes", "blocks")]
    return InteractionType(kind["name"], kind["prompt"], kind["part"], *further)


def _matrix(prefix: str, arrays: dict[str, np.ndarray], rows: int) -> csr_array:
    starts, joints = arrays[f"{prefix}_weight_rows"], arrays[f"{prefix}_weight_joints"]
    values = arrays[f"{prefix}_weight_values"]
    if len(starts) != rows + 1 or starts[0] != 0 or starts[-1] != len(joints) or len(joints) != len(values):
        raise ValueError("rows of weights are cut")
    if (np.diff(starts) < 0).any() or (joints >= 24).any():
        raise ValueError("weights point to joints that there are none of")
    return csr_array((values, joints.astype(np.int32), starts), shape=(rows, 24))
