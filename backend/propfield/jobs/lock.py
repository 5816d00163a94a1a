"""One backend a home folder: a second would take the first one's running jobs for left-overs."""

import os
import sys
from pathlib import Path
from typing import IO

from propfield.errors import Unavailable


class HomeLock:
    """Held while a backend serves a home folder; the system lets go of it when the process ends, however."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "service.lock"
        self._file: IO[bytes] | None = None

    def take(self, port: int) -> None:
        """Unavailable when another process holds it; `port` is what that one then says of this one."""
        file = self.path.open("a+b")
        try:
            _lock(file)
        except OSError as error:
            file.seek(1)
            told = file.read(100).decode("ascii", "replace").split()
            file.close()
            which = f" (process {told[0]}, port {told[1]})" if len(told) == 2 else ""
            raise Unavailable(
                f"Another propfield backend{which} already serves the home folder {self.path.parent}; "
                "use that one, stop it, or give this one another folder with --home."
            ) from error
        # A note for people who look; Windows locks the first byte, so it comes after.
        file.truncate(0)
        file.write(f" {os.getpid()} {port}\n".encode())
        file.flush()
        self._file = file

    def release(self) -> None:
        if self._file:
            self._file.close()
            self._file = None


def _lock(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
