"""Listens whether the backend is alive, from a thread of its own."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from .http import BackendError, NotAnswering, NotThere
from .process import Connection

BEAT_SECONDS = 1.5


@dataclass(frozen=True)
class Beat:
    """What one look found.

    Attributes:
        pulse: what the backend answered, if it did.
        missed: how many looks in a row had no answer.
        own_ended: whether the process that this Blender started is gone.
        gone: what ended the backend, in a sentence's part, if nothing is there any more.
    """

    pulse: dict | None = None
    missed: int = 0
    own_ended: bool = False
    gone: str = ""


def listen(connection: Connection, over: threading.Event, tell: Callable[[Beat], None]) -> None:
    """Looks every one and a half seconds until `over` is set or the backend is gone; tells of each look.
    Blocks; runs in a thread."""
    missed, process = 0, connection.process
    while not over.wait(BEAT_SECONDS):
        ended = process is not None and not process.running
        try:
            pulse = connection.backend.pulse()
        except NotThere:
            # Of one that was started elsewhere nothing more is known than that nobody listens.
            tell(Beat(gone=process.epitaph() if process is not None else "nothing listens on its port"))
            return
        except NotAnswering:
            if process is not None and ended:
                tell(Beat(gone=process.epitaph()))
                return
            missed += 1
            tell(Beat(missed=missed))
        except BackendError as error:
            tell(Beat(gone=str(error).rstrip(".")))
            return
        else:
            missed = 0
            tell(Beat(pulse, own_ended=ended))
