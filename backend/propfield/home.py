"""The home folder: where the backend keeps its token, its fields, its jobs and what was uploaded."""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from propfield.errors import Unavailable


@dataclass(frozen=True)
class Home:
    """The places in a home folder; `open_home` makes one. Nothing outside `folder` is ever written."""

    folder: Path

    @property
    def token_file(self) -> Path:
        """Holds the wire's bearer token; readable by its owner alone."""
        return self.folder / "token"

    @property
    def library(self) -> Path:
        """Learned fields, `NAME.field.npz`."""
        return self.folder / "library"

    @property
    def jobs(self) -> Path:
        """One folder a job: its checkpoint, its result's files, its log."""
        return self.folder / "jobs"

    @property
    def uploads(self) -> Path:
        """Photos and annotation files that came over the wire."""
        return self.folder / "uploads"

    @property
    def database(self) -> Path:
        """The job database (SQLite)."""
        return self.folder / "jobs.sqlite3"

    def job_folder(self, job_id: str) -> Path:
        """The folder of a job; it may not be there yet."""
        return self.jobs / job_id

    def token(self) -> str:
        """The wire's bearer token, made at first use. Unavailable when it cannot be read or written."""
        try:
            written = _read_token(self.token_file)
            return written or _make_token(self.token_file)
        except OSError as error:
            raise Unavailable(
                f"The token file {self.token_file} cannot be read or written ({error.strerror}); "
                "give its folder back to your user, or choose another with PROPFIELD_HOME."
            ) from error


def open_home(folder: Path | None = None) -> Home:
    """The home folder, made if need be: `folder`, else PROPFIELD_HOME, else the platform's data folder.

    Unavailable when it cannot be made.
    """
    if folder is None:
        chosen = os.environ.get("PROPFIELD_HOME")
        if chosen:
            folder = Path(chosen)
        else:
            from platformdirs import user_data_path

            folder = user_data_path("propfield", appauthor=False)
    home = Home(folder.expanduser().absolute())
    try:
        for place in (home.folder, home.library, home.jobs, home.uploads):
            # The owner's alone: uploads are somebody's photos.
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            f"The home folder {home.folder} cannot be made ({error.strerror}); "
            "choose another with --home or PROPFIELD_HOME."
        ) from error
    return home


def _read_token(path: Path) -> str | None:
    try:
        token = path.read_text(encoding="ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    # A token that was cut short by a full disk must not become a guessable one.
    return token if len(token) >= 32 else None


def _make_token(path: Path) -> str:
    token = secrets.token_urlsafe(32)
    temporary = path.with_name(f"token.{secrets.token_hex(8)}.tmp")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(token + "\n")
        if path.exists() and _read_token(path) is None:
            # What is there was cut short, and would never do.
            path.unlink(missing_ok=True)
        try:
            # Unlike a rename it never takes the place of one that another process wrote meanwhile.
            path.hardlink_to(temporary)
        except FileExistsError:
            return _read_token(path) or token
        except OSError:
            # A file system without links.
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return token
