"""The process that does one job: `python -m propfield.jobs.worker --home FOLDER --job ID`.

Its standard input is a pipe that the service holds: the line "cancel" asks it to stop, and the pipe's end
means that the service is gone, and ends it and all that it started.
"""

import argparse
import os
import signal
import sys
import threading
import time
import traceback
from concurrent.futures import BrokenExecutor
from pathlib import Path
from types import TracebackType

from propfield.errors import Cancelled, PropfieldError
from propfield.home import Home, open_home
from propfield.jobs.device import processor, working_device
from propfield.jobs.job import Job
from propfield.jobs.memory import check_memory
from propfield.jobs.processes import HELPER_EXIT, end_descendants, end_helpers
from propfield.jobs.requests import (
    CheckRequest,
    LearnRequest,
    PlaceRequest,
    ReconstructRequest,
    parse_request,
)
from propfield.jobs.stages import overall, shares_of
from propfield.jobs.store import JobStore

_BETWEEN_NOTES = 0.1
"""Seconds; a job that calls its progress a thousand times a second writes ten times."""


class JobProgress:
    """The Progress of a running job: notes it in the database, and raises Cancelled when asked to stop."""

    def __init__(self, store: JobStore, job: Job, cancelled: threading.Event) -> None:
        self._store, self._job, self._cancelled = store, job, cancelled
        self._shares = shares_of(job.kind, job.request)
        self._stage, self._reached, self._noted = "", 0.0, 0.0

    def __call__(self, stage: str, fraction: float, message: str = "") -> None:
        if self._cancelled.is_set():
            raise Cancelled("The job was cancelled.")
        now = time.monotonic()
        if stage == self._stage and now - self._noted < _BETWEEN_NOTES:
            return
        self._stage, self._noted = stage, now
        self._reached = max(self._reached, overall(self._shares, stage, fraction))
        if not self._store.note(self._job.id, stage, self._reached, message):
            # Somebody else ended it: what we would write now, nobody wants.
            raise Cancelled("The job is not running any more.")


def perform(home: Home, job: Job, progress: JobProgress) -> dict:
    """Does the job and gives its result. Its files lie in the job's folder, its field in the library."""
    request = parse_request({**job.request, "kind": job.kind})
    folder = home.job_folder(job.id)
    checkpoint = folder / "checkpoint"
    checkpoint.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Loading torch and its like takes seconds: say so before.
    progress("start", 0.0)
    check_memory(request, working_device() if isinstance(request, LearnRequest) else processor())
    if isinstance(request, CheckRequest):
        from propfield.jobs.check import check

        return check(request, checkpoint=checkpoint, progress=progress)
    if isinstance(request, LearnRequest):
        from propfield.jobs.learn import learn_into_library

        return learn_into_library(request, home, mark=job.id[:6], checkpoint=checkpoint, progress=progress)
    if isinstance(request, PlaceRequest):
        from propfield.jobs.place import place_uploads

        return place_uploads(request, home, folder=folder / "result", progress=progress)
    assert isinstance(request, ReconstructRequest)
    from propfield.jobs.reconstruct import reconstruct_uploads

    return reconstruct_uploads(request, home, folder=folder / "result", progress=progress)


def _listen(cancelled: threading.Event) -> None:
    # The raw file: a buffered one would be locked by this thread when the interpreter ends.
    while line := os.read(0, 64):
        if b"cancel" in line:
            cancelled.set()
            end_helpers()
    end_descendants(os.getpid())
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def main() -> int:
    """Does one job; 0 when its end, good or bad, stands in the database, HELPER_EXIT when a process that
    helped was ended from outside."""
    parser = argparse.ArgumentParser(description="Does one job of a propfield backend.")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--job", required=True)
    options = parser.parse_args()

    cancelled = threading.Event()
    threading.Thread(target=_listen, args=(cancelled,), daemon=True, name="service's pipe").start()
    # The service decides what ends: Ctrl-C in its terminal must not end the worker first.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    home = open_home(options.home)
    store = JobStore(home.database)
    job = store.get(options.job)

    def fail_on_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        # To the log in full; to the user one sentence.
        traceback.print_exception(kind, error, trace)
        store.fail(
            job.id,
            f"The job stopped on a defect of propfield ({kind.__name__}); please report it with the file "
            f"{home.job_folder(job.id).name}/worker.log of the home folder's jobs.",
        )

    sys.excepthook = fail_on_defect
    try:
        result = perform(home, job, JobProgress(store, job, cancelled))
    except Cancelled:
        store.end_cancelled(job.id)
    except PropfieldError as error:
        store.fail(job.id, str(error))
    except BrokenExecutor:
        if cancelled.is_set():
            store.end_cancelled(job.id)
        else:
            # As if it had been ended itself: the service tries it once more.
            return HELPER_EXIT
    except MemoryError:
        store.fail(job.id, "Memory ran out; ask for less at once (fewer views or a smaller resolution).")
    except OSError as error:
        store.fail(
            job.id, f"A file could not be read or written ({error}); make room on the disk and start anew."
        )
    else:
        store.finish(job.id, result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
