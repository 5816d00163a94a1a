"""What the sidebar shows of the library: the list, kept fresh by threads, and the pictures as they come."""

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .disk_library import DiskLibrary
from .home import home_folder
from .http import BackendError
from .link import RUNNING
from .session import Session
from .wire_library import WireLibrary

FRESH_SECONDS = 5.0
"""A list that was read longer ago is read again when it is looked at."""
MOST_WAITING = 64
"""Pictures that wait to be fetched: those that were looked at last come first, older ones are forgotten."""


class Shelf:
    """The library as a list: the running backend's, else the home folder's own. Every method returns at once.

    Attributes:
        entries: of library_catalogue.entry, newest first, as last read.
        problem: one sentence about the last thing that went wrong, or nothing.
        version: another number whenever `entries` changed.
        listed: called in a step when `entries` changed.
    """

    def __init__(self, session: Session) -> None:
        self.entries: list[dict[str, Any]] = []
        self.problem = ""
        self.version = 0
        self.listed: Callable[[], None] = lambda: None
        self._session = session
        self._disk: DiskLibrary | None = None
        self._read_at, self._read_from = float("-inf"), ""
        self._turn = 0
        self._reading = False
        self._doing = 0
        self._pictures: dict[tuple, str] = {}
        self._waiting: deque[tuple[tuple, dict[str, Any], str]] = deque(maxlen=MOST_WAITING)
        self._fetching = False

    @property
    def from_backend(self) -> bool:
        """Whether the backend's library is the one that is shown."""
        return self._session.state == RUNNING and self._session.backend is not None

    @property
    def busy(self) -> bool:
        """Whether threads work for it."""
        return self._reading or self._fetching or self._doing > 0

    def library(self) -> DiskLibrary | WireLibrary:
        """Whose fields are shown; its methods wait, so they belong into a thread."""
        backend = self._session.backend
        if self.from_backend and backend is not None:
            return WireLibrary(backend, home_folder() / "blender" / "previews")
        folder = home_folder() / "library"
        if self._disk is None or self._disk.folder != folder:
            self._disk = DiskLibrary(folder)
        return self._disk

    def entry(self, name: str) -> dict[str, Any] | None:
        """A field of the list by its name."""
        return next((each for each in self.entries if each["name"] == name), None)

    def look(self) -> bool:
        """Reads the list again if it is not fresh; says whether threads work now. Panels call it."""
        old = time.monotonic() - self._read_at > FRESH_SECONDS
        if self._source() != self._read_from or (old and not self._reading):
            self.refresh()
        return self.busy

    def refresh(self) -> None:
        """Reads the list again; what an earlier reading still finds is not heard."""
        self._turn += 1
        turn = self._turn
        self._reading, self._read_from = True, self._source()
        library = self.library()

        def heard(outcome: Any) -> None:
            if turn != self._turn:
                return
            self._reading, self._read_at = False, time.monotonic()
            if isinstance(outcome, BackendError):
                self.problem = str(outcome)
            elif outcome != self.entries:
                self.entries, self.version = outcome, self.version + 1
                # There may be pictures now that were not there.
                self._pictures = {key: file for key, file in self._pictures.items() if file}
                self.listed()
            self._session.changed()

        self._session.pump.work(library.entries, heard)

    def picture(self, entry: dict[str, Any], type_name: str = "") -> str:
        """The file of the picture of a field or of one of its types; nothing for as long as there is none.
        One that was not asked for before is fetched in a thread."""
        key = (entry["name"], entry["created"], entry["bytes"], type_name, self.from_backend)
        if key in self._pictures:
            return self._pictures[key]
        if entry["problem"] is None:
            if all(waiting[0] != key for waiting in self._waiting):
                self._waiting.append((key, entry, type_name))
            self._fetch_next()
        return ""

    def do(self, work: Callable[[Any], Any], done: Callable[[Any], None] = lambda _: None) -> None:
        """Does something with the library in a thread, and reads the list again; `done` gets what came of it
        in a step, unless something went wrong, which `problem` then says."""
        library, self.problem = self.library(), ""
        self._doing += 1

        def heard(outcome: Any) -> None:
            self._doing -= 1
            if isinstance(outcome, BackendError):
                self.problem = str(outcome)
            else:
                done(outcome)
            self.refresh()

        self._session.pump.work(lambda: work(library), heard)

    def forget(self) -> None:
        """For the add-on's end."""
        self.entries, self.problem = [], ""
        self._pictures.clear()
        self._waiting.clear()
        self._read_at, self._read_from = float("-inf"), ""

    def _source(self) -> str:
        """Whose list it is; another one as well when a job ended, which may have learned a field."""
        backend, job = self._session.backend, self._session.job
        learned = job.identifier if job is not None and job.state == "done" else ""
        return f"port {backend.port} {learned}" if self.from_backend and backend else str(home_folder())

    def _fetch_next(self) -> None:
        if self._fetching or not self._waiting:
            return
        # What was asked for last is what is seen now.
        key, entry, type_name = self._waiting.pop()
        library = self.library()
        self._fetching = True

        def heard(outcome: Any) -> None:
            self._fetching = False
            # What could not be had is not asked for again; the row has an icon instead.
            self._pictures[key] = str(outcome) if isinstance(outcome, Path) else ""
            self._fetch_next()
            self._session.changed()

        self._session.pump.work(lambda: library.picture(entry, type_name), heard)
