"""A backend's job as the add-on sees it, and the thread's part of following one to its end."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .http import Backend, BackendError, NotAnswering, NotThere

POLL_SECONDS = 0.2
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


Current = Callable[[], Backend | None]
"""The backend, None while it is restarted; BackendError once it is gone for good."""


def follow(current: Current, job: Job, ask: Callable[[Backend], dict], tell: Callable[[dict], None]) -> dict:
    """Posts the request that `ask` gives (or joins the job that is there) and waits for its end, also while
    the backend is silent or restarted. `tell` is called with the job's JSON on each change. Blocks; runs in a
    thread.

    Gives the ended job's JSON. BackendError when the backend refuses or is gone for good.
    """
    identifier = job.identifier or _posted(current, ask)
    tell({"id": identifier, "state": "queued"})
    cancelled, seen = False, None
    while not job.left:
        backend = current()
        try:
            if backend is None:
                raise NotAnswering("The backend is being restarted.")
            if job.cancel_asked and not cancelled:
                backend.cancel(identifier)
                cancelled = True
            answer = backend.job(identifier)
        except NotAnswering:
            # The heartbeat finds out what became of it; `current` tells.
            time.sleep(POLL_SECONDS)
            continue
        if answer != seen:
            tell(answer)
            seen = answer
        if answer.get("state") in ENDED:
            return answer
        time.sleep(POLL_SECONDS)
    raise BackendError("The job works on in the backend: start the add-on again to follow it.")


def persist(current: Current, job: Job, take: Callable[[Backend], Any]) -> Any:
    """What `take` gives, tried anew while the backend is silent or restarted. Blocks; runs in a thread."""
    while not job.left:
        backend = current()
        try:
            if backend is not None:
                return take(backend)
        except NotAnswering:
            pass
        time.sleep(POLL_SECONDS)
    raise BackendError("The result stays in the backend: start the add-on again to fetch it.")


def _posted(current: Current, ask: Callable[[Backend], dict]) -> str:
    """Posts a request once; only where nobody listened it is safe to try again."""
    while True:
        backend = current()
        try:
            if backend is not None:
                return backend.post_job(ask(backend))
        except NotThere:
            pass
        time.sleep(POLL_SECONDS)


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


def unfinished_learning(jobs: list[dict]) -> list[dict]:
    """The learn jobs that are still under way, oldest first: a crash of Blender does not lose them."""
    open_jobs = [j for j in jobs if j.get("kind") == "learn" and j.get("state") in ("queued", "running")]
    return sorted(open_jobs, key=lambda job: str(job.get("created")))
