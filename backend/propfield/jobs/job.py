"""A job: one piece of long work, as it stands."""

from dataclasses import dataclass
from datetime import UTC, datetime

STATES = ("queued", "running", "done", "failed", "cancelled")
ENDED = frozenset({"done", "failed", "cancelled"})


@dataclass(frozen=True)
class Job:
    """A row of the job database.

    Attributes:
        request: what was asked for, JSON, without its kind.
        stage: short verb phrase of what it does now.
        progress: in [0, 1], of the whole job; it never goes back within one run.
        result: JSON, of a done job.
        error: one sentence, of a failed job.
        created, started, finished: seconds since the epoch.
        cancel: the user asked for its end.
        deaths: how often its process was ended from outside.
        recoveries: how often the service died while it ran.
        worker: process id and creation time of its worker, while it runs.
        revision: grows with each change.
    """

    id: str
    kind: str
    request: dict
    state: str
    stage: str
    progress: float
    message: str
    result: dict | None
    error: str | None
    created: float
    started: float | None
    finished: float | None
    cancel: bool
    deaths: int
    recoveries: int
    worker: tuple[int, float] | None
    revision: int

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    def as_json(self) -> dict:
        """The job as the wire gives it."""
        return {
            "id": self.id,
            "kind": self.kind,
            "request": self.request,
            "state": self.state,
            "stage": self.stage,
            "progress": round(self.progress, 4),
            "message": self.message,
            "result": self.result,
            "error": self.error,
            "created": _moment(self.created),
            "finished": _moment(self.finished),
        }


def _moment(seconds: float | None) -> str | None:
    return (
        None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    )
