"""The connection to the backend while Blender runs: started or joined, listened to, restarted, let go."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .heartbeat import Beat, listen
from .home import log_file
from .http import Backend, BackendError, NotAnswering
from .log import last_lines, tail
from .process import BackendProcess, Connection, connect, join
from .pump import BUSY_INTERVAL, IDLE_INTERVAL, Pump

STOPPED, STARTING, RUNNING, STOPPING = "stopped", "starting", "running", "stopping"
# Seconds before each restart of a backend that crashed; one that then stays up has them all again.
PAUSES = (0.5, 2.0, 8.0)
STEADY_SECONDS = 300.0
# How long a Blender that joined waits for the one that started the backend to restart it.
REJOIN_SECONDS = 20.0


class Link:
    """Every method returns at once; `step` carries what threads found to the caller.

    Attributes:
        state: stopped, starting, running or stopping.
        problem: one sentence about the last thing that went wrong, or nothing.
        notice: one sentence about something worth knowing that is no problem, or nothing.
        last_words: the log's last lines, when a start failed or the backend ended.
        greeting: the backend's hello while it runs.
        others: how many programs use it beside this one.
        missed: how many times in a row it gave no sign of life.
        has_log: whether there is a log to show.
        keep: whether the backend is to stay when this Blender closes.
        changed: called after each step in which something changed, to redraw.
    """

    def __init__(self) -> None:
        self.pump = Pump()
        self.state = STOPPED
        self.problem, self.notice = "", ""
        self.last_words: tuple[str, ...] = ()
        self.greeting: dict = {}
        self.others, self.missed = 0, 0
        self.has_log = False
        self.keep = False
        self.backend: Backend | None = None
        self.process: BackendProcess | None = None
        self.changed: Callable[[], None] = lambda: None
        self._attempt = 0
        self._over = threading.Event()
        self._port, self._command = 0, ""
        self._restarts, self._up_since = 0, 0.0

    def start(self, port: int, command: str = "", keep: bool = False) -> None:
        """Joins the backend on the port, or starts one."""
        if self.state != STOPPED:
            return
        self._port, self._command, self.keep = port, command, keep
        self.problem, self.notice, self.last_words, self._restarts = "", "", (), 0
        self._open(lambda given_up: connect(port, command, self.keep, given_up))

    def stop(self) -> None:
        """Ends the backend that a Blender started, unless others use it; lets go of one started by hand."""
        backend, process = self._forget()
        self.notice = ""
        if backend is None and process is None:
            return
        self.state = STOPPING
        attempt = self._attempt

        def heard(left: Any) -> None:
            # The add-on may have been switched off and on, and a new start be under way.
            if attempt != self._attempt:
                return
            self.state = STOPPED
            if isinstance(left, int) and left:
                self.notice = "The backend works on: another Blender uses it."

        self.pump.work(lambda: _let_go(backend, process), heard)

    def leave(self) -> None:
        """For the add-on's end: lets the backend go, which then ends unless it is kept; waits for nothing.
        When all of Blender ends, the backend sees that by itself."""
        backend, process = self._forget()
        self.problem, self.notice, self.last_words = "", "", ()
        if backend is not None:
            threading.Thread(target=_say_goodbye, args=(backend, process, self.keep), daemon=True).start()

    def set_keep(self, keep: bool) -> None:
        """Whether the backend is to stay when this Blender closes."""
        self.keep, backend = keep, self.backend
        if backend is not None:
            self.pump.work(lambda: backend.attach(os.getpid(), keep), lambda _: None)

    def show_log(self, show: Callable[[str, Path], None]) -> None:
        """Reads the log's end in a thread; `show` gets text and file in a step."""
        log = log_file()
        self.pump.work(lambda: tail(log), lambda text: show(str(text), log))

    def step(self) -> float | None:
        """Hears what threads found. Gives the seconds until it is worth calling again, or None for never."""
        before = self._picture()
        self.pump.step()
        if self._picture() != before:
            self.changed()
        if self.pump.busy:
            return BUSY_INTERVAL
        return IDLE_INTERVAL if self.state == RUNNING else None

    def wait(self, until: Callable[[], bool], seconds: float = float("inf")) -> bool:
        """For scripts without a window: steps until `until()` holds; says whether it came to that in time."""
        deadline = time.monotonic() + seconds
        while not until():
            if time.monotonic() > deadline:
                return False
            if self.step() is None and not until():
                return False
            time.sleep(0.01)
        return True

    def connected(self, jobs: list[dict]) -> None:
        """For those who build on it: called in a step when the backend is there, also after a restart."""

    def steady(self) -> None:
        """Said of a backend that did what it was asked: a later crash has all its restarts again."""
        self._restarts = 0

    def current(self) -> Backend | None:
        """For threads that follow a job: the backend, None while it is restarted. BackendError when it is
        gone for good."""
        if self.state == RUNNING:
            return self.backend
        if self.state == STARTING:
            return None
        raise NotAnswering(self.problem or "The backend was stopped: start it, and it goes on with its jobs.")

    def _open(self, reach: Callable[[Callable[[], bool]], Connection]) -> None:
        self.state = STARTING
        self._attempt += 1
        attempt = self._attempt
        self.has_log = True

        def given_up() -> bool:
            return attempt != self._attempt

        def work() -> tuple[Connection, list[dict]]:
            try:
                connection = reach(given_up)
                return connection, connection.backend.jobs()
            except BackendError:
                # Read here and not by the window's thread.
                self.pump.say(setattr, self, "last_words", last_lines(log_file()))
                raise

        def heard(outcome: Any) -> None:
            if given_up():
                if not isinstance(outcome, BackendError):
                    self.pump.work(lambda: _let_go(outcome[0].backend, outcome[0].process), lambda _: None)
            elif isinstance(outcome, BackendError):
                self._stopped(str(outcome))
            else:
                self._opened(*outcome)

        self.pump.work(work, heard)

    def _opened(self, connection: Connection, jobs: list[dict]) -> None:
        self.backend, self.process = connection.backend, connection.process
        self.greeting, self.others = connection.greeting, connection.others
        self.state, self.missed, self.last_words = RUNNING, 0, ()
        self._up_since = time.monotonic()
        self._over = threading.Event()
        over, attempt = self._over, self._attempt

        def tell(beat: Beat) -> None:
            self.pump.say(self._felt, beat, attempt)

        threading.Thread(target=listen, args=(connection, over, tell), name="heartbeat", daemon=True).start()
        self.connected(jobs)

    def _felt(self, beat: Beat, attempt: int) -> None:
        if attempt != self._attempt or self.state != RUNNING:
            return
        self.missed = beat.missed
        if beat.gone:
            self._lost(beat.gone)
        elif beat.pulse is not None:
            self._alive(beat.pulse, beat.own_ended)

    def _alive(self, pulse: dict, own_ended: bool) -> None:
        self.others = max(0, int(pulse.get("clients") or 0) - 1)
        self.greeting = self.greeting | {"device": pulse.get("device") or {}}
        if own_ended:
            # Two Blenders began at once and the other's won, or somebody restarted it by hand.
            self.process = None
        if time.monotonic() - self._up_since > STEADY_SECONDS:
            self.steady()
        if pulse.get("instance") != self.greeting.get("instance"):
            self.notice = "The backend was started anew elsewhere."
            self._reopen(lambda given_up: join(self._port, self.keep))

    def _lost(self, how: str) -> None:
        if self.process is None:
            self.notice = "The backend is gone; waiting for the Blender that started it to start it again."
            self._reopen(self._rejoin)
            return
        if self._restarts >= len(PAUSES):
            self._stopped(
                f"The backend ended again and again; {how}. Look at its log; started again, it goes on with "
                "its jobs."
            )
            return
        pause = PAUSES[self._restarts]
        self._restarts += 1
        self.notice = f"The backend ended ({how}); started again, {self._restarts} of {len(PAUSES)}."

        def reach(given_up: Callable[[], bool]) -> Connection:
            _pause(pause, given_up)
            return connect(self._port, self._command, self.keep, given_up)

        self._reopen(reach)

    def _rejoin(self, given_up: Callable[[], bool]) -> Connection:
        deadline = time.monotonic() + REJOIN_SECONDS
        while True:
            _pause(0.5, given_up)
            try:
                return join(self._port, self.keep)
            except NotAnswering as error:
                if time.monotonic() > deadline:
                    raise NotAnswering(
                        "The backend is gone: start it, and it goes on with its jobs."
                    ) from error

    def _reopen(self, reach: Callable[[Callable[[], bool]], Connection]) -> None:
        self._forget()
        self._open(reach)

    def _stopped(self, sentence: str) -> None:
        self._forget()
        self.problem, self.notice = sentence, ""

    def _forget(self) -> tuple[Backend | None, BackendProcess | None]:
        backend, process = self.backend, self.process
        self._attempt += 1
        self._over.set()
        self.backend, self.process, self.state = None, None, STOPPED
        self.greeting, self.others, self.missed = {}, 0, 0
        return backend, process

    def _picture(self) -> tuple:
        return self.state, self.problem, self.notice, self.others, self.missed, self.last_words


def _pause(seconds: float, given_up: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if given_up():
            raise BackendError("The backend's start was given up.")
        time.sleep(0.05)


def _let_go(backend: Backend | None, process: BackendProcess | None) -> int:
    """Leaves the backend; stops it if it is ours and nobody else's. Gives how many others use it. Blocks."""
    left = 0
    if backend is not None:
        try:
            left = backend.leave(os.getpid(), end=True)
        except BackendError:
            # One that does not answer cannot be asked: its process ends it.
            left = 0
    if process is not None and not left:
        process.stop()
    return left


def _say_goodbye(backend: Backend, process: BackendProcess | None, keep: bool) -> None:
    try:
        backend.leave(os.getpid())
    except BackendError:
        if process is not None and not keep:
            process.ask_to_stop()
