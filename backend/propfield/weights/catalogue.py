"""The weights that propfield knows of: what they are for, where they are published, under which licence."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from propfield.errors import NotFound, nearest_names
from propfield.licences import Licence, read_licence

_FILE = Path(__file__).parent / "catalogue.toml"


@dataclass(frozen=True)
class WeightsFile:
    """One file of weights.

    Attributes:
        name: below the folder that the entry's files lie in; `/` between folders.
        url: where it is published; "" when it can only be brought.
        bytes: its exact size, where known.
        digest: "sha256:HEX" of its bytes, or "git-blob:HEX" as git names them; "" where not known.
    """

    name: str
    url: str = ""
    bytes: int | None = None
    digest: str = ""


@dataclass(frozen=True)
class Entry:
    """Weights by name.

    Attributes:
        name: what `propfield weights` calls them.
        provider: who uses them, and job: for what (perception.registry).
        what: one line of what they are.
        licence: of the weights.
        homepage: where their makers tell more.
        files: the files; of a hub's repository they are asked for when the weights are fetched.
        hub: "OWNER/NAME" of a repository on the Hugging Face hub; "" for none.
        about_bytes: of a hub's repository, for lists.
        how: how one gets them, where nobody publishes the file.
    """

    name: str
    provider: str
    job: str
    what: str
    licence: Licence
    homepage: str = ""
    files: tuple[WeightsFile, ...] = ()
    hub: str = ""
    about_bytes: int | None = None
    how: str = ""

    @property
    def is_folder(self) -> bool:
        """Whether they are a folder of files, as the transformers package loads them, and not one file."""
        return len(self.files) != 1

    @property
    def size(self) -> int | None:
        """Bytes in all, as far as is known without asking anybody."""
        known = [file.bytes for file in self.files if file.bytes is not None]
        return sum(known) if known else self.about_bytes


@cache
def catalogue() -> dict[str, Entry]:
    """All entries by name, in the catalogue's order."""
    return {
        name: Entry(
            name=name,
            licence=read_licence(values.pop("licence")),
            files=tuple(
                WeightsFile(
                    name=file["name"],
                    url=file.get("url", ""),
                    bytes=file.get("bytes"),
                    digest=f"sha256:{file['sha256']}" if "sha256" in file else "",
                )
                for file in values.pop("files", ())
            ),
            **values,
        )
        for name, values in tomllib.loads(_FILE.read_text(encoding="utf-8")).items()
    }


def find_entry(name: str) -> Entry:
    """The entry of a name. NotFound, with the nearest names, for an unknown one."""
    known = catalogue()
    if name.lower() not in known:
        near = ", ".join(nearest_names(name, list(known)))
        raise NotFound(
            f"There are no weights called “{name}”; the nearest are {near} (`propfield weights list`)."
        )
    return known[name.lower()]
