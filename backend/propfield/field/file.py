"""The field file: arrays and one JSON header in a .npz, without pickle (DESIGN.md, "The field file")."""

import json
from math import isfinite
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
from propfield.npz import Arrays, Broken, OtherForm, Pickled
from propfield.observations.interaction import InteractionType

FORMAT = "propfield.field"
VERSION = 1
PACKED_LIMIT = 256 * 2**20
UNPACKED_LIMIT = 2 * 2**30
SUFFIX = ".field.npz"

MOST_VERTICES, MOST_FACES = 250_000, 1_000_000
"""Of a body: ten times what the finest have."""
_LONGEST_HEADER = 16 * 2**20


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
        ordered = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        np.savez_compressed(stream, header=np.frombuffer(text, np.uint8), **ordered)
        if stream.tell() > PACKED_LIMIT or sum(array.nbytes for array in arrays.values()) > UNPACKED_LIMIT:
            raise PropfieldError(
                f"This field would be a file of {stream.tell() >> 20} MiB, larger than a field file may be"
                f" ({PACKED_LIMIT >> 20} MiB): ask for fewer types, or for a lower resolution."
            )


def read_header(path: Path) -> dict[str, Any]:
    """The header of a field file, without unpacking its arrays. PropfieldError for anything else."""
    path = Path(path)
    with _opened(path) as data:
        return _header(data, path)


def load_field(path: Path) -> OccupancyField:
    """Reads a field file. PropfieldError, in one sentence, for one that is cut, foreign, too large, newer, or
    that holds pickles; none of its arrays is unpacked that is of another form than the header asks for."""
    path = Path(path)
    with _opened(path) as data:
        header = _header(data, path)
        try:
            grid, types = _grid(header["grid"]), len(header["types"])
        except (KeyError, TypeError, ValueError, OverflowError, PropfieldError) as error:
            raise _does_not_fit(path) from error
        arrays = _arrays(data, path, types, grid.resolution)
    try:
        return _assembled(header, grid, arrays)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise _does_not_fit(path) from error


def _arrays(data: Arrays, path: Path, types: int, resolution: int) -> dict[str, np.ndarray]:
    """All arrays, the bodies' last: each tells how long the next may be."""
    grid, voxels = (types, *(resolution,) * 3), resolution**3

    def read(name: str, kind: str, *shape: int | None, most: int | None = None) -> np.ndarray:
        return _read(data, name, path, kind, shape, most)

    arrays = {"occupancy": read("occupancy", "f2", *grid), "support": read("support", "u4", *grid)}
    arrays["body_vertices"] = read("body_vertices", "f4", None, 3, most=MOST_VERTICES)
    arrays["body_faces"] = read("body_faces", "i4", None, 3, most=MOST_FACES)
    for prefix, rows in (("voxel", voxels), ("body", len(arrays["body_vertices"]))):
        for name, kind, length in (("rows", "i4", rows + 1), ("joints", "u1", None), ("values", "f4", None)):
            whole = f"{prefix}_weight_{name}"
            arrays[whole] = read(whole, kind, length, most=max(rows * 24, rows + 1))
    for name in ("body_joints", "rest_pose"):
        arrays[name] = read(name, "f4", 24, 3)
    return arrays


def _rows(prefix: str, matrix: csr_array) -> dict[str, np.ndarray]:
    return {
        f"{prefix}_weight_rows": matrix.indptr.astype(np.int32),
        f"{prefix}_weight_joints": matrix.indices.astype(np.uint8),
        f"{prefix}_weight_values": matrix.data.astype(np.float32),
    }


def _opened(path: Path) -> Arrays:
    try:
        is_folder, size = path.is_dir(), path.stat().st_size if path.is_file() else None
    except (OSError, ValueError):
        # A loop of links, or a name that no file can have.
        is_folder, size = False, None
    if is_folder:
        raise PropfieldError(f"{path} is a folder; name a field file in it.")
    if size is None:
        raise NotFound(f"There is no file {path}.")
    if size > PACKED_LIMIT:
        raise PropfieldError(f"{path.name} is larger than a field file may be ({PACKED_LIMIT >> 20} MiB).")
    try:
        data = Arrays(path, UNPACKED_LIMIT)
    except Broken as error:
        raise PropfieldError(f"{path.name} is not a field file, or it was cut short.") from error
    if data.too_large:
        raise PropfieldError(f"{path.name} would unpack to more than {UNPACKED_LIMIT >> 30} GiB.")
    return data


