"""Jobs that this Blender does itself, beside the window: in a thread, or in slices between redraws."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from .http import BackendError
from .jobs import Job
from .session import Session

TOLD_SECONDS = 0.1
Tell = Callable[[float, str], None]
"""How far it is, 0 to 1, and what is done; ends the work where that was cancelled."""


class Cancelled(BackendError):
    """The user cancelled the work, or Blender closes."""


def work_here(session: Session, job: Job, work: Callable[[Tell], Any], done: Callable[[Any], None]) -> Job:
    """Runs `work` in a thread as the session's job; `done` gets what came of it in a step.

    `work` raises BackendError for what goes wrong. BackendError when the session has a job already.
    """
    if session.learning:
        raise BackendError("There is work under way already: wait for it, or cancel it.")
    session.job, session.problem = job, ""
    job.state = "running"

    def heard(outcome: Any) -> None:
        if isinstance(outcome, BackendError):
            job.state = "cancelled" if isinstance(outcome, Cancelled) else "failed"
            job.error = "" if isinstance(outcome, Cancelled) else str(outcome)
            return
        job.state = "done"
        done(outcome)

    session.pump.work(lambda: work(teller(session, job)), heard)
    return job


def teller(session: Session, job: Job) -> Tell:
    """What a thread tells its progress by."""
    said = 0.0

    def tell(progress: float, stage: str) -> None:
        nonlocal said
        if job.cancel_asked or job.left:
            raise Cancelled("The work was cancelled.")
        if time.monotonic() - said > TOLD_SECONDS:
            said = time.monotonic()
            session.pump.say(job.heard, {"state": "running", "stage": stage, "progress": progress})

    return tell


def in_slices(session: Session, job: Job, pieces: Iterator[Any], stage: str, share: float = 1.0) -> Any:
    """For a thread: lets the stepping thread go through `pieces`, as many at a step as there is time for, and
    gives the last one. Those before it say how far it is, 0 to 1, of this `share` of the job.

    BackendError of the pieces, or Cancelled.
    """
    ended = threading.Event()
    outcome: Any = Cancelled("The work was cancelled.")

    def one() -> None:
        nonlocal outcome
        try:
            if job.cancel_asked or job.left:
                pieces.close()  # type: ignore[attr-defined]
                ended.set()
                return
            piece = next(pieces)
        except BackendError as error:
            outcome = error
            ended.set()
        except BaseException:
            outcome = BackendError(
                "The work stopped because of a fault in the add-on: see Blender's console."
            )
            ended.set()
            raise
        else:
            if isinstance(piece, float):
                job.heard({"state": "running", "stage": stage, "progress": share * piece})
                session.pump.say(one)
            else:
                outcome = piece
                ended.set()

    session.pump.say(one)
    while not ended.wait(0.5):
        if job.left:
            break
    if isinstance(outcome, BackendError):
        raise outcome
    return outcome
