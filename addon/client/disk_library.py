"""The library's folder read by the add-on itself, for as long as no backend runs: what the backend's
`propfield/library` does, but for drawing pictures."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..scene.field_file import FieldFileError, read_field, read_header
from ..scene.library_catalogue import CardError, broken_entry, entry, main_type, read_card, write_card
from .http import BackendError

SUFFIX, CARD = ".field.npz", ".card.json"
_NAME = re.compile(r"(?!(?:con|prn|aux|nul|com\d|lpt\d)\Z)[a-z0-9][a-z0-9_-]{0,99}\Z")


class DiskLibrary:
    """Fields in a folder. Every method may read and write files, so it belongs into a thread; what goes wrong
    is a BackendError with one sentence.

    What a file's header says is remembered for as long as its size and its time stay.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, tuple[tuple[int, int], dict | str]] = {}

    def entries(self) -> list[dict[str, Any]]:
        """What a list shows of each field, the newest first: library_catalogue.entry."""
        files: dict[str, os.stat_result] = {}
        present: dict[str, os.stat_result] = {}
        if self.folder.is_dir():
            with _sentences(self.folder), os.scandir(self.folder) as items:
                for item in items:
                    with suppress(FileNotFoundError):
                        present[item.name] = item.stat()
        for file, status in present.items():
            name = file.removesuffix(SUFFIX)
            if name != file and _NAME.match(name):
                files[name] = status
        self._read = {name: known for name, known in self._read.items() if name in files}
        found = [self._entry(name, files[name], present) for name in sorted(files)]
        return sorted(filter(None, found), key=lambda each: each["created"], reverse=True)

    def picture(self, entry: dict[str, Any], type_name: str = "") -> Path | None:
        """The picture of a field (of an entry) or of one of its types, if there is one."""
        name, types = entry["name"], entry["types"]
        main = not type_name or type_name == main_type(types)
        number = "" if main else f".{[kind['name'] for kind in types].index(type_name)}"
        picture = self.folder / f"{name}{number}.png"
        return picture if picture.is_file() else None

    def fetch(self, name: str, folder: Path) -> Path:
        """Copies a field into another folder; gives the copy, which is whole or not there."""
        source = self._path(name)
        with _sentences(folder):
            return _copied(source, folder, folder / source.name)

    def add(self, file: Path) -> str:
        """Copies a field file into the library once all of it was read and found whole; gives its name. The
        same content again under its own name changes nothing."""
        try:
            read_field(file)
        except FieldFileError as error:
            raise BackendError(str(error)) from error
        wanted = re.sub(r"[^a-z0-9]+", "-", re.sub(r"([._]field)?\.npz$", "", file.name).lower())
        wanted = wanted.strip("-")[:60] or "field"
        with _sentences(self.folder):
            for name in (wanted, *(f"{wanted}-{number}" for number in range(2, 1000))):
                place = self.folder / (name + SUFFIX)
                if not _NAME.match(name) or (place.is_file() and place.read_bytes() != file.read_bytes()):
                    continue
                if not place.is_file():
                    _copied(file, self.folder, place)
                return name
        raise BackendError(f"The library has too many fields called “{wanted}”: rename the file.")

    def delete(self, name: str) -> None:
        """Removes a field, its card and its pictures."""
        path = self._path(name)
        with _sentences(self.folder):
            path.unlink(missing_ok=True)
            beside = [self.folder / (name + CARD), self.folder / f"{name}.png"]
            numbered = self.folder.glob(f"{name}.*.png")
            for file in [*beside, *(file for file in numbered if file.name[len(name) + 1 : -4].isdigit())]:
                file.unlink(missing_ok=True)

    def retag(self, name: str, tags: Iterable[str], note: str) -> None:
        """Writes a field's own tags and its note."""
        self._path(name)
        card = self.folder / (name + CARD)
        with _sentences(self.folder):
            try:
                if card.is_file():
                    # A card that cannot be read is not written over.
                    read_card(card.read_bytes())
                content = write_card(tags, note)
            except CardError as error:
                raise BackendError(str(error)) from error
            handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=".card-")
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(content)
                Path(temporary).replace(card)
            finally:
                Path(temporary).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        path = self.folder / (name + SUFFIX)
        if not _NAME.match(name) or not path.is_file():
            raise BackendError(f"“{name[:40]}” is not in the library any more: it was deleted meanwhile.")
        return path

    def _entry(
        self, name: str, status: os.stat_result, present: dict[str, os.stat_result]
    ) -> dict[str, Any] | None:
        facts: dict[str, Any] = {"size": status.st_size, "modified": status.st_mtime}
        state, path = (status.st_mtime_ns, status.st_size), self.folder / (name + SUFFIX)
        known = self._read.get(name)
        try:
            if known is None or known[0] != state:
                known = self._read[name] = state, _header(path)
            header = known[1]
            if isinstance(header, str):
                return broken_entry(name, header, **facts)
            card = (self.folder / (name + CARD)).read_bytes() if name + CARD in present else None
            picture = present.get(f"{name}.png")
            # A picture bears its field's time; some disks keep two seconds.
            fresh = picture is not None and abs(picture.st_mtime - status.st_mtime) < 2
            return entry(name, header, card, preview=fresh, **facts)
        except FileNotFoundError:
            # Another process deleted it in this moment.
            return None
        except ValueError:
            return broken_entry(name, f"{path.name} is damaged: its header is not a field's.", **facts)
        except OSError as error:
            return broken_entry(name, f"{path.name} cannot be read ({error.strerror}).", **facts)


def _header(path: Path) -> dict | str:
    try:
        return read_header(path)
    except FieldFileError as error:
        if not path.exists():
            raise FileNotFoundError from error
        return str(error)


def _copied(source: Path, folder: Path, place: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".copy-")
    os.close(handle)
    try:
        shutil.copyfile(source, temporary)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(place)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return place


class _sentences:
    """What the disk refuses becomes one sentence about a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, OSError):
            raise BackendError(
                f"The folder {self._folder} cannot be used ({error.strerror or error}): make it writable."
            ) from error
