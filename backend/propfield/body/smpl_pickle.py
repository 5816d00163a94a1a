"""SMPL's .pkl files read without trusting them.

A pickle is a program, and a file from a stranger could do anything when it is loaded. What an SMPL file needs
is little: numpy arrays, one sparse matrix, and arrays wrapped by `chumpy` (a library of 2014 that no longer
installs). `RestrictedUnpickler` accepts just these, gives numpy arrays for all of them, and refuses the rest
before it runs. Neither chumpy nor scipy's own unpickling takes part.
"""

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from propfield.errors import PropfieldError

PICKLE_ERRORS = (
    pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, KeyError, MemoryError,
    OverflowError, RecursionError, TypeError, ValueError,
)  # fmt: skip
"""What the standard library's unpickler raises on bytes that are no sound pickle."""


class _Wrapped:
    """Stands in for an object that holds arrays: keeps what it held, and runs nothing of it."""

    def __setstate__(self, state: object) -> None:
        self.held = state

    def array(self) -> np.ndarray:
        raise NotImplementedError

    def part(self, name: str) -> Any:
        held = getattr(self, "held", None)
        if not isinstance(held, dict) or name not in held:
            raise ValueError(f"a wrapped array without its {name}")
        return held[name]


class _ChumpyArray(_Wrapped):
    """chumpy.ch.Ch around a plain array."""

    def array(self) -> np.ndarray:
        return as_array(self.part("x"))


class _ChumpySelection(_Wrapped):
    """chumpy.reordering.Select: some elements of another array, in a shape of their own."""

    def array(self) -> np.ndarray:
        chosen = as_array(self.part("a")).ravel()[as_array(self.part("idxs")).ravel()]
        shape = self.held.get("preferred_shape")  # type: ignore[attr-defined]
        return chosen if shape is None else chosen.reshape(shape)


class _SparseMatrix(_Wrapped):
    """scipy's compressed sparse matrices, laid out densely; `by_rows` tells the two kinds apart."""

    by_rows = False

    def array(self) -> np.ndarray:
        rows, columns = self.part("_shape")
        values, minor, starts = (as_array(self.part(name)) for name in ("data", "indices", "indptr"))
        if len(starts) != (rows if self.by_rows else columns) + 1 or len(values) != len(minor):
            raise ValueError("a sparse matrix whose parts do not fit")
        major = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        dense = np.zeros((rows, columns))
        np.add.at(dense, (major, minor) if self.by_rows else (minor, major), values)
        return dense


class _SparseRows(_SparseMatrix):
    by_rows = True


def as_array(value: object) -> np.ndarray:
    """A plain array of what the unpickler gave. ValueError where it is none."""
    array = value.array() if isinstance(value, _Wrapped) else np.asarray(value)
    if array.dtype.hasobject:
        raise ValueError("an array of objects")
    return array


def _reconstruct_array(kind: type, shape: tuple, dtype: Any) -> np.ndarray:
    """numpy's own way to begin an array, of its own class alone; the state that follows fills it."""
    if kind is not np.ndarray:
        raise pickle.UnpicklingError("an array of another class")
    return np.ndarray.__new__(np.ndarray, shape, dtype)


def _reconstruct_object(kind: type, base: type, state: object) -> object:
    """copyreg's way (protocols 0 and 1) to make an object without calling its class."""
    if not (isinstance(kind, type) and issubclass(kind, _Wrapped) and base is object and state is None):
        raise pickle.UnpicklingError("an object of another class")
    return object.__new__(kind)


def _encode(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes in protocol 2."""
    if encoding != "latin1":
        raise pickle.UnpicklingError("another encoding")
    return text.encode("latin1")


def _array_from_buffer(buffer: Any, dtype: np.dtype, shape: tuple, order: str) -> np.ndarray:
    """How numpy writes contiguous arrays in protocol 5."""
    return np.frombuffer(buffer, dtype=dtype).reshape(shape, order="F" if order == "F" else "C")


def _allowed() -> dict[tuple[str, str], Callable | type]:
    """All names that a pickle may use. The stand-ins are made anew for each file, so that one file cannot
    change them for the next."""
    chumpy_array = type("ChumpyArray", (_ChumpyArray,), {})
    sparse_columns = type("SparseColumns", (_SparseMatrix,), {})
    sparse_rows = type("SparseRows", (_SparseRows,), {})
    names: dict[tuple[str, str], Callable | type] = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): _encode,
        ("copyreg", "_reconstructor"): _reconstruct_object,
        ("copy_reg", "_reconstructor"): _reconstruct_object,
        ("chumpy", "Ch"): chumpy_array,
        ("chumpy.ch", "Ch"): chumpy_array,
        ("chumpy.reordering", "Select"): type("ChumpySelection", (_ChumpySelection,), {}),
    }
    for module in ("numpy.core", "numpy._core"):
        names[f"{module}.multiarray", "_reconstruct"] = _reconstruct_array
        names[f"{module}.multiarray", "scalar"] = _scalar
        names[f"{module}.numeric", "_frombuffer"] = _array_from_buffer
    for module in ("builtins", "__builtin__"):
        names |= {(module, "object"): object, (module, "set"): set}
    for module in ("scipy.sparse", "scipy.sparse.csc", "scipy.sparse._csc"):
        names[module, "csc_matrix"] = sparse_columns
    for module in ("scipy.sparse", "scipy.sparse.csr", "scipy.sparse._csr"):
        names[module, "csr_matrix"] = sparse_rows
    return names


def _scalar(dtype: np.dtype, data: bytes) -> Any:
    """One number of numpy's."""
    if dtype.hasobject:
        raise pickle.UnpicklingError("a number that is an object")
    return np.frombuffer(data, dtype=dtype, count=1)[0]


class RestrictedUnpickler(pickle.Unpickler):
    """Unpickles arrays (numpy, scipy.sparse, chumpy) and refuses every other name in one sentence.

    `source` is how that sentence calls the file.
    """

    def __init__(self, file: io.BufferedIOBase, source: str) -> None:
        # latin1: SMPL's files come from Python 2, whose strings are bytes.
        super().__init__(file, encoding="latin1")
        self._source = source
        self._names = _allowed()

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._names:
            raise PropfieldError(
                f"{self._source} was not opened, as it wants to run “{module}.{name}”, which no SMPL file "
                "needs; take the file as its makers give it, or save its arrays with numpy as .npz."
            )
        return self._names[module, name]


def read_pickled_arrays(path: Path, keys: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The arrays called `keys` in an SMPL-style pickle, those that it has.

    PropfieldError for a file that holds anything but arrays, or is no pickle.
    """
    try:
        with path.open("rb") as file:
            content = RestrictedUnpickler(file, path.name).load()
        if not isinstance(content, dict):
            raise ValueError("no dictionary")
        return {key: as_array(content[key]) for key in keys if key in content}
    except PICKLE_ERRORS as error:
        raise PropfieldError(
            f"{path.name} is not a body model of the SMPL family, or is damaged; download it again."
        ) from error
