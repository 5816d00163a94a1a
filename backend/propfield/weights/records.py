"""Where weights lie and what is known of them: each that was fetched or brought has a record beside it."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from propfield.atomic import replacing
from propfield.licences import UNKNOWN, Licence, read_licence
from propfield.weights.catalogue import Entry, catalogue
from propfield.weights.folder import weights_folder

OWN_NAME = r"[a-z0-9][a-z0-9._-]{0,79}"
"""What weights of one's own may be called: a file's name on any system."""


@dataclass(frozen=True)
class Record:
    """What is known of weights that lie here.

    Attributes:
        name: of the entry, or of one's own.
        place: the file or folder, below the weights' folder.
        licence: of the weights, in words.
        source: an address, a hub's repository with its commit, or "brought" for one's own file.
        fetched: when, in UTC (ISO 8601).
        files: "sha256:HEX" of each file, by its name.
        published: whether the bytes are those that the catalogue or the hub tells; False for others.
    """

    name: str
    place: str
    licence: str
    source: str
    fetched: str
    files: dict[str, str]
    published: bool


def place_of(entry: Entry) -> Path:
    """Where an entry's file or folder lies, or would lie."""
    return weights_folder() / (entry.name if entry.is_folder else entry.files[0].name)


def is_here(entry: Entry) -> bool:
    """Whether an entry's file or folder lies in the weights' folder."""
    place = place_of(entry)
    return (place / "config.json").is_file() if entry.is_folder else place.is_file()


def write_record(record: Record) -> None:
    """Keeps what is known of weights beside them."""
    with replacing(_record_file(record.name)) as temporary:
        temporary.write_text(json.dumps(vars(record), indent=1) + "\n", encoding="utf-8")


def read_record(name: str) -> Record | None:
    """What is known of weights by name; None where nothing is, or where it cannot be read."""
    if not re.fullmatch(OWN_NAME, name):
        return None
    try:
        return Record(**json.loads(_record_file(name).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def records() -> list[Record]:
    """All records, by name."""
    found = (read_record(path.stem) for path in sorted(_record_file("x").parent.glob("*.json")))
    return [record for record in found if record is not None]


def named_weights(text: str) -> Path:
    """The file or folder that a user names: by its path, or by the name of a record."""
    path = Path(text).expanduser()
    record = None if path.exists() else read_record(text.lower())
    return weights_folder() / record.place if record else path


def licence_of(path: Path) -> Licence:
    """The licence of a file or folder of weights: what its record says, else what the catalogue says of one
    so named (a user who names a file so says that it is that), else unknown."""
    path = Path(path).expanduser().absolute()
    folder = weights_folder().absolute()
    for record in records():
        if path == folder / record.place:
            return read_licence(record.licence)
    for entry in catalogue().values():
        # The hub's own cache, which other programs fill, has the repository's name in its folders.
        cached = f"models--{entry.hub.replace('/', '--')}" if entry.hub else None
        if path.name == place_of(entry).name or cached in path.parts:
            return entry.licence
    return Licence(UNKNOWN, None, f"nothing is known of {path.name}; `propfield weights get` can record it")


def _record_file(name: str) -> Path:
    return weights_folder() / "records" / f"{name}.json"
