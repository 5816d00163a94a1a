"""Arrays of an .npz file that somebody sent: each is held against its form before it is unpacked."""

import ast
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

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
    TypeError,
)
_LONGEST_HEADER = 4096


class Broken(Exception):
    """The file, or an array of it, cannot be read."""


class Pickled(Broken):
    """An array holds Python objects, which are never opened."""


class OtherForm(Broken):
    """An array is of another type or shape than it should be, or is larger than its place in the file."""


class Arrays:
    """The arrays of a file; a context manager. Broken for what is no zip archive.

    Attributes:
        too_large: whether all of it would unpack to more than `limit` bytes.
    """

    def __init__(self, path: Path, limit: int) -> None:
        try:
            self._archive = zipfile.ZipFile(path)
        except _UNREADABLE as error:
            raise Broken(str(error)) from error
        self.too_large = sum(entry.file_size for entry in self._archive.infolist()) > limit

    def __enter__(self) -> "Arrays":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._archive.close()

    def __contains__(self, name: str) -> bool:
        return f"{name}.npy" in self._archive.namelist()

    def read(self, name: str, kind: str, shape: Sequence[int | None], most: int | None = None) -> np.ndarray:
        """An array of that name, type and shape; None stands for any length, up to `most` for the first.
        Broken for any other, before it is unpacked."""
        try:
            entry = self._archive.getinfo(f"{name}.npy")
            with self._archive.open(entry) as stream:
                found, fortran, described = _described(stream)
                if described.hasobject:
                    raise Pickled(name)
                fits = len(found) == len(shape) and all(
                    length >= 0 and wanted in (None, length)
                    for length, wanted in zip(found, shape, strict=True)
                )
                fits = fits and not fortran and (most is None or found[0] <= most)
                size = int(np.prod(found, dtype=object)) * described.itemsize
                if not fits or described != np.dtype(kind) or stream.tell() + size != entry.file_size:
                    raise OtherForm(name)
                content = stream.read(size)
        except _UNREADABLE as error:
            raise Broken(str(error)) from error
        return np.frombuffer(content, described).reshape(found)


def _described(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    """What the array says of itself; its text is a literal, and short."""
    major, _ = np.lib.format.read_magic(stream)
    if major not in (1, 2):
        raise ValueError("no version that numpy writes for such arrays")
    width = 2 if major == 1 else 4
    length = int.from_bytes(stream.read(width), "little")
    if length > _LONGEST_HEADER:
        raise ValueError("a description as long as no array's")
    told = ast.literal_eval(stream.read(length).decode("latin-1"))
    shape = told["shape"]
    if not isinstance(shape, tuple) or not all(type(part) is int for part in shape):
        raise ValueError("no shape")
    return shape, told["fortran_order"] is True, np.lib.format.descr_to_dtype(told["descr"])
