"""Threads work, the main thread hears of it: what they say waits in a queue that `step` empties."""

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from .http import BackendError

# The UI must never wait: what is left in the queue after this long comes at the next step.
STEP_SECONDS = 0.02
BUSY_INTERVAL, IDLE_INTERVAL = 0.05, 1.0


class Pump:
    """Runs work in threads and calls back on the thread that calls `step`: Blender's timer, or a script."""

    def __init__(self) -> None:
        self._said: queue.SimpleQueue[tuple[Callable, tuple]] = queue.SimpleQueue()
        self._working = 0

    @property
    def busy(self) -> bool:
        """Whether threads work or something that they said was not heard yet."""
        return self._working > 0 or not self._said.empty()

    def say(self, hear: Callable, *arguments: Any) -> None:
        """From any thread: `hear(*arguments)` is called in a later step."""
        self._said.put((hear, arguments))

    def work(self, job: Callable[[], Any], hear: Callable[[Any], None]) -> None:
        """Runs `job` in a thread; `hear` then gets what it gave, or its BackendError."""
        self._working += 1
        threading.Thread(target=self._run, args=(job, hear), name="propfield", daemon=True).start()

    def step(self) -> None:
        """Calls back what was said, for at most about STEP_SECONDS."""
        deadline = time.perf_counter() + STEP_SECONDS
        while time.perf_counter() < deadline:
            try:
                hear, arguments = self._said.get_nowait()
            except queue.Empty:
                return
            hear(*arguments)

    def _run(self, job: Callable[[], Any], hear: Callable[[Any], None]) -> None:
        # What a fault of ours leaves behind; its traceback goes to the console by the thread's own hook.
        outcome: Any = BackendError(
            "The work stopped because of a fault in the add-on: see Blender's console."
        )
        try:
            outcome = job()
        except BackendError as error:
            outcome = error
        finally:
            self.say(self._ended, hear, outcome)

    def _ended(self, hear: Callable[[Any], None], outcome: Any) -> None:
        self._working -= 1
        hear(outcome)
