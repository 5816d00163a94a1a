"""The library: the learned fields on disk, by name."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from propfield.errors import NotFound, PropfieldError, nearest_names

SUFFIX = ".field.npz"
# A name is one plain file name on every platform: no separators, no dots, nothing hidden.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}\Z")


@dataclass(frozen=True)
class LibraryEntry:
    """What a list of fields shows of one."""

    name: str
    category: str
    types: list[str]
    views: int
    bytes: int
    created: str
    """ISO 8601, UTC."""


class Library:
    """Fields in one folder. Names are `[a-z0-9_-]`, at most 100 characters; a file is NAME.field.npz."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Names of the fields that are there, sorted."""
        names = (path.name.removesuffix(SUFFIX) for path in self.folder.glob("*" + SUFFIX))
        return sorted(name for name in names if _NAME.match(name))

    def path(self, name: str) -> Path:
        """The file of a field. NotFound, with the nearest names, when there is none of that name."""
        if _NAME.match(name):
            path = self.folder / (name + SUFFIX)
            if path.is_file():
                return path
        names = self.names()
        hint = f"; the nearest are {', '.join(nearest_names(name[:100], names))}" if names else ""
        raise NotFound(f"The library has no field of that name{hint}.")

    def new_path(self, name: str) -> Path:
        """Where a field of that name is to be written. PropfieldError for a name that cannot be a file's."""
        if not _NAME.match(name):
            raise PropfieldError(
                f"“{name[:40]}” cannot be a field's name: use small letters, digits, “-” and “_”."
            )
        return self.folder / (name + SUFFIX)

    def header(self, name: str) -> dict:
        """The header of a field's file."""
        from propfield.field.file import read_header

        return read_header(self.path(name))

    def entries(self) -> list[LibraryEntry]:
        """All fields that can be read, newest first; a file that is not a field is left out."""
        entries = []
        for name in self.names():
            path = self.folder / (name + SUFFIX)
            try:
                header, status = self.header(name), path.stat()
            except (PropfieldError, OSError):
                continue
            types = header["types"]
            entries.append(
                LibraryEntry(
                    name=name,
                    category=header["category"],
                    types=[kind["name"] for kind in types],
                    views=int(types[0]["views"]) if types else 0,
                    bytes=status.st_size,
                    created=datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="seconds"),
                )
            )
        return sorted(entries, key=lambda entry: entry.created, reverse=True)

    def newest(self) -> dict[str, Path]:
        """For each category the file of its newest field."""
        files: dict[str, Path] = {}
        for entry in self.entries():
            files.setdefault(entry.category, self.path(entry.name))
        return files

    def delete(self, name: str) -> None:
        """Removes a field. NotFound when there is none of that name."""
        self.path(name).unlink(missing_ok=True)


def name_for(category: str, mark: str) -> str:
    """A name for a new field of a category; `mark` (letters and digits) tells it from others."""
    slug = re.sub(r"[^a-z0-9]+", "-", category.lower()).strip("-")[:60] or "field"
    return f"{slug}-{mark}"
