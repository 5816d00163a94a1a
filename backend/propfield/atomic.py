"""Files and folders that are whole or not there: written under a temporary name, then renamed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from propfield.errors import PropfieldError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path`; it takes `path`'s place when the block ends without an error,
    and is removed when it does not. PropfieldError when the folder cannot be written."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise PropfieldError(f"{path} cannot be written: {error.strerror}.") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(_usual_rights(0o666))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Gives a temporary folder beside `folder`; it takes `folder`'s place, with whatever is there, when the
    block ends without an error, and is removed when it does not. PropfieldError when that cannot be written.
    """
    folder = Path(folder).absolute()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise PropfieldError(f"{folder} cannot be written: {error.strerror}.") from error
    try:
        yield made
        made.chmod(_usual_rights(0o777))
        _swap(made, folder)
    except OSError as error:
        raise PropfieldError(f"{folder} cannot be written: {error.strerror}.") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def remove_unfinished(folder: Path, word: str) -> None:
    """Removes what a process that was killed within `replacing` left in a folder: temporary files of names
    with that word in them. For whoever knows that nobody writes such names now."""
    for path in folder.glob(f".*{word}*-????????.*"):
        path.unlink(missing_ok=True)


def _swap(made: Path, folder: Path) -> None:
    if not folder.exists():
        made.rename(folder)
        return
    # Renaming over a folder works only where it is empty, and nowhere on Windows.
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
    old = aside / folder.name
    folder.rename(old)
    try:
        made.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _usual_rights(most: int) -> int:
    """What is made temporarily is its owner's alone; what a user asked for has the rights of any new file."""
    umask = os.umask(0)
    os.umask(umask)
    return most & ~umask
