"""Runs queued jobs, first come first served, each in a worker process that may die without harm."""

import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import IO

from propfield.atomic import remove_unfinished
from propfield.home import Home
from propfield.jobs.job import Job
from propfield.jobs.processes import (
    HELPER_DIED,
    HELPER_EXIT,
    creation_time,
    end_group,
    end_tree,
    is_same_process,
)
from propfield.jobs.store import JobStore

_log = logging.getLogger(__name__)

_GRACE = 5.0
"""Seconds that a cancelled worker has to stop by itself."""
_KEPT_DAYS = 30
_MOST_DEATHS = 2


class JobRunner:
    """Claims jobs of a store and watches over their workers. `start` once, `stop` once."""

    def __init__(self, home: Home, store: JobStore, at_once: int = 1) -> None:
        self._home, self._store = home, store
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._threads = [
            threading.Thread(target=self._loop, name=f"jobs {index}", daemon=True) for index in range(at_once)
        ]

    def start(self) -> None:
        """Takes back jobs that an earlier service left running, and begins to work."""
        for job in self._store.recover():
            # Its worker ends by itself when its service goes; one stuck in a long call may be late.
            if job.worker and is_same_process(*job.worker):
                end_tree(job.worker[0])
            remove_unfinished(self._home.library, job.id[:6])
            _log.info("job %s (%s): taken up from an earlier backend", job.id, job.kind)
        for folder in self._home.jobs.glob("*/checkpoint"):
            # Of a job that ended just before the backend did.
            if not self._store.is_open(folder.parent.name):
                shutil.rmtree(folder, ignore_errors=True)
        for job_id in self._store.forget(time.time() - _KEPT_DAYS * 86400):
            shutil.rmtree(self._home.job_folder(job_id), ignore_errors=True)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends the workers; what they did goes back to the queue, to be resumed by the next service."""
        self._stopping.set()
        self._wake.set()
        for thread in self._threads:
            thread.join(timeout=15)

    def wake(self) -> None:
        """Says that a job was queued or cancelled."""
        self._wake.set()

    def _loop(self) -> None:
        while not self._stopping.is_set():
            job = self._store.claim()
            if job is None:
                self._wake.wait(timeout=1.0)
                self._wake.clear()
            else:
                self._run(job)

    def _run(self, job: Job) -> None:
        _log.info("job %s (%s): begins", job.id, job.kind)
        folder = self._home.job_folder(job.id)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (folder / "worker.log").open("ab") as log:
                worker = self._spawn(job, log)
        except OSError as error:
            self._store.fail(
                job.id, f"The job's process could not be started ({error}); make room and try again."
            )
            return
        self._store.set_worker(job.id, worker.pid, creation_time(worker.pid))
        try:
            self._watch(job, worker)
        finally:
            if worker.poll() is None:
                end_tree(worker.pid)
            worker.wait()
            end_group(worker.pid)
            if worker.stdin:
                with suppress(OSError):
                    worker.stdin.close()
        self._settle(job.id, worker.returncode)

    def _spawn(self, job: Job, log: IO[bytes]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "propfield.jobs.worker"]
        return subprocess.Popen(
            [*command, "--home", str(self._home.folder), "--job", job.id],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            # A group of its own: it is ended with all that it started, and Ctrl-C does not reach it.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            env={**os.environ, "PROPFIELD_HOME": str(self._home.folder), "PYTHONUNBUFFERED": "1"},
        )

    def _watch(self, job: Job, worker: subprocess.Popen[bytes]) -> None:
        asked: float | None = None
        while worker.poll() is None:
            if self._stopping.is_set():
                return
            if asked is None and self._store.get(job.id).cancel:
                asked = time.monotonic()
                if worker.stdin:
                    with suppress(OSError):
                        worker.stdin.write(b"cancel\n")
                        worker.stdin.flush()
            if asked is not None and time.monotonic() - asked > _GRACE:
                return
            with suppress(subprocess.TimeoutExpired):
                worker.wait(timeout=0.1)

    def _settle(self, job_id: str, code: int) -> None:
        job = self._store.get(job_id)
        if job.state == "running":
            if job.cancel:
                self._store.end_cancelled(job_id)
            elif self._stopping.is_set():
                self._store.requeue(job_id)
            elif job.deaths + 1 < _MOST_DEATHS:
                self._store.requeue(job_id, died=True)
            else:
                self._store.fail(job_id, _death_sentence(code))
        job = self._store.get(job_id)
        _log.info("job %s (%s): %s %s", job_id, job.kind, job.state, job.error or job.message)
        if code:
            _log.info("job %s: its process ended with %s", job_id, code)
            remove_unfinished(self._home.library, job_id[:6])
        if job.ended:
            shutil.rmtree(self._home.job_folder(job_id) / "checkpoint", ignore_errors=True)


def _death_sentence(code: int) -> str:
    if code == HELPER_EXIT:
        return HELPER_DIED
    how = f"by signal {-code}" if code < 0 else f"with code {code}"
    return (
        f"The job's process was ended from outside twice ({how}), most likely because memory ran out; "
        "close other programs or ask for less at once (fewer views), and start it anew."
    )
