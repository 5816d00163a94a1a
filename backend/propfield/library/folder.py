"""The library's folder: of each field its file, a card with its user's tags, and pictures, by name."""

import filecmp
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from propfield.atomic import replacing
from propfield.errors import NotFound, PropfieldError, Unavailable, nearest_names
from propfield.library.catalogue import CardError, broken_entry, entry, main_type, read_card, write_card

SUFFIX, CARD = ".field.npz", ".card.json"
# A name is one plain file name on every platform: no separators, no dots, nothing hidden, no device.
_NAME = re.compile(r"(?!(?:con|prn|aux|nul|com\d|lpt\d)\Z)[a-z0-9][a-z0-9_-]{0,99}\Z")


class Library:
    """Fields in one folder. Names are `[a-z0-9_-]`, at most 100 characters. Beside NAME.field.npz lie
    NAME.card.json (see catalogue.py) and the pictures NAME.png and, of a type by its place in the header,
    NAME.2.png. Any number of processes may use the folder at once.

    What a file's header says is remembered for as long as its size and its time stay, so that an object of
    this class which is kept lists thousands of fields in no time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, tuple[tuple[int, int], dict[str, Any] | str]] = {}

    def names(self) -> list[str]:
        """Names of the fields that are there, sorted."""
        return sorted(self._files())

    def path(self, name: str) -> Path:
        """The file of a field. NotFound, with the nearest names, when there is none of that name."""
        if _NAME.match(name):
            path = self.folder / (name + SUFFIX)
            # A link may lead anywhere, and what is named here goes over the wire.
            if path.is_file() and path.resolve().parent == self.folder.resolve():
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

    def entries(self) -> list[dict[str, Any]]:
        """What a list shows of each field (catalogue.entry), the newest first. One that cannot be read is
        there as well, with a sentence in its "problem"."""
        files = self._files()
        present = {item.name for item in self._scan()}
        self._read = {name: known for name, known in self._read.items() if name in files}
        # A field that another process deletes in this moment is not there any more.
        entries = [self._entry(name, files[name], present) for name in sorted(files)]
        return sorted(filter(None, entries), key=lambda each: each["created"], reverse=True)

    def entry(self, name: str) -> dict[str, Any]:
        """The entry of one field. NotFound when there is none of that name."""
        path = self.path(name)
        with suppress(FileNotFoundError):
            found = self._entry(
                name, path.stat(), {item.name for item in self._beside(name) if item.exists()}
            )
            if found is not None:
                return found
        raise NotFound(f"“{name}” was deleted meanwhile.")

    def newest(self) -> dict[str, Path]:
        """For each category the file of its newest field."""
        files: dict[str, Path] = {}
        for each in self.entries():
            if each["problem"] is None:
                files.setdefault(each["category"], self.folder / (each["name"] + SUFFIX))
        return files

    def add(self, file: Path, name: str | None = None) -> str:
        """Copies a field file into the library once all of it was read and found whole; gives its name: the
        one that is asked for, else one after the file's own, with a number where that is taken. The same
        content again under its own name changes nothing. PropfieldError for a file that is no field and for
        a name that is taken."""
        from propfield.field.file import load_field

        field = load_field(file)
        wanted = name or name_for(re.sub(r"([._]field)?\.npz$", "", Path(file).name) or field.category)
        self.new_path(wanted)
        with self._writing(), _temporary(self.folder) as temporary:
            shutil.copyfile(file, temporary)
            for candidate in [wanted] if name else _numbered(wanted):
                path = self.new_path(candidate)
                if path.is_file() and _same_content(path, temporary):
                    return candidate
                if _put(temporary, path):
                    return candidate
        raise PropfieldError(f"The library has a field “{wanted}” already; choose another name.")

    def change(
        self,
        name: str,
        *,
        new_name: str | None = None,
        tags: Iterable[str] | None = None,
        note: str | None = None,
    ) -> str:
        """Renames a field, and writes its tags and note anew where they are given; gives its name.
        PropfieldError for a name that is taken, for tags that are none and for a card that is damaged, which
        is left as it is."""
        path = self.path(name)
        target = self.new_path(new_name or name)
        content = None
        if tags is not None or note is not None:
            try:
                old_tags, old_note = self._card(name)
                content = write_card(old_tags if tags is None else tags, old_note if note is None else note)
            except CardError as error:
                raise PropfieldError(str(error)) from error
        with self._writing():
            if target != path:
                if not _put(path, target):
                    raise PropfieldError(
                        f"The library has a field “{new_name}” already; choose another name."
                    )
                for old in self._beside(name):
                    if old.is_file():
                        old.replace(self.folder / (str(new_name) + old.name.removeprefix(name)))
                path.unlink(missing_ok=True)
            if content is not None:
                with replacing(self.folder / ((new_name or name) + CARD)) as temporary:
                    temporary.write_bytes(content)
        return new_name or name

    def delete(self, name: str) -> None:
        """Removes a field, its card and its pictures. NotFound when there is none of that name."""
        path = self.path(name)
        beside = self._beside(name)
        with self._writing():
            path.unlink(missing_ok=True)
            for file in beside:
                file.unlink(missing_ok=True)

    def preview(self, name: str, type_name: str | None = None) -> Path:
        """Where the picture of a type of a field is (None: of the field); `is_fresh` tells whether it is
        there. NotFound for a type that the field has none of."""
        types = self.entry(name)["types"]
        names = [kind["name"] for kind in types]
        # The mix of one type alone is that type.
        alone = type_name == "all" and len(names) == 2
        if type_name is None or alone or (names and type_name == main_type(types)):
            return self.folder / f"{name}.png"
        if type_name not in names:
            raise NotFound(f"This field has no type of that name; it has {', '.join(names) or 'none'}.")
        return self.folder / f"{name}.{names.index(type_name)}.png"

    def is_fresh(self, name: str, preview: Path) -> bool:
        """Whether a picture is there and of the field as it is now: it bears the field's time."""
        try:
            return is_of(preview.stat(), self.path(name).stat())
        except FileNotFoundError:
            return False

    def _scan(self) -> Iterator[os.DirEntry[str]]:
        if self.folder.is_dir():
            with os.scandir(self.folder) as items:
                yield from items

    def _files(self) -> dict[str, os.stat_result]:
        files = {}
        for item in self._scan():
            name = item.name.removesuffix(SUFFIX)
            if name != item.name and _NAME.match(name):
                with suppress(FileNotFoundError):
                    files[name] = item.stat()
        return files

    def _beside(self, name: str) -> list[Path]:
        """The card and the pictures that a field may have."""
        pictures = self.folder.glob(f"{name}.*.png")
        numbered = [path for path in pictures if path.name[len(name) + 1 : -4].isdigit()]
        return [self.folder / (name + CARD), self.folder / f"{name}.png", *numbered]

    def _card(self, name: str) -> tuple[list[str], str]:
        path = self.folder / (name + CARD)
        return read_card(path.read_bytes()) if path.is_file() else ([], "")

    def _entry(self, name: str, status: os.stat_result, present: set[str]) -> dict[str, Any] | None:
        facts: dict[str, Any] = {"size": status.st_size, "modified": status.st_mtime}
        try:
            header = self._header(name, (status.st_mtime_ns, status.st_size))
            if isinstance(header, str):
                return broken_entry(name, header, **facts)
            card = (self.folder / (name + CARD)).read_bytes() if name + CARD in present else None
            preview = self.folder / f"{name}.png"
            fresh = preview.name in present and is_of(preview.stat(), status)
            return entry(name, header, card, preview=fresh, **facts)
        except FileNotFoundError:
            return None
        except ValueError:
            return broken_entry(name, f"{name}{SUFFIX} is damaged: its header is not a field's.", **facts)
        except OSError as error:
            return broken_entry(name, f"{name}{SUFFIX} cannot be read ({error.strerror}).", **facts)

    def _header(self, name: str, state: tuple[int, int]) -> dict[str, Any] | str:
        """A file's header, or a sentence on why it has none."""
        from propfield.field.file import read_header

        known = self._read.get(name)
        if known is None or known[0] != state:
            try:
                known = state, read_header(self.folder / (name + SUFFIX))
            except NotFound as error:
                raise FileNotFoundError from error
            except PropfieldError as error:
                known = state, str(error)
            self._read[name] = known
        return known[1]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(
                f"The library's folder {self.folder} cannot be changed ({error.strerror}); make it writable."
            ) from error


