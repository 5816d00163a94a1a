"""What weights there are, for a table or for another program."""

from pathlib import Path
from typing import Any

from propfield.licences import read_licence
from propfield.weights.catalogue import Entry, WeightsFile, catalogue
from propfield.weights.folder import weights_folder
from propfield.weights.records import Record, is_here, place_of, records


def listing() -> list[dict[str, Any]]:
    """The catalogue's weights, and then the user's own: [{"name", "job", "provider", "what", "bytes",
    "licence", "commercial", "homepage", "how", "path"}]. "path" is None where they are not here, "how" tells
    how to make those that nobody publishes."""
    known = catalogue()
    own = [_own(record) for record in records() if record.name not in known]
    return [_listed(entry) for entry in (*known.values(), *own)]


def bytes_in(place: Path) -> int:
    """How large a file is, or the files of a folder together."""
    files = place.iterdir() if place.is_dir() else [place]
    return sum(path.stat().st_size for path in files if path.is_file())


def _own(record: Record) -> Entry:
    place = weights_folder() / record.place
    files = () if place.is_dir() else (WeightsFile(record.place, bytes=bytes_in(place)),)
    return Entry(record.name, "–", "own", "your own", read_licence(record.licence), files=files)


def _listed(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "job": entry.job,
        "provider": entry.provider,
        "what": entry.what,
        "bytes": entry.size,
        "licence": entry.licence.name,
        "commercial": entry.licence.commercial,
        "homepage": entry.homepage,
        "how": entry.how,
        "path": str(place_of(entry)) if is_here(entry) else None,
    }
