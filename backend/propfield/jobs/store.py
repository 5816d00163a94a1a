"""The job database: every change of a state is one atomic statement, so that no crash leaves half of one."""

import json
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from propfield.errors import NotFound, Unavailable
from propfield.jobs.job import Job

_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  request TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'queued'
    CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
  stage TEXT NOT NULL DEFAULT '',
  progress REAL NOT NULL DEFAULT 0,
  message TEXT NOT NULL DEFAULT '',
  result TEXT,
  error TEXT,
  created REAL NOT NULL,
  started REAL,
  finished REAL,
  cancel INTEGER NOT NULL DEFAULT 0,
  deaths INTEGER NOT NULL DEFAULT 0,
  recoveries INTEGER NOT NULL DEFAULT 0,
  worker_pid INTEGER,
  worker_created REAL,
  revision INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, place);
"""
_MOST_RECOVERIES = 5


class JobStore:
    """Jobs in a SQLite file that service and workers share. Raises Unavailable when it cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._connection() as connection:
            # Readers (the event streams) and the worker's writes do not wait for each other.
            connection.execute("PRAGMA journal_mode = WAL")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > _VERSION:
                raise Unavailable(f"The job database {path} was written by a newer propfield; use that one.")
            connection.executescript(_SCHEMA)
            connection.execute(f"PRAGMA user_version = {_VERSION}")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        # A connection a call: cheap beside the work, and right in any thread.
        try:
            connection = sqlite3.connect(self.path, timeout=20, isolation_level=None)
            try:
                connection.row_factory = sqlite3.Row
                connection.execute("PRAGMA synchronous = NORMAL")
                yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise Unavailable(
                f"The job database {self.path} cannot be used ({error}); move it away to start anew."
            ) from error

    def add(self, kind: str, request: dict) -> str:
        """Queues a job and gives its id."""
        job_id = secrets.token_hex(8)
        with self._connection() as connection:
            connection.execute(
                "INSERT INTO jobs (id, kind, request, created) VALUES (?, ?, ?, ?)",
                (job_id, kind, json.dumps(request), time.time()),
            )
        return job_id

    def get(self, job_id: str) -> Job:
        """A job by its id. NotFound when there is none."""
        with self._connection() as connection:
            row = connection.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        if row is None:
            raise NotFound("There is no job of that id; list the jobs to see which there are.")
        return _job(row)

    def jobs(self, most: int = 200) -> list[Job]:
        """The newest jobs, newest first."""
        with self._connection() as connection:
            rows = connection.execute("SELECT * FROM jobs ORDER BY place DESC LIMIT ?", (most,)).fetchall()
        return [_job(row) for row in rows]

    def is_open(self, job_id: str) -> bool:
        """Whether there is a job of that id that has not ended."""
        with self._connection() as connection:
            query = "SELECT 1 FROM jobs WHERE id = ? AND state IN ('queued', 'running')"
            return connection.execute(query, (job_id,)).fetchone() is not None

    def claim(self) -> Job | None:
        """Sets the job that waited longest to running and gives it; None when none waits."""
        with self._connection() as connection:
            row = connection.execute(
                "UPDATE jobs SET state = 'running', started = coalesce(started, ?), revision = revision + 1 "
                "WHERE place = (SELECT min(place) FROM jobs WHERE state = 'queued') RETURNING *",
                (time.time(),),
            ).fetchone()
        return None if row is None else _job(row)

    def set_worker(self, job_id: str, pid: int, created: float) -> None:
        """Notes which process works on a running job, so that a later service can end a straggler."""
        self._change(job_id, "running", worker_pid=pid, worker_created=created)

    def note(self, job_id: str, stage: str, progress: float, message: str) -> bool:
        """Notes how far a running job is; False when it is not running any more."""
        return self._change(job_id, "running", stage=stage, progress=progress, message=message)

    def finish(self, job_id: str, result: dict) -> bool:
        """Running → done; False when it was not running."""
        return self._end(job_id, "done", progress=1.0, message="", result=json.dumps(result))

    def fail(self, job_id: str, error: str) -> bool:
        """Running → failed with one sentence; False when it was not running."""
        return self._end(job_id, "failed", message="", error=error)

    def end_cancelled(self, job_id: str) -> bool:
        """Running → cancelled; False when it was not running."""
        return self._end(job_id, "cancelled", message="")

    def cancel(self, job_id: str) -> Job:
        """Queued → cancelled; a running job is marked, for its worker to end it; an ended one stays."""
        if not self._change(job_id, "queued", state="cancelled", cancel=1, finished=time.time()):
            self._change(job_id, "running", cancel=1, message="cancelling")
        return self.get(job_id)

    def requeue(self, job_id: str, *, died: bool = False) -> bool:
        """Running → queued, at its old place; `died` counts a death of its worker."""
        with self._connection() as connection:
            changed = connection.execute(
                "UPDATE jobs SET state = 'queued', worker_pid = NULL, worker_created = NULL, "
                "deaths = deaths + ?, message = ?, revision = revision + 1 "
                "WHERE id = ? AND state = 'running'",
                (int(died), "its process ended; starting it again" if died else "", job_id),
            ).rowcount
        return changed == 1

    def recover(self) -> list[Job]:
        """Takes back what a service that died left running, and gives those jobs as they were.

        They go back to the queue; one that the user wanted cancelled is cancelled, and one under which the
        service died again and again fails.
        """
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            left = [
                _job(row)
                for row in connection.execute("SELECT * FROM jobs WHERE state = 'running'").fetchall()
            ]
            now = time.time()
            connection.execute(
                "UPDATE jobs SET state = 'cancelled', message = '', finished = ?, revision = revision + 1 "
                "WHERE state = 'running' AND cancel",
                (now,),
            )
            connection.execute(
                "UPDATE jobs SET state = 'failed', error = ?, message = '', finished = ?, "
                "revision = revision + 1 "
                "WHERE state = 'running' AND recoveries >= ?",
                (
                    "The backend stopped again and again while it worked on this; ask for less at once "
                    "(fewer views), and start it anew.",
                    now,
                    _MOST_RECOVERIES,
                ),
            )
            connection.execute(
                "UPDATE jobs SET state = 'queued', recoveries = recoveries + 1, revision = revision + 1, "
                "worker_pid = NULL, worker_created = NULL WHERE state = 'running'"
            )
            connection.execute("COMMIT")
        return left

    def forget(self, before: float) -> list[str]:
        """Removes jobs that ended before a moment (seconds since the epoch), and gives their ids."""
        with self._connection() as connection:
            rows = connection.execute(
                "DELETE FROM jobs WHERE finished < ? RETURNING id", (before,)
            ).fetchall()
        return [row["id"] for row in rows]

    def _end(self, job_id: str, state: str, **values: Any) -> bool:
        return self._change(
            job_id,
            "running",
            state=state,
            finished=time.time(),
            worker_pid=None,
            worker_created=None,
            **values,
        )

    def _change(self, job_id: str, state_before: str, **values: Any) -> bool:
        # Column names come from this file alone.
        columns = ", ".join(f"{column} = ?" for column in values)
        with self._connection() as connection:
            changed = connection.execute(
                f"UPDATE jobs SET {columns}, revision = revision + 1 WHERE id = ? AND state = ?",
                (*values.values(), job_id, state_before),
            ).rowcount
        return changed == 1


def _job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        kind=row["kind"],
        request=json.loads(row["request"]),
        state=row["state"],
        stage=row["stage"],
        progress=float(row["progress"]),
        message=row["message"],
        result=None if row["result"] is None else json.loads(row["result"]),
        error=row["error"],
        created=row["created"],
        started=row["started"],
        finished=row["finished"],
        cancel=bool(row["cancel"]),
        deaths=row["deaths"],
        recoveries=row["recoveries"],
        worker=None if row["worker_pid"] is None else (row["worker_pid"], row["worker_created"]),
        revision=row["revision"],
    )
