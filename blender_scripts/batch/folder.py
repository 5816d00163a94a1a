"""A batch's folder: one batch at a time in it, half-made files out of the way, finished ones put in place."""

import shutil
import sys
from pathlib import Path
from typing import IO, Any

from .errors import BatchError
from .inputs import sha256_of
from .matrix import Frame
from .plain_bytes import make_plain


class Folder:
    """Holds a batch's folder for as long as it is open. A context manager."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.own = out / ".batch"
        self.half = self.own / "half"
        self._lock: IO[str] | None = None

    def __enter__(self) -> "Folder":
        try:
            self.own.mkdir(parents=True, exist_ok=True)
            self._lock = open(self.own / "lock", "w")
        except OSError as error:
            raise BatchError(f"{self.out} cannot be written to: {error.strerror}.") from None
        try:
            _take(self._lock)
        except OSError:
            self._lock.close()
            raise BatchError(f"Another batch is at work in {self.out}: wait for it, or end it.") from None
        # What a batch that was killed left half-made.
        shutil.rmtree(self.half, ignore_errors=True)
        self.half.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.half, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()

    def half_made(self, frame: Frame, attempt: int) -> dict[str, str]:
        """By suffix, where a worker writes a frame's files on a try."""
        return {suffix: str(self.half / f"{frame.key[:24]}-{attempt}{suffix}") for suffix in frame.suffixes}

    def put(self, frame: Frame, attempt: int) -> tuple[dict[str, Any], ...]:
        """Moves a frame's files to their places; gives [{"path", "sha256", "bytes"}]. BatchError where the
        worker did not write what it should, or the disk is full."""
        files = []
        try:
            for path, half in zip(frame.paths, self.half_made(frame, attempt).values(), strict=True):
                written, place = Path(half), self.out / path
                make_plain(written)
                size = written.stat().st_size
                files.append({"path": path, "sha256": sha256_of(written), "bytes": size})
                place.parent.mkdir(parents=True, exist_ok=True)
                written.replace(place)
        except FileNotFoundError:
            raise BatchError("Blender wrote no file.") from None
        except OSError as error:
            raise BatchError(f"The file cannot be put in place: {error.strerror}.") from None
        return tuple(files)


def _take(lock: IO[str]) -> None:
    """The system lets go of it when the process ends, however it ends."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
