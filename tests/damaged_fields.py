"""Field files that are damaged, foreign or malicious, made up by hypothesis: what both readers must bear."""

import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from(["", "all", "torso", "umbrella", "\x00", "\ud800", "propfield.field"])
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
_SHAPE_PARTS = st.sampled_from([-(2**63), -7, -1, 0, 1, 2, 3, 24, 255, 2**31, 2**40, 2**62, 2**200])
_KINDS = [
    "<f2",
    "<f4",
    "<f8",
    "<i4",
    "<u4",
    "|u1",
    ">f4",
    "|O",
    "|V8",
    "<U5",
    "|S0",
    "<M8[ns]",
    "|b1",
    "<c16",
    "x",
]
_NUMBERS = st.sampled_from(
    [np.nan, np.inf, -np.inf, -1, 0, 1, 24, 255, 256, 2**31 - 1, -(2**31), 1e38, 65504]
)


def parts_of(file: Path) -> dict[str, bytes]:
    """The members of a field file, unpacked."""
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@st.composite
def damaged(draw, parts: dict[str, bytes]) -> bytes:
    """A file that was a field's; sometimes it still is one."""
    return draw(
        st.sampled_from([_bytes, _member, _header, _npy, _numbers, _archive]).flatmap(lambda one: one(parts))
    )


@st.composite
def _bytes(draw, parts: dict[str, bytes]) -> bytes:
    """Bytes of the archive itself are changed, lost or doubled."""
    return draw(_mangled(packed(parts)))


@st.composite
def _member(draw, parts: dict[str, bytes]) -> bytes:
    """Bytes of an array are, with a right checksum; or it is gone, or another's."""
    name = draw(st.sampled_from(sorted(parts)))
    changed = dict(parts)
    how = draw(st.sampled_from(["mangle", "remove", "swap", "empty"]))
    if how == "remove":
        del changed[name]
    elif how == "swap":
        changed[name] = parts[draw(st.sampled_from(sorted(parts)))]
    else:
        changed[name] = b"" if how == "empty" else draw(_mangled(parts[name]))
    return packed(changed)


@st.composite
def _header(draw, parts: dict[str, bytes]) -> bytes:
    """The JSON header says something else, anywhere in it."""
    header = json.loads(np.load(io.BytesIO(parts["header.npy"])).tobytes())
    for _ in range(draw(st.integers(1, 3))):
        place = header
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], dict | list) and place[key] and draw(st.booleans()):
                place = place[key]
                continue
            if draw(st.booleans()):
                place[key] = draw(_JSON)
            else:
                del place[key]
            break
    text = json.dumps(header).encode("utf-8", "surrogatepass")
    nasty = draw(
        st.sampled_from([None, None, None, b"[" * 100_000, b'{"a":' * 50_000, b"1" * 5000, b"\xff", b""])
    )
    return packed(parts | {"header.npy": _as_npy(np.frombuffer(nasty or text, np.uint8))})


@st.composite
def _npy(draw, parts: dict[str, bytes]) -> bytes:
    """An array says that it has another shape, type or order."""
    name = draw(st.sampled_from(sorted(parts)))
    shape = tuple(draw(st.lists(_SHAPE_PARTS, max_size=5)))
    told = {
        "descr": draw(st.sampled_from(_KINDS) | st.just([("a", "<f4"), ("b", "|O")])),
        "fortran_order": draw(st.sampled_from([False, False, False, True, 3])),
        "shape": shape,
    }
    text = draw(
        st.sampled_from([repr(told), repr(told), "{", "__import__('os')", "9**9**9", "(" * 5000, "\x00"])
    )
    body = draw(st.sampled_from([b"", bytes(64), parts[name][128:]]))
    version = draw(st.sampled_from([(1, 0), (1, 0), (2, 0), (3, 0), (9, 9)]))
    length = struct.pack("<H" if version == (1, 0) else "<I", draw(st.sampled_from([len(text), 0, 60_000])))
    return packed(parts | {name: b"\x93NUMPY" + bytes(version) + length + text.encode() + body})


