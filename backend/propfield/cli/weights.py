"""propfield weights list, get, where"""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from propfield.cli.output import Json, print_json, print_table, shown_progress

if TYPE_CHECKING:
    from propfield.weights.catalogue import Entry
    from propfield.weights.fetching import Plan

app = typer.Typer(
    help="Weights of outside models: list what there is, get some when you ask, tell where they lie.\n\n"
    "Nothing else in propfield ever fetches weights. They lie in the folder PROPFIELD_WEIGHTS, else in"
    " `weights` in the home folder.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="Of `propfield weights list`.")]


@app.command("list")
def list_weights(as_json: Json = False) -> None:
    """List the weights that propfield's providers can use, with size and licence, and which lie here.

    With `--json`: {"folder", "weights": [{"name", "job", "provider", "what", "bytes", "licence",
    "commercial", "homepage", "how", "path"}]}; "path" is null where they are not here, "how" tells how to
    make those that nobody publishes.
    """
    from propfield.weights.folder import weights_folder
    from propfield.weights.listing import listing

    entries = listing()
    if as_json:
        print_json({"folder": str(weights_folder()), "weights": entries})
        return
    print_table(
        ["weights", "for", "size", "licence", "commercial", "here"],
        [
            [
                each["name"],
                each["job"],
                _size(each["bytes"]),
                each["licence"],
                _yes(each["commercial"]),
                "yes" if each["path"] else "–",
            ]
            for each in entries
        ],
    )
    print(f"They lie in {weights_folder()}; `propfield weights get NAME` brings one there.")


@app.command()
def get(
    name: Name,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Your own file or folder, which is copied; nothing is fetched then."),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(help="With --from: the licence of weights of your own, under a NAME of your own."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before the download.")] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Fetch nothing; also PROPFIELD_OFFLINE=1 or HF_HUB_OFFLINE=1.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Get weights: shows size, licence and hash, asks, and only then fetches.

    A download that broke goes on where it broke. What came is checked against the hash, and takes its place
    only when it is right.

    **Examples**

    - `propfield weights get pose-landmarker-heavy`

    - `propfield weights get rtdetr-v2-r18 --yes`

    - `propfield weights get yolov5s-seg --from yolov5s-seg.onnx`

    - `propfield weights get my-boards-seg --from boards.onnx --licence "own work"`

    With `--json` (and `--yes`): {"name", "path", "bytes", "licence", "commercial", "source", "files":
    {name: "sha256:HEX"}}.
    """
    from propfield.errors import PropfieldError
    from propfield.weights.fetching import bring, fetch, plan
    from propfield.weights.records import is_here, place_of

    if source is not None:
        entry = _entry_of(name, source, licence)
        place, published = bring(entry, source)
        known = any(file.digest for file in entry.files)
        note = (
            "" if published or not known else "; its hash is not the published one's, so it counts as yours"
        )
        _tell(entry, place, f"copied{note}", as_json)
        return
    if licence is not None:
        raise PropfieldError("--licence is for weights of your own; give them with --from FILE.")
    entry = _entry_of(name, None, None)
    if is_here(entry):
        _tell(entry, place_of(entry), f"already here{_doubt(entry)}", as_json)
        return
    planned = plan(entry, offline=offline)
    _show(planned)
    if not yes:
        _ask(entry)
    with shown_progress() as progress:
        place = fetch(planned, progress)
    _tell(entry, place, "fetched and verified" if planned.files[0].digest else "fetched", as_json)


@app.command()
def where(
    name: Annotated[str | None, typer.Argument(help="Weights; the folder of all when left out.")] = None,
    as_json: Json = False,
) -> None:
    """Print the path of weights that are here, or say how to get them.

    **Example:** `propfield weights where pose-landmarker-heavy`

    With `--json`: {"name", "path"}.
    """
    from propfield.errors import NotFound
    from propfield.weights.folder import weights_folder
    from propfield.weights.records import is_here, place_of, read_record

    if name is None:
        path = weights_folder()
    else:
        own = read_record(name.lower())
        entry = None if own else _entry_of(name, None, None)
        path = weights_folder() / own.place if own else place_of(entry) if entry else weights_folder()
        if not (path.exists() if own else entry is not None and is_here(entry)):
            how = f"; or make them: {entry.how}" if entry and entry.how else ""
            raise NotFound(
                f"{name} is not here; get it with `propfield weights get {name}`, or bring your own file"
                f" with --from FILE{how}."
            )
    if as_json:
        print_json({"name": name, "path": str(path)})
    else:
        print(path)


def _entry_of(name: str, source: Path | None, licence: str | None) -> "Entry":
    """The catalogue's entry; with a licence, one of the user's own."""
    from propfield.errors import PropfieldError
    from propfield.licences import read_licence
    from propfield.weights.catalogue import Entry, WeightsFile, catalogue, find_entry
    from propfield.weights.records import OWN_NAME

    if source is None or licence is None:
        return find_entry(name)
    if name.lower() in catalogue():
        raise PropfieldError(f"{name} has a licence of its own; give your weights another name than {name}.")
    if not re.fullmatch(OWN_NAME, name.lower()):
        raise PropfieldError(f"“{name[:80]}” is no name for weights; use letters, digits, dots and hyphens.")
    files = () if source.is_dir() else (WeightsFile(name.lower() + source.suffix.lower()),)
    return Entry(name.lower(), "–", "own", "your own", read_licence(licence), files=files)


def _doubt(entry: "Entry") -> str:
    """What to say of a file that somebody put there by hand, when it is not the published one."""
    from propfield.weights.fetching import hash_of
    from propfield.weights.records import place_of, read_record

    if read_record(entry.name) is not None or entry.is_folder or not entry.files[0].digest:
        return ""
    kind, _, wanted = entry.files[0].digest.partition(":")
    if hash_of(place_of(entry), kind) == wanted:
        return ", as published"
    return "; its hash is not the published one's: if it should be, remove it and get it again"


def _show(planned: "Plan") -> None:
    """Size, licence and hash, on stderr: stdout is for results."""
    entry = planned.entry
    use = {True: "allows commercial use", False: "not for commercial use", None: "commercial use not known"}
    lines = [
        f"{entry.name}: {entry.what}",
        f"from {planned.source}",
        f"licence {entry.licence.name} ({use[entry.licence.commercial]}); {entry.homepage}",
    ]
    for file in planned.files:
        digest = file.digest or "no hash is known; this download's is kept and holds from then on"
        lines.append(f"  {file.name}  {_size(file.bytes)}  {digest}")
    lines.append(f"in all {_size(planned.bytes)}")
    print("\n".join(lines), file=sys.stderr)


def _ask(entry: "Entry") -> None:
    from propfield.errors import Cancelled, PropfieldError

    if not sys.stdin.isatty():
        raise PropfieldError(
            f"Nothing was fetched, since nobody can be asked here; say --yes to get {entry.name}."
        )
    if not typer.confirm("Fetch?", err=True):
        raise Cancelled("Nothing was fetched.")


def _tell(entry: "Entry", place: Path, how: str, as_json: bool) -> None:
    from propfield.weights.listing import bytes_in
    from propfield.weights.records import read_record

    if not as_json:
        print(f"{place}: {how} ({entry.licence.name})")
        return
    record = read_record(entry.name)
    print_json(
        {
            "name": entry.name,
            "path": str(place),
            "bytes": bytes_in(place),
            "licence": entry.licence.name,
            "commercial": entry.licence.commercial,
            "source": record.source if record else None,
            "files": record.files if record else {},
        }
    )


def _size(count: int | None) -> str:
    if count is None:
        return "–"
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def _yes(allowed: bool | None) -> str:
    return {True: "yes", False: "no", None: "not known"}[allowed]
