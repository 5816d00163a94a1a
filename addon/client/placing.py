"""Asking the backend for a prop's places: the problem and the field go as files. Blocks; runs in a thread."""

import tempfile
from pathlib import Path
from typing import Any

from .http import Backend, BackendError

SUFFIX = ".field.npz"


def send_problem(backend: Backend, packed: bytes, field: Path, choices: dict) -> dict:
    """Uploads the problem (an .npz) and, unless the library has it, the field; gives the request.

    `choices` are the request's type, count, scale and ground.
    """
    with tempfile.TemporaryDirectory(prefix="propfield-") as folder:
        problem = Path(folder) / "problem.npz"
        try:
            problem.write_bytes(packed)
        except OSError as error:
            raise BackendError(
                f"The prop cannot be written to {folder} ({error.strerror or error}): free some space."
            ) from error
        request: dict[str, Any] = {"kind": "place", "problem": backend.upload(problem)}
    name = _in_library(backend, field)
    return request | choices | {"field": name, "field_file": None if name else backend.upload(field)}


def placements_of(answer: dict) -> dict:
    """The result of a done place job, held against its form. BackendError for another."""
    result = answer.get("result") or {}
    found = result.get("placements")
    path = result.get("path")
    whole = isinstance(found, list) and all(
        isinstance(each, dict) and _is_matrix(each.get("matrix")) for each in found
    )
    if not whole or not (path is None or (isinstance(path, list) and all(map(_is_matrix, path)))):
        raise BackendError("The backend gave no placements for the finished job: update the backend.")
    return result


def _in_library(backend: Backend, field: Path) -> str | None:
    name = field.name.removesuffix(SUFFIX)
    try:
        size = field.stat().st_size
    except OSError as error:
        raise BackendError(f"{field} cannot be read ({error.strerror or error}).") from error
    there = any(entry.get("name") == name and entry.get("bytes") == size for entry in backend.fields())
    return name if there else None


def _is_matrix(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 4
        and all(isinstance(row, list) and len(row) == 4 for row in value)
        and all(isinstance(number, int | float) and abs(number) < 1e6 for row in value for number in row)
    )
