"""Which programs of this machine use the backend, so that it ends with the last of them, not the first."""

import threading
from dataclasses import dataclass

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
        self._processes: dict[int, _Client] = {}
        self._started_for_one = parent_pid is not None
        self._kept = False
        if parent_pid is not None:
            self.attach(parent_pid)

    def attach(self, pid: int, *, keep: bool = False) -> int:
        """Enters a process, or changes what it wants; gives how many there are. `keep`: the backend is to
        stay when it is gone.

        PropfieldError for a process that is not there.
        """
        created = creation_time(pid)
        if not created:
            raise PropfieldError(f"There is no process {pid} on this machine.")
        with self._lock:
            self._prune()
            if len(self._processes) >= MOST and pid not in self._processes:
                raise PropfieldError(f"More than {MOST} programs use this backend; close some.")
            self._processes[pid] = _Client(created, keep)
            return len(self._processes)

    def leave(self, pid: int, *, end: bool = False) -> int:
        """Strikes a process out, if it is there; gives how many are left. `end`: nobody is to keep the
        backend from ending with the last of them."""
        with self._lock:
            client = self._processes.pop(pid, None)
            self._kept = (self._kept or (client is not None and client.keep)) and not end
            self._prune()
            return len(self._processes)

    def count(self) -> int:
        """How many there are."""
        with self._lock:
            self._prune()
            return len(self._processes)

    @property
    def ends(self) -> bool:
        """Whether the backend ends with the last of them, as it looks now."""
        with self._lock:
            kept = self._kept or any(client.keep for client in self._processes.values())
        return self._started_for_one and not kept

    @property
    def all_gone(self) -> bool:
        """Whether it is time to end."""
        return self.count() == 0 and self.ends

    def _prune(self) -> None:
        for pid, client in list(self._processes.items()):
            if not is_same_process(pid, client.created):
                self._kept = self._kept or client.keep
                del self._processes[pid]


@dataclass(frozen=True)
class _Client:
    """When a process was started, and whether the backend is to stay when it is gone."""

    created: float
    keep: bool
