"""Where a model in transformers' format lies: a folder of the user's, of `propfield weights get`, or of the
hub's own cache. Looks at names; loads nothing."""

import os
from pathlib import Path

from propfield.weights.catalogue import Entry, catalogue
from propfield.weights.folder import weights_folder
from propfield.weights.records import is_here, place_of


def model_folder(provider: str, named: str | None = None) -> Path | None:
    """The folder of what the user named: a path, a name of `propfield weights list`, or a hub's OWNER/NAME;
    the first of the catalogue that is here for a provider when None. None where there is no such folder."""
    if named is None:
        ours = [entry for entry in catalogue().values() if entry.provider == provider]
        return next((place for entry in ours if (place := _place(entry)) is not None), None)
    for folder in (Path(named).expanduser(), weights_folder() / named):
        if (folder / "config.json").is_file():
            return folder
    for entry in catalogue().values():
        if named.lower() in (entry.name, entry.hub.lower()):
            return _place(entry)
    return _cached(named)


def how_to_get(provider: str) -> str:
    """What to do when a provider's weights are not here, as the end of a sentence."""
    ours = [entry.name for entry in catalogue().values() if entry.provider == provider]
    fetch = f"get them with `propfield weights get {ours[0]}`, or " if ours else ""
    return f"{fetch}name a model's folder: {provider}:FOLDER"


def _place(entry: Entry) -> Path | None:
    if is_here(entry):
        return place_of(entry)
    return _cached(entry.hub) if entry.hub else None


def _cached(repository: str) -> Path | None:
    """The newest copy in the hub's own cache (its documented layout), which other programs fill."""
    if not _is_repository(repository):
        return None
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface").expanduser()
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    folder = cache / f"models--{repository.replace('/', '--')}"
    try:
        commit = (folder / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    snapshot = folder / "snapshots" / commit
    return snapshot if commit.isalnum() and (snapshot / "config.json").is_file() else None


def _is_repository(text: str) -> bool:
    owner, slash, name = text.partition("/")
    return bool(slash and owner and name) and all(
        part.replace("-", "").replace("_", "").replace(".", "").isalnum() for part in (owner, name)
    )
