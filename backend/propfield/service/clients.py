"""Which programs of this machine use the backend, so that it ends with the last of them, not the first."""

import threading

from propfield.errors import PropfieldError
from propfield.jobs.processes import creation_time, is_same_process

MOST = 1000


class Clients:
    """Processes that use the backend. One that was started for a process (`parent_pid`) ends when none of
    them is left; any other only counts them. Safe to call from any thread.

    A process stands in the book until it leaves or is gone, however it went: no heartbeat is asked of it,
    since a Blender that renders may say nothing for hours.
    """

    def __init__(self, parent_pid: int | None = None) -> None:
        self._lock = threading.Lock()
        self._processes: dict[int, float] = {}
        self._ends = parent_pid is not None
        if parent_pid is not None:
            self.attach(parent_pid)

    def attach(self, pid: int, *, keep: bool = False) -> int:
        """Enters a process; gives how many there are. `keep`: the backend is to stay when they are all gone.

        PropfieldError for a process that is not there.
        """
        created = creation_time(pid)
        if not created:
            raise PropfieldError(f"There is no process {pid} on this machine.")
        with self._lock:
            self._prune()
            if len(self._processes) >= MOST and pid not in self._processes:
                raise PropfieldError(f"More than {MOST} programs use this backend; close some.")
            self._processes[pid] = created
            self._ends = self._ends and not keep
            return len(self._processes)

    def leave(self, pid: int) -> int:
        """Strikes a process out, if it is there; gives how many are left."""
        with self._lock:
            self._processes.pop(pid, None)
            self._prune()
            return len(self._processes)

    def count(self) -> int:
        """How many there are."""
        with self._lock:
            self._prune()
            return len(self._processes)

    @property
    def ends(self) -> bool:
        """Whether the backend ends with the last of them."""
        return self._ends

    @property
    def all_gone(self) -> bool:
        """Whether it is time to end."""
        return self._ends and self.count() == 0

    def _prune(self) -> None:
        gone = [pid for pid, created in self._processes.items() if not is_same_process(pid, created)]
        for pid in gone:
            del self._processes[pid]
