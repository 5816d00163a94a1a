"""The library of the backend that runs, over the wire; pictures are kept in the home folder."""

import os
import tempfile
import time
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from .http import Backend, BackendError

MOST_PICTURES = 4000
"""Kept on disk; a picture is some 20 kB."""
DRAWING_SECONDS = 150.0
PNG = b"\x89PNG\r\n\x1a\n"


class WireLibrary:
    """What DiskLibrary gives, asked of the backend, which draws pictures that are missing. Every method waits
    for it, so it belongs into a thread; what goes wrong is a BackendError with one sentence."""

    def __init__(self, backend: Backend, kept: Path) -> None:
        self.backend, self.kept = backend, kept

    def entries(self) -> list[dict[str, Any]]:
        """What a list shows of each field, the newest first: library_catalogue.entry."""
        entries = self.backend.fields()
        if not all(isinstance(each.get("own_tags"), list) for each in entries):
            raise BackendError("The backend knows no tags yet: update the backend.")
        return entries

    def picture(self, entry: dict[str, Any], type_name: str = "") -> Path:
        """The picture of a field (of an entry) or of one of its types, drawn by the backend where there is
        none."""
        query = f"?{urlencode({'type': type_name})}" if type_name else ""
        # Another picture for a field that was learned anew under the same name.
        told = zlib.crc32(repr((entry["name"], entry["created"], entry["bytes"], type_name)).encode())
        file = self.kept / f"{told:08x}.png"
        if not file.is_file():
            self._receive(f"{_address(entry['name'])}/preview{query}", file)
        return file

    def fetch(self, name: str, folder: Path) -> Path:
        """Saves a field in a folder."""
        return self.backend.download_field(name, folder)

    def add(self, file: Path) -> str:
        """Sends a field file into the library; gives its name there."""
        upload = self.backend.upload(file)
        return str(self.backend.ask("POST", "/v1/fields", {"upload": upload}).get("name"))

    def delete(self, name: str) -> None:
        """Removes a field, its tags and its pictures."""
        self.backend.ask("DELETE", _address(name))

    def retag(self, name: str, tags: Iterable[str], note: str) -> None:
        """Writes a field's own tags and its note."""
        self.backend.ask("PATCH", _address(name), {"tags": list(tags), "note": note})

    def _receive(self, path: str, file: Path) -> None:
        deadline = time.monotonic() + DRAWING_SECONDS
        try:
            self.kept.mkdir(parents=True, exist_ok=True)
            self._forget_old()
            handle, temporary = tempfile.mkstemp(dir=self.kept, prefix=".picture-")
            os.close(handle)
            try:
                while not self._drawn(path, Path(temporary)):
                    if time.monotonic() > deadline:
                        raise BackendError("The backend takes too long to draw a picture: see its log.")
                    time.sleep(0.5)
                Path(temporary).replace(file)
            finally:
                Path(temporary).unlink(missing_ok=True)
        except OSError as error:
            raise BackendError(
                f"The folder {self.kept} cannot be used ({error.strerror or error}): make it writable."
            ) from error

    def _drawn(self, path: str, file: Path) -> bool:
        """Writes the answer into a file; says whether it is a picture, and not that it is being drawn."""
        with open(file, "wb") as stream:
            self.backend.save(path, stream)
        with open(file, "rb") as stream:
            return stream.read(len(PNG)) == PNG

    def _forget_old(self) -> None:
        pictures = list(self.kept.glob("*.png"))
        if len(pictures) >= MOST_PICTURES:
            with suppress(OSError):
                for old in sorted(pictures, key=lambda each: each.stat().st_mtime)[: MOST_PICTURES // 4]:
                    old.unlink(missing_ok=True)


def _address(name: str) -> str:
    return f"/v1/fields/{quote(name, safe='')}"
