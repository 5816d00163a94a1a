"""A backend's job as the add-on sees it, and the thread's part of following one to its end."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .http import Backend, BackendError, NotAnswering

POLL_SECONDS = 0.2
# A backend that was restarted by hand is back within this long, and the job with it.
SILENCE_SECONDS = 10.0
ENDED = ("done", "failed", "cancelled")


@dataclass
class Job:
    """What the panel shows of a job. Only the main thread writes it.

    Attributes:
        title: what is made, for people: "umbrella".
        kind: learn or reconstruct.
        cancel_asked, left: what the thread that follows it should do: cancel it, or let it work on alone.
        state: queued, running, receiving (the file is on its way), done, failed or cancelled.
        progress: of the whole job, 0 to 1.
        error: one sentence when it failed.
        result: what the backend says of a done job.
        path: the field file that came, or the folder of a photo's scene.
    """

    title: str
    kind: str = "learn"
    identifier: str = ""
    state: str = "queued"
    stage: str = ""
    progress: float = 0.0
    message: str = ""
    error: str = ""
    result: dict = field(default_factory=dict)
    path: Path | None = None
    cancel_asked: bool = False
    left: bool = False
    started: float = field(default_factory=time.monotonic)

    @property
    def ended(self) -> bool:
        """Whether nothing more comes."""
        return self.state in ENDED

    def heard(self, answer: dict) -> None:
        """Takes over what the backend says of a job that still works."""
        self.identifier = str(answer.get("id") or self.identifier)
        self.stage = str(answer.get("stage") or "")
        self.message = str(answer.get("message") or "")
        self.progress = min(1.0, max(0.0, float(answer.get("progress") or 0.0)))
        state = str(answer.get("state") or self.state)
        if state in ("queued", "running"):
            self.state = state

    def line(self) -> str:
        """One line for the progress bar."""
        if self.cancel_asked and not self.ended:
            return "Cancelling…"
        if self.state == "queued":
            return "Waiting…"
        if self.state == "receiving":
            return "Receiving…"
        return f"{(self.stage or 'Starting').capitalize()} {self.progress:.0%}"


def follow(
    backend: Backend,
    job: Job,
    request: dict | None,
    tell: Callable[[dict], None],
    alive: Callable[[], str],
) -> dict:
    """Posts `request` (or joins the job that is there) and waits for its end. Blocks; runs in a thread.

    Args:
        tell: called with the job's JSON on each change.
        alive: a sentence when the backend's process is known to be dead, else nothing.

    Gives the ended job's JSON. BackendError when the backend refuses or is gone.
    """
    identifier = job.identifier or backend.post_job(request or {})
    tell({"id": identifier, "state": "queued"})
    cancelled, last_answer, seen = False, time.monotonic(), None
    while not job.left:
        try:
            if job.cancel_asked and not cancelled:
                backend.cancel(identifier)
                cancelled = True
            answer = backend.job(identifier)
            last_answer = time.monotonic()
        except NotAnswering as error:
            dead = alive()
            if dead:
                raise BackendError(dead) from error
            if time.monotonic() - last_answer > SILENCE_SECONDS:
                raise
            time.sleep(POLL_SECONDS)
            continue
        if answer != seen:
            tell(answer)
            seen = answer
        if answer.get("state") in ENDED:
            return answer
        time.sleep(POLL_SECONDS)
    raise BackendError("The job works on in the backend: start the add-on again to follow it.")


def receive(backend: Backend, answer: dict, folder: Path, read: Callable[[Path], Any]) -> tuple[Path, Any]:
    """Fetches the field of a done learn job into `folder` and reads it. Blocks; runs in a thread."""
    result = answer.get("result") or {}
    if not isinstance(result.get("field"), str):
        raise BackendError("The backend named no field for the finished job: update the backend.")
    path = backend.download_field(result["field"], folder)
    return path, read(path)


def send_photo(backend: Backend, photo: Path, annotations: Path | None, choices: dict) -> dict:
    """Uploads a photo (and its annotations); gives the request to rebuild it. Blocks; runs in a thread."""
    request = {"kind": "reconstruct", "photo": backend.upload(photo), **choices}
    return request | {"annotations": backend.upload(annotations) if annotations else None}


def receive_scene(backend: Backend, answer: dict, folder: Path) -> Path:
    """Fetches the files of a done reconstruct job into a new folder inside `folder`, whole or not at all.
    Blocks; runs in a thread."""
    names = (answer.get("result") or {}).get("files")
    if not isinstance(names, list) or "scene.json" not in names:
        raise BackendError("The backend named no scene for the finished job: update the backend.")
    return backend.download_files(str(answer.get("id")), [str(name) for name in names], folder)


def unfinished_learning(backend: Backend) -> list[dict]:
    """The learn jobs that are still under way, oldest first: a crash of Blender does not lose them."""
    jobs = [j for j in backend.jobs() if j.get("kind") == "learn" and j.get("state") in ("queued", "running")]
    return sorted(jobs, key=lambda job: str(job.get("created")))
