"""The head of a Ray cluster: whether it is still there, and calls that do not wait for one that is not.

Without a head most calls into Ray wait, and after a minute Ray ends the whole process in words of its own.
"""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillWorking
from typing import Any

from propfield.engines import LOOK_UP, go_on
from propfield.errors import Unavailable

GONE = 10.0
"""Seconds of silence after which a head is given up; one that is started again at once may come back."""
BETWEEN = 1.0
"""Seconds from one look to the next, and those that an answer may take."""


class Head:
    """The head at `address` (HOST:PORT), as this process sees it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._asked = self._seen = time.monotonic()

    def there(self) -> bool:
        """Whether it answers now."""
        return listens(self.address, BETWEEN)

    def insist(self) -> None:
        """Unavailable when it has been silent for GONE seconds. It is asked once a second at most."""
        if time.monotonic() - self._asked > BETWEEN:
            if self.there():
                self._seen = time.monotonic()
            self._asked = time.monotonic()
        if self._asked - self._seen > GONE:
            raise Unavailable(
                f"The Ray cluster at {self.address} is gone: its head has been silent for {GONE:.0f} seconds;"
                " start it again (`ray start --head`, and `ray start --address=HOST:PORT` on its other"
                " machines), and then this."
            )

    def answer(self, call: Callable[[], Any], waiting: Callable[[], None] = go_on) -> Any:
        """What a call into Ray gives. `waiting` is called now and then, and what it raises ends the wait.
        Unavailable when the head is gone."""
        self.insist()
        answer: Future[Any] = Future()

        def make() -> None:
            try:
                answer.set_result(call())
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the caller's
                answer.set_exception(error)

        # Nobody waits for a daemon, not even the end of the process.
        threading.Thread(target=make, daemon=True, name="a call into Ray").start()
        while True:
            try:
                return answer.result(timeout=LOOK_UP)
            except StillWorking:
                # A TimeoutError of the call itself is not ours.
                if answer.done():
                    return answer.result()
            waiting()
            self.insist()


def listens(address: str, seconds: float) -> bool:
    """Whether somebody takes connections at HOST:PORT."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=seconds).close()
    except (OSError, OverflowError):
        return False
    return True