def _read(
    data: Arrays, name: str, path: Path, kind: str, shape: tuple[int | None, ...], most: int | None = None
) -> np.ndarray:
    if name not in data:
        raise PropfieldError(f"{path.name} is not a whole field file: “{name}” is missing in it.")
    try:
        return data.read(name, kind, shape, most)
    except Pickled as error:
        raise PropfieldError(
            f"{path.name} holds pickled objects, which propfield never opens: ask for it to be saved anew."
        ) from error
    except OtherForm as error:
        raise PropfieldError(f"{path.name} is damaged: “{name}” has another form than a field's.") from error
    except Broken as error:
        raise PropfieldError(f"{path.name} is damaged: “{name}” cannot be read.") from error


def _does_not_fit(path: Path) -> PropfieldError:
    return PropfieldError(f"{path.name} is damaged: its parts do not fit together.")


def _header(data: Arrays, path: Path) -> dict[str, Any]:
    foreign = PropfieldError(f"{path.name} is not a propfield field file.")
    if "header" not in data:
        raise foreign
    raw = _read(data, "header", path, "u1", (None,), _LONGEST_HEADER)
    try:
        header = json.loads(raw.tobytes())
    # Deep nesting ends in a RecursionError.
    except (ValueError, RecursionError) as error:
        raise foreign from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise foreign
    if header.get("version") != VERSION:
        raise PropfieldError(
            f"{path.name} is of version {str(header.get('version'))[:20]}, this propfield reads version"
            f" {VERSION}: update propfield, or save the field anew."
        )
    return header


def _grid(told: dict[str, Any]) -> Grid:
    centre, size = tuple(map(float, told["centre"])), float(told["size"])
    if type(told["resolution"]) is not int or len(centre) != 3 or not all(map(isfinite, (*centre, size))):
        raise ValueError("no grid")
    return Grid(told["resolution"], size, centre)


def _assembled(header: dict[str, Any], grid: Grid, arrays: dict[str, np.ndarray]) -> OccupancyField:
    _demand(arrays["occupancy"].size > 0)
    _demand(isinstance(header["category"], str) and isinstance(header["provenance"], dict))
    occupancy = arrays["occupancy"].astype(np.float32)
    _demand(((occupancy >= 0) & (occupancy <= 1)).all())
    vertices, faces = len(arrays["body_vertices"]), arrays["body_faces"]
    _demand(((faces >= 0) & (faces < vertices)).all())
    for name in ("body_vertices", "body_joints", "rest_pose"):
        _demand(np.isfinite(arrays[name]).all())
    told = header["body"]
    _demand(isinstance(told["name"], str) and isinstance(told["licence"], str))
    _demand(told["commercial"] is None or isinstance(told["commercial"], bool))
    body = BodyTemplate(
        name=told["name"],
        licence=told["licence"],
        commercial=told["commercial"],
        # Copies, since torch shares memory only with arrays that may be written.
        vertices=arrays["body_vertices"].copy(),
        faces=faces,
        skin_weights=_matrix("body", arrays, vertices).toarray(),
        joints=arrays["body_joints"].copy(),
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
                views=_count(kind["views"]),
            )
            for index, kind in enumerate(header["types"])
        ),
        weights=_matrix("voxel", arrays, grid.resolution**3),
        body=body,
        rest_pose=arrays["rest_pose"].copy(),
        # Files from before there was a choice are of votes.
        skinning="forward" if header.get("skinning") == "forward" else "backward",
        provenance=header["provenance"],
    )


def _further_parts(kind: InteractionType) -> list[tuple[str, tuple[str, ...]]]:
    return [("passes", kind.passes), ("blocks", kind.blocks)]


def _count(views: object) -> int:
    if isinstance(views, bool) or not isinstance(views, int) or views < 0:
        raise ValueError("no number of views")
    return views


def _demand(true: bool | np.bool_) -> None:
    if not true:
        raise ValueError("the parts of the field do not fit together")


def _type(kind: dict[str, Any]) -> InteractionType:
    words = (kind["name"], kind["prompt"], kind["part"])
    _demand(isinstance(words[0], str) and all(word is None or isinstance(word, str) for word in words))
    further = [tuple(map(str, kind.get(key, ()))) for key in ("passes", "blocks")]
    return InteractionType(kind["name"], kind["prompt"], kind["part"], *further)


def _matrix(prefix: str, arrays: dict[str, np.ndarray], rows: int) -> csr_array:
    starts, joints = arrays[f"{prefix}_weight_rows"], arrays[f"{prefix}_weight_joints"]
    values = arrays[f"{prefix}_weight_values"]
    if len(starts) != rows + 1 or starts[0] != 0 or starts[-1] != len(joints) or len(joints) != len(values):
        raise ValueError("rows of weights are cut")
    if (np.diff(starts) < 0).any() or (joints >= 24).any() or not np.isfinite(values).all():
        raise ValueError("weights point to joints that there are none of")
    return csr_array((values, joints.astype(np.int32), starts), shape=(rows, 24))