@st.composite
def _numbers(draw, parts: dict[str, bytes]) -> bytes:
    """An array of the right form holds other numbers, or has another length."""
    name = draw(st.sampled_from(sorted(set(parts) - {"header.npy"})))
    array = np.load(io.BytesIO(parts[name])).copy()
    how = draw(st.sampled_from(["set", "set", "shorter", "longer", "none", "wider"]))
    if how == "set" and array.size:
        with np.errstate(all="ignore"):
            value = np.array(draw(_NUMBERS), np.float64).astype(array.dtype)
        array.reshape(-1)[draw(st.integers(0, array.size - 1)) :: draw(st.sampled_from([1, 7, 10**6]))] = (
            value
        )
    elif how == "shorter":
        array = array[: len(array) // 2]
    elif how == "longer":
        array = np.concatenate([array, array[-3:]])
    elif how == "none":
        array = array[:0]
    elif how == "wider":
        array = array[..., None]
    return packed(parts | {name: _as_npy(array)})


@st.composite
def _archive(draw, parts: dict[str, bytes]) -> bytes:
    """The archive has members twice, of other names, of other methods, locked, or bombs."""
    stream = io.BytesIO()
    method = draw(
        st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    )
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(
                draw(st.sampled_from([name] * 6 + ["../" + name, "/" + name, name.upper()])), content
            )
        if draw(st.booleans()):
            archive.writestr("bomb.npy", bytes(draw(st.sampled_from([10**6, 10**7]))))
        archive.comment = draw(st.binary(max_size=20))
    packed = bytearray(stream.getvalue())
    at = packed.rfind(b"PK\x01\x02")
    field, size = draw(st.sampled_from([(8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (42, 4)]))
    if draw(st.booleans()):
        # A field of the last entry of the directory: flags, method, checksum, sizes, name's length, place.
        value = draw(st.integers(0, 2 ** (8 * size) - 1))
        packed[at + field : at + field + size] = value.to_bytes(size, "little")
    return bytes(packed)


@st.composite
def _mangled(draw, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(changed) - 1)))
        how = draw(st.sampled_from(["flip", "cut", "insert", "lose"]))
        if how == "flip" and changed:
            changed[at] ^= draw(st.integers(1, 255))
        elif how == "cut":
            del changed[at:]
        elif how == "insert":
            changed[at:at] = draw(st.binary(min_size=1, max_size=8))
        else:
            del changed[at : at + draw(st.integers(1, 64))]
    return bytes(changed)


def packed(parts: dict[str, bytes]) -> bytes:
    """The archive of members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _as_npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def bomb(parts: dict[str, bytes], name: str, shape: tuple[int, ...], told: str = "<f2") -> bytes:
    """A small file whose array `name` really unpacks to zeros of that shape."""
    stream, head = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": told, "fortran_order": False, "shape": shape})
    left = int(np.prod(shape, dtype=object)) * np.dtype(told).itemsize
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in parts.items():
            if member != name:
                archive.writestr(member, content)
        with archive.open(name, "w", force_zip64=True) as out:
            out.write(head.getvalue())
            while left > 0:
                out.write(bytes(min(left, 2**22)))
                left -= 2**22
    return stream.getvalue()


def write_tiny_field(path: Path) -> Path:
    """A whole field file of 8³ voxels, two types and a body of a few triangles."""
    from scipy.sparse import csr_array

    from propfield.body.skeleton import canonical_pose
    from propfield.body.template import BodyTemplate
    from propfield.field.file import save_field
    from propfield.field.grid import Grid
    from propfield.field.occupancy import OccupancyField, TypeField
    from propfield.observations.interaction import InteractionType

    noise, grid, vertices = np.random.default_rng(0), Grid(8), 40
    skin = np.zeros((vertices, 24), np.float32)
    skin[np.arange(vertices), np.arange(vertices) % 24] = 1
    body = BodyTemplate(
        name="tiny",
        licence="CC0-1.0",
        commercial=True,
        vertices=noise.normal(size=(vertices, 3)).astype(np.float32),
        faces=noise.integers(0, vertices, (60, 3)).astype(np.int32),
        skin_weights=skin,
        joints=noise.normal(size=(24, 3)).astype(np.float32),
        shape_directions=np.zeros((vertices, 3, 0), np.float32),
        joint_regressor=np.zeros((24, vertices), np.float32),
    )
    voxel_skin = csr_array(skin[np.arange(512) % vertices])
    kinds = InteractionType("all", ""), InteractionType("hold", "A person holds it", "left hand")
    values = [noise.integers(0, 256, grid.shape) / 256 for _ in kinds]
    types = tuple(
        TypeField(kind, value.astype(np.float32), np.full(grid.shape, 9, np.uint32), 10)
        for kind, value in zip(kinds, values, strict=True)
    )
    save_field(
        OccupancyField("thing", grid, types, voxel_skin, body, canonical_pose(), {"licences": []}), path
    )
    return path
