"""Short-lived workers that share frames: each is replaced after some, or when it crashes or hangs."""

import contextlib
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty, Queue
from typing import Any

from .errors import BatchError
from .matrix import Frame
from .worker import Worker

TRIES = 3
START_SECONDS = 180
_HEARTBEAT = 0.5


@dataclass(frozen=True)
class Limits:
    """How long workers live and frames may take.

    Attributes:
        frames: after so many a worker is replaced, since Blender leaks memory over many renders.
        memory: bytes; a worker that holds more after a frame is replaced.
        seconds: for one frame, the set-up of its scene included; a worker that needs longer hangs.
    """

    frames: int
    memory: int
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What came of a frame: seconds, or why it failed. `words` is what the worker printed last."""

    frame: Frame
    seconds: float
    tries: int
    error: str | None = None
    words: str = ""


@dataclass
class _Seat:
    """A place for a worker, and what it is at."""

    worker: Worker
    until: float
    ready: bool = False
    frame: Frame | None = None
    scene: str = ""
    made: int = 0


class Pool:
    """Up to `jobs` workers, started by `command` as they are needed. A context manager; none outlives it."""

    def __init__(self, command: list[str], jobs: int, limits: Limits) -> None:
        self.command, self.jobs, self.limits = command, jobs, limits
        self.told: Queue[tuple[Worker, dict[str, Any] | None]] = Queue()
        self.seats: list[_Seat] = []
        self._lost_starts = 0

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        for seat in self.seats:
            seat.worker.end()
        self.seats.clear()

    def ask(self, **order: Any) -> dict[str, Any]:
        """A worker's answer to a question that is no frame. BatchError if Blender does not start or dies."""
        for _ in range(TRIES):
            if not self.seats:
                self._seat()
            seat = self.seats[0]
            seat.ready = seat.ready or self._answer(seat) is not None
            if seat.ready:
                seat.worker.ask(**order)
                answer = self._answer(seat)
                if answer is not None:
                    return answer
            self._dismiss(seat)
        raise BatchError(
            f"Blender does not work here. {_how_it_ended(seat.worker)}\n{seat.worker.last_words}"
        )

    def run(self, frames: list[Frame], order: Callable[[Frame, int], dict[str, Any]]) -> Iterator[Outcome]:
        """Makes the frames, and gives each as it ends; `order` says what a worker is told on a try."""
        waiting: dict[str, deque[Frame]] = {}
        for frame in frames:
            waiting.setdefault(frame.scene, deque()).append(frame)
        tries: Counter[str] = Counter()
        while waiting or any(seat.frame for seat in self.seats):
            left = sum(map(len, waiting.values()))
            while left > sum(seat.frame is None for seat in self.seats) and len(self.seats) < self.jobs:
                self._seat()
            for seat in self.seats:
                if seat.ready and seat.frame is None and waiting:
                    seat.frame = self._next(seat, waiting)
                    seat.scene = seat.frame.scene
                    seat.until = time.monotonic() + self.limits.seconds
                    tries[seat.frame.name] += 1
                    seat.worker.ask(**order(seat.frame, tries[seat.frame.name]))
            for seat, answer, why in self._news():
                if seat.frame is None:
                    self._started(seat, answer, why)
                    continue
                frame, seat.frame = seat.frame, None
                if answer is None or answer.get("again"):
                    self._dismiss(seat)
                    why = why or (answer["error"] if answer else "")
                    if tries[frame.name] < TRIES:
                        waiting.setdefault(frame.scene, deque()).appendleft(frame)
                        continue
                    why = f"{why} Tried {TRIES} times."
                    yield Outcome(frame, 0.0, TRIES, why, seat.worker.last_words)
                elif "error" in answer:
                    yield Outcome(frame, 0.0, tries[frame.name], answer["error"], seat.worker.last_words)
                else:
                    seat.made += 1
                    if seat.made >= self.limits.frames or answer["memory"] > self.limits.memory:
                        self._dismiss(seat)
                    yield Outcome(frame, answer["seconds"], tries[frame.name])

    def _seat(self) -> None:
        seat = _Seat(Worker(self.command, self.told), time.monotonic() + START_SECONDS)
        self.seats.append(seat)

    def _dismiss(self, seat: _Seat) -> None:
        seat.worker.end()
        self.seats.remove(seat)

    def _next(self, seat: _Seat, waiting: dict[str, deque[Frame]]) -> Frame:
        """A frame of the scene that the worker has; else of the fullest scene, if possible one that is
        nobody's, since a scene takes time to build."""
        taken = {other.scene for other in self.seats if other is not seat and other.frame}
        scene = seat.scene
        if scene not in waiting:
            scene = max(waiting, key=lambda one: (one not in taken, len(waiting[one])))
        frame = waiting[scene].popleft()
        if not waiting[scene]:
            del waiting[scene]
        return frame

    def _news(self) -> Iterator[tuple[_Seat, dict[str, Any] | None, str]]:
        """Answers of workers; and None, with a reason, for each that died or has hung."""
        now = time.monotonic()
        for seat in [seat for seat in self.seats if seat.until < now]:
            if not seat.ready:
                yield seat, None, f"Blender did not start within {START_SECONDS} s."
            elif seat.frame is not None:
                yield seat, None, f"Blender was not done within {self.limits.seconds:g} s, and was ended."
        try:
            worker, answer = self.told.get(timeout=_HEARTBEAT)
        except Empty:
            return
        sitting = next((one for one in self.seats if one.worker is worker), None)
        if sitting is not None:
            yield sitting, answer, "" if answer else _how_it_ended(worker)

    def _started(self, seat: _Seat, answer: dict[str, Any] | None, why: str) -> None:
        if answer is not None:
            seat.ready, self._lost_starts = True, 0
            return
        was_ready = seat.ready
        self._dismiss(seat)
        if not was_ready:
            self._lost_starts += 1
            if self._lost_starts >= TRIES:
                raise BatchError(f"Blender does not work here. {why}\n{seat.worker.last_words}".rstrip())

    def _answer(self, seat: _Seat) -> dict[str, Any] | None:
        """What the one worker answers; None if it died, or does not answer."""
        until = time.monotonic() + START_SECONDS
        while (left := until - time.monotonic()) > 0:
            with contextlib.suppress(Empty):
                worker, answer = self.told.get(timeout=left)
                if worker is seat.worker:  # Not the end of one that was dismissed.
                    return answer
        return None


def _how_it_ended(worker: Worker) -> str:
    code = worker.process.poll()
    if code is None:
        return "It does not answer."
    return f"Blender crashed (signal {-code})." if code < 0 else f"Blender ended with the exit code {code}."
