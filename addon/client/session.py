"""All that the add-on remembers of the backend while Blender runs: the connection, and the one job."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .http import Backend, BackendError
from .jobs import Job, follow, persist, receive, receive_scene, send_photo, unfinished_learning
from .link import RUNNING, STARTING, STOPPED, STOPPING, Link

__all__ = ["RUNNING", "STARTING", "STOPPED", "STOPPING", "Session"]


class Session(Link):
    """The backend and its job. Every method returns at once; `step` carries what threads found to the caller.

    Attributes:
        job: the work that runs or ran last.
        found: called with a learn job that was under way already when the backend was joined, and that no
            other Blender can be following.
    """

    def __init__(self) -> None:
        super().__init__()
        self.job: Job | None = None
        self.found: Callable[[dict], None] = lambda _: None

    @property
    def learning(self) -> bool:
        """Whether a job is under way."""
        return self.job is not None and not self.job.ended

    @property
    def categories(self) -> list[dict]:
        """The categories that the backend knows: name and types."""
        return list(self.greeting.get("categories") or [])

    def types_of(self, category: str) -> list[dict]:
        """The interaction types of a category: name, prompt, part."""
        return next((list(c.get("types") or []) for c in self.categories if c.get("name") == category), [])

    def connected(self, jobs: list[dict]) -> None:
        """See Link."""
        unfinished = unfinished_learning(jobs)
        if unfinished and not self.learning and not self.others:
            self.found(unfinished[-1])

    def leave(self) -> None:
        """See Link; a job works on."""
        if self.job is not None:
            self.job.left = True
        super().leave()

    def learn(
        self,
        request: dict,
        folder: Path,
        read: Callable[[Path], Any],
        done: Callable[[Path, Any], None],
        identifier: str = "",
    ) -> Job:
        """Asks for a field, or follows the job `identifier` that is under way.

        When it is there, it lies in `folder`, was read by `read`, and `done` is called.

        `read` runs in the thread and raises BackendError for a bad file; `done` runs in a step.
        BackendError when no backend runs or one learns already.
        """
        job = Job(title=str(request.get("category", "")), identifier=identifier)
        return self.follow(job, lambda _: request, lambda b, a: receive(b, a, folder, read), done)

    def rebuild(
        self,
        photo: Path,
        annotations: Path | None,
        choices: dict,
        folder: Path,
        done: Callable[[Path, None], None],
    ) -> Job:
        """Asks for the scene of a photo; `choices` are the request's category, person, object and type.

        When it is there, it lies in a new folder inside `folder`, and `done` is called with that in a step.
        BackendError when no backend runs or one works already.
        """
        return self.follow(
            Job(title=photo.name, kind="reconstruct"),
            lambda backend: send_photo(backend, photo, annotations, choices),
            lambda backend, answer: (receive_scene(backend, answer, folder), None),
            done,
        )

    def follow(
        self,
        job: Job,
        ask: Callable[[Backend], dict],
        take: Callable[[Backend, dict], tuple[Path, Any]],
        done: Callable[[Path, Any], None],
    ) -> Job:
        """Makes a request in a thread, follows its job to the end, whatever becomes of the backend meanwhile,
        and takes what came of it.

        `ask` gives the request, `take` what came of the ended job, both in the thread; `done` gets that in a
        step. BackendError when no backend runs or one works for this Blender already.
        """
        if self.state != RUNNING:
            raise BackendError("No backend runs: start it in the Propfield tab first.")
        if self.learning:
            raise BackendError("The backend works for this Blender already: wait for it, or cancel it.")
        self.job, self.problem, self.notice = job, "", ""

        def tell(answer: dict) -> None:
            self.pump.say(job.heard, answer)

        def work() -> tuple[dict, tuple[Path, Any] | None]:
            answer = follow(self.current, job, ask, tell)
            if answer.get("state") != "done":
                return answer, None
            self.pump.say(setattr, job, "state", "receiving")
            received = persist(self.current, job, lambda backend: take(backend, answer))
            return answer, received

        def heard(outcome: Any) -> None:
            if isinstance(outcome, BackendError):
                job.state, job.error = "failed", str(outcome)
                return
            answer, received = outcome
            job.heard(answer)
            job.result = answer.get("result") or {}
            job.error = str(answer.get("error") or "")
            job.state = str(answer.get("state"))
            if job.state == "done":
                self.steady()
            if received is not None:
                job.path = received[0]
                done(*received)

        self.pump.work(work, heard)
        return job

    def cancel(self) -> None:
        """Asks the job to stop; the backend's answer comes in a later step."""
        if self.job is not None and not self.job.ended:
            self.job.cancel_asked = True

    def _picture(self) -> tuple:
        job = self.job
        shown = (job.state, job.stage, round(job.progress, 3), job.message, job.error) if job else ()
        return *super()._picture(), shown
