"""Weights into the weights' folder: from where they are published, or from a file of the user's."""

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from propfield.atomic import replacing, replacing_folder
from propfield.errors import NotFound, PropfieldError, Unavailable
from propfield.progress import Progress, silent
from propfield.weights.catalogue import Entry, WeightsFile
from propfield.weights.download import download, drop
from propfield.weights.folder import weights_folder
from propfield.weights.hub import hub_files
from propfield.weights.records import Record, place_of, read_record, write_record

OFFLINE = ("PROPFIELD_OFFLINE", "HF_HUB_OFFLINE")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Plan:
    """What fetching an entry would bring; nothing has been brought yet.

    Attributes:
        source: an address, or a hub's repository with its commit.
        files: with addresses, and sizes and hashes as far as they are known.
    """

    entry: Entry
    source: str
    files: tuple[WeightsFile, ...]

    @property
    def bytes(self) -> int | None:
        """In all; None when one is not known."""
        sizes = [file.bytes for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size is not None)


def plan(entry: Entry, *, offline: bool = False) -> Plan:
    """What `fetch` would bring. Asks the hub, where the entry is of one, for sizes and hashes.

    Unavailable when offline is asked for (by the argument, PROPFIELD_OFFLINE or HF_HUB_OFFLINE), when nobody
    publishes the file, or when the hub cannot be reached.
    """
    if not entry.hub and not all(file.url for file in entry.files):
        raise Unavailable(
            f"Nobody publishes {entry.files[0].name} as a file; make it ({entry.how}), and bring it with "
            f"`propfield weights get {entry.name} --from FILE`."
        )
    asked = "--offline" if offline else next((name for name in OFFLINE if _is_on(name)), None)
    if asked:
        own = _kind(entry).upper()
        raise Unavailable(
            f"Nothing is fetched, since {asked} is set; get {entry.name} elsewhere ({entry.homepage}), and "
            f"bring it with `propfield weights get {entry.name} --from {own}`."
        )
    if entry.hub:
        commit, files = hub_files(entry.hub)
        return Plan(entry, f"{entry.hub}@{commit}", files)
    return Plan(entry, entry.files[0].url, tuple(_as_before(entry, file) for file in entry.files))


def fetch(planned: Plan, progress: Progress = silent) -> Path:
    """Brings what was planned, and gives where it lies now: a file, or a folder of files.

    A broken download is taken up where it broke, in this call or in a later one. Each file's hash is checked
    before it takes its place; PropfieldError for a wrong one, of which nothing is left. Raises what
    `download.download` does.
    """
    entry = planned.entry
    waiting = weights_folder() / ".parts" / entry.name
    _make(waiting)
    _check_room(planned, waiting)
    digests = {}
    for index, file in enumerate(planned.files):
        part = waiting / file.name
        number = f" ({index + 1} of {len(planned.files)})" if len(planned.files) > 1 else ""
        download(file.url, part, size=file.bytes, progress=progress, stage=f"fetch {file.name}{number}")
        digests[file.name] = _verified(file, part)
    _settle(entry, {file.name: waiting / file.name for file in planned.files}, os.replace)
    shutil.rmtree(waiting, ignore_errors=True)
    with suppress(OSError):
        waiting.parent.rmdir()
    write_record(_record(entry, planned.source, digests, published=True))
    return place_of(entry)


def bring(entry: Entry, source: Path) -> tuple[Path, bool]:
    """Copies the user's own file or folder to where the entry's weights lie. Gives the place, and whether the
    bytes are known to be the published ones.

    NotFound when there is none, PropfieldError for one that cannot be these weights.
    """
    source = Path(source).expanduser()
    if not source.exists():
        raise NotFound(f"There is nothing at {source}; give the path of the {_kind(entry)} that you have.")
    own = _own_files(entry, source)
    digests = {}
    for name, path in own.items():
        if not path.stat().st_size:
            raise PropfieldError(f"{path} is empty; get it anew.")
        digests[name] = f"sha256:{hash_of(path, 'sha256')}"
    published = not entry.is_folder and digests[entry.files[0].name] == entry.files[0].digest
    if source.resolve() != place_of(entry).resolve():
        _settle(entry, own, shutil.copyfile)
    write_record(_record(entry, "brought", digests, published=published))
    return place_of(entry), published


def hash_of(path: Path, kind: str) -> str:
    """The hash of a file in hexadecimal: "sha256" of its bytes, or "git-blob", git's id of it."""
    if kind == "git-blob":
        digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    else:
        digest = hashlib.new(kind)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _is_on(name: str) -> bool:
    return os.environ.get(name, "").strip().lower() in ("1", "true", "yes", "on")


def _as_before(entry: Entry, file: WeightsFile) -> WeightsFile:
    """A file whose hash nobody tells has to be the one that was fetched the first time."""
    before = read_record(entry.name)
    if file.digest or before is None or not before.published:
        return file
    return WeightsFile(file.name, file.url, file.bytes, before.files.get(file.name, ""))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PropfieldError(f"{folder} cannot be made: {error.strerror}.") from error


def _check_room(planned: Plan, folder: Path) -> None:
    here = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    needed, free = (planned.bytes or 0) - here, shutil.disk_usage(folder).free
    if needed > free:
        raise PropfieldError(
            f"{planned.entry.name} needs {needed / 1e6:.0f} MB more on the disk of {folder}, which has "
            f"{free / 1e6:.0f} MB free; make room, or choose another folder with PROPFIELD_WEIGHTS."
        )


def _verified(file: WeightsFile, part: Path) -> str:
    """The part's sha256; PropfieldError, and no part any more, when it is not the file that was promised."""
    kind, _, wanted = file.digest.partition(":")
    if wanted and hash_of(part, kind) != wanted.lower():
        drop(part)
        raise PropfieldError(
            f"What came as {file.name} is not the file that was promised (its {kind} is another); nothing of "
            "it was kept: try again, and if that stays so, ask those who publish it."
        )
    return f"sha256:{hash_of(part, 'sha256')}"


def _settle(entry: Entry, files: Mapping[str, Path], put: Callable[[Path, Path], object]) -> None:
    """Puts files where the entry's lie, as a whole."""
    place = place_of(entry)
    if not entry.is_folder:
        with replacing(place) as temporary:
            put(files[entry.files[0].name], temporary)
        return
    with replacing_folder(place) as made:
        for name, path in files.items():
            put(path, made / name)


def _own_files(entry: Entry, source: Path) -> dict[str, Path]:
    if not entry.is_folder:
        name = entry.files[0].name
        file = source / name if source.is_dir() else source
        if not file.is_file():
            raise NotFound(f"{source} holds no {name}; give the path of the file.")
        return {name: file}
    if not source.is_dir():
        raise PropfieldError(
            f"{entry.name} is a folder of files (config.json, model.safetensors, others); give that folder."
        )
    found = {path.name: path for path in sorted(source.iterdir()) if path.is_file()}
    kept = {name: path for name, path in found.items() if name.endswith((".json", ".txt", ".safetensors"))}
    if "config.json" not in kept or not any(name.endswith(".safetensors") for name in kept):
        raise PropfieldError(f"{source} holds no config.json beside safetensors; give a model's folder.")
    return kept


def _kind(entry: Entry) -> str:
    return "folder" if entry.is_folder else "file"


def _record(entry: Entry, source: str, digests: dict[str, str], *, published: bool) -> Record:
    return Record(
        name=entry.name,
        place=place_of(entry).name,
        licence=entry.licence.name,
        source=source,
        fetched=datetime.now(UTC).isoformat(timespec="seconds"),
        files=digests,
        published=published,
    )