def is_of(preview: os.stat_result, field: os.stat_result) -> bool:
    """Whether a picture has its field's time, as `make_previews` gives it; some disks keep two seconds."""
    return abs(preview.st_mtime - field.st_mtime) < 2


@contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    """A temporary file in a folder; it is gone at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".field-", suffix=".tmp", dir=folder)
    os.close(handle)
    try:
        Path(name).chmod(0o644)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _put(file: Path, place: Path) -> bool:
    """Puts a file in a place where none is; False where one is, which stays."""
    try:
        # Unlike a rename it never takes the place of one that another process wrote in this moment.
        place.hardlink_to(file)
    except FileExistsError:
        return False
    except OSError:
        # A file system without links.
        if place.exists():
            return False
        shutil.copy2(file, place)
    return True


def _same_content(first: Path, second: Path) -> bool:
    return first.stat().st_size == second.stat().st_size and filecmp.cmp(first, second, shallow=False)


def _numbered(name: str) -> Iterator[str]:
    """The name, and the name with 2, 3, … behind it."""
    yield name
    for number in range(2, 10_000):
        yield f"{name[:90]}-{number}"


def name_for(category: str, mark: str = "") -> str:
    """A name for a new field of a category; `mark` (letters and digits) tells it from others."""
    slug = re.sub(r"[^a-z0-9]+", "-", category.lower()).strip("-")[:60] or "field"
    return f"{slug}-{mark}" if mark else slug
