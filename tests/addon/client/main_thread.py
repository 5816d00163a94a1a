"""Watches what the main thread does in a stretch of code: every call that may wait for somebody is noted, and
how long the stretch took."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

# What Python's audit events say of opening sockets, processes and locks, wherever in C they come from.
WAITING_EVENTS = (
    "socket.connect",
    "socket.getaddrinfo",
    "socket.sendto",
    "subprocess.Popen",
    "os.system",
    "os.fork",
    "os.posix_spawn",
    "fcntl.flock",
    "fcntl.lockf",
)
# Functions of C that wait; `acquire` is left out, since starting a thread waits for its first instant.
WAITING_CALLS = {
    ("time", "sleep"),
    ("select", "select"),
    ("select", "poll"),
    ("_socket", "recv"),
    ("_socket", "recv_into"),
    ("_socket", "sendall"),
    ("_socket", "accept"),
    ("posix", "fsync"),
}


@dataclass
class Watch:
    """What was seen.

    Attributes:
        waits: what might have waited, in words.
        longest: seconds of the longest stretch under each name; of processor time too.
        over: how many stretches took more than 50 ms, and of how many.
    """

    home: Path
    waits: list[str] = field(default_factory=list)
    longest: dict[str, tuple[float, float]] = field(default_factory=dict)
    over: int = 0
    count: int = 0
    _on: bool = False

    @contextmanager
    def stretch(self, name: str) -> Iterator[None]:
        """Watches the code in the block."""
        _current[:] = [self]
        self._on = True
        before, cpu = time.perf_counter(), time.thread_time()
        sys.setprofile(self._called)
        try:
            yield
        finally:
            sys.setprofile(None)
            self._on = False
            took, worked = time.perf_counter() - before, time.thread_time() - cpu
            longest = self.longest.get(name, (0.0, 0.0))
            self.longest[name] = max(longest[0], took), max(longest[1], worked)
            self.over += took > 0.05
            self.count += 1

    def heard(self, event: str, arguments: tuple) -> None:
        """Takes an audit event."""
        if not self._on or threading.current_thread() is not threading.main_thread():
            return
        if event in WAITING_EVENTS:
            self.waits.append(f"{event} {arguments[:2]}")
        elif event == "open" and str(self.home) in str(arguments[0]):
            self.waits.append(f"open {arguments[0]}")

    def _called(self, frame: FrameType, event: str, function: object) -> None:
        if event != "c_call":
            return
        module = getattr(function, "__module__", None) or type(getattr(function, "__self__", None)).__module__
        if (module, getattr(function, "__name__", "")) in WAITING_CALLS:
            self.waits.append(f"{module}.{function.__name__} in {frame.f_code.co_qualname}")

    def report(self) -> str:
        """The figures, for `pytest -s`."""
        rows = [
            f"  {name:28} {1e3 * wall:7.1f} ms, {1e3 * cpu:6.1f} ms of processor time at most"
            for name, (wall, cpu) in sorted(self.longest.items())
        ]
        return "\n".join([f"\n{self.over} of {self.count} calls over 50 ms", *rows])


_current: list[Watch] = []


def _hook(event: str, arguments: tuple) -> None:
    for watch in _current:
        watch.heard(event, arguments)


# An audit hook stays for the process's life, so there is one for all tests.
sys.addaudithook(_hook)
