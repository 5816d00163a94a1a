"""All that the add-on remembers of the backend while Blender runs: the connection, and the one job."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .http import Backend, BackendError, NotAnswering
from .jobs import Job, follow, receive, receive_scene, send_photo, unfinished_learning
from .process import BackendProcess, Connection, connect
from .pump import BUSY_INTERVAL, IDLE_INTERVAL, Pump

STOPPED, STARTING, RUNNING, STOPPING = "stopped", "starting", "running", "stopping"


class Session:
    """The backend and its job. Every method returns at once; `step` carries what threads found to the caller.

    Attributes:
        state: stopped, starting, running or stopping.
        problem: one sentence about the last thing that went wrong, or nothing.
        greeting: the backend's hello while it runs.
        library: the fields that the backend keeps, as it last said.
        job: the work that runs or ran last.
        changed: called after each step in which something changed, to redraw.
        found: called with a learn job that was under way already when the backend was joined.
    """

    def __init__(self) -> None:
        self.pump = Pump()
        self.state = STOPPED
        self.problem = ""
        self.greeting: dict = {}
        self.library: list[dict] = []
        self.backend: Backend | None = None
        self.process: BackendProcess | None = None
        self.job: Job | None = None
        self.changed: Callable[[], None] = lambda: None
        self.found: Callable[[dict], None] = lambda _: None
        self._started = 0

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

    def start(self, port: int, command: str = "", outlives: bool = False) -> None:
        """Joins the backend on the port, or starts one."""
        if self.state in (STARTING, RUNNING, STOPPING):
            return
        self.state, self.problem = STARTING, ""
        self._started += 1
        attempt = self._started

        def given_up() -> bool:
            return attempt != self._started

        def heard(outcome: Any) -> None:
            if given_up():
                if not isinstance(outcome, BackendError) and outcome[0].process:
                    self.pump.work(outcome[0].process.stop, lambda _: None)
                return
            if isinstance(outcome, BackendError):
                self.state, self.problem = STOPPED, str(outcome)
                return
            connection, unfinished, self.library = outcome
            self.backend, self.greeting, self.process = (
                connection.backend,
                connection.greeting,
                connection.process,
            )
            self.state = RUNNING
            if unfinished and not self.learning:
                self.found(unfinished[-1])

        def work() -> tuple[Connection, list[dict], list[dict]]:
            connection = connect(port, command, outlives, given_up)
            return connection, unfinished_learning(connection.backend), connection.backend.fields()

        self.pump.work(work, heard)

    def stop(self) -> None:
        """Ends the backend if this Blender started it; lets go of one that ran already."""
        self._started += 1
        process = self._forget()
        if process is None:
            return
        self.state = STOPPING

        def heard(_: Any) -> None:
            self.state = STOPPED

        self.pump.work(process.stop, heard)

    def leave(self) -> None:
        """For the add-on's end: asks the process to stop unless it may outlive Blender; waits for nothing."""
        self._started += 1
        if self.job is not None:
            self.job.left = True
        process = self._forget()
        if process is not None and not process.outlives:
            process.ask_to_stop()

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
        return self._follow(job, lambda _: request, lambda b, a: receive(b, a, folder, read), done)

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
        return self._follow(
            Job(title=photo.name, kind="reconstruct"),
            lambda backend: send_photo(backend, photo, annotations, choices),
            lambda backend, answer: (receive_scene(backend, answer, folder), None),
            done,
        )

    def _follow(
        self,
        job: Job,
        ask: Callable[[Backend], dict],
        take: Callable[[Backend, dict], tuple[Path, Any]],
        done: Callable[[Path, Any], None],
    ) -> Job:
        """Makes a request in a thread, follows its job to the end, and takes what came of it."""
        if self.state != RUNNING or self.backend is None:
            raise BackendError("No backend runs: start it in the Propfield tab first.")
        if self.learning:
            raise BackendError("The backend works for this Blender already: wait for it, or cancel it.")
        backend, process = self.backend, self.process
        self.job, self.problem = job, ""

        def tell(answer: dict) -> None:
            self.pump.say(job.heard, answer)

        def work() -> tuple[dict, tuple[Path, Any] | None]:
            request = ask(backend) if not job.identifier else None
            answer = follow(backend, job, request, tell, lambda: _death(process))
            if answer.get("state") != "done":
                return answer, None
            self.pump.say(setattr, job, "state", "receiving")
            received = take(backend, answer)
            self.pump.say(setattr, self, "library", backend.fields())
            return answer, received

        def heard(outcome: Any) -> None:
            if isinstance(outcome, BackendError):
                job.state, job.error = "failed", str(outcome)
                if isinstance(outcome, NotAnswering):
                    self._lost(str(outcome))
                return
            answer, received = outcome
            job.heard(answer)
            job.result = answer.get("result") or {}
            job.error = str(answer.get("error") or "")
            job.state = str(answer.get("state"))
            if received is not None:
                job.path = received[0]
                done(*received)

        self.pump.work(work, heard)
        return job

    def fetch(
        self, name: str, folder: Path, read: Callable[[Path], Any], done: Callable[[Path, Any], None]
    ) -> None:
        """Brings a field of the backend's library into `folder`; as `learn` once it is learned."""
        if self.state != RUNNING or self.backend is None:
            raise BackendError("No backend runs: start it in the Propfield tab first.")
        backend, self.problem = self.backend, ""

        def heard(outcome: Any) -> None:
            if isinstance(outcome, BackendError):
                self.problem = str(outcome)
            else:
                done(*outcome)

        self.pump.work(lambda: receive(backend, {"result": {"field": name}}, folder, read), heard)

    def cancel(self) -> None:
        """Asks the job to stop; the backend's answer comes in a later step."""
        if self.job is not None and not self.job.ended:
            self.job.cancel_asked = True

    def step(self) -> float | None:
        """Hears what threads found. Gives the seconds until it is worth calling again, or None for never."""
        before = self._picture()
        self.pump.step()
        dead = _death(self.process)
        if dead and self.state == RUNNING:
            self._lost(dead)
        if self._picture() != before:
            self.changed()
        if self.pump.busy:
            return BUSY_INTERVAL
        return IDLE_INTERVAL if self.state == RUNNING else None

    def wait(self, until: Callable[[], bool], seconds: float = float("inf")) -> bool:
        """For scripts without a window: steps until `until()` holds; says whether it came to that in time."""
        deadline = time.monotonic() + seconds
        while not until():
            if time.monotonic() > deadline:
                return False
            if self.step() is None and not until():
                return False
            time.sleep(0.01)
        return True

    def _lost(self, sentence: str) -> None:
        self._forget()
        self.problem = sentence

    def _forget(self) -> BackendProcess | None:
        process, self.process = self.process, None
        self.backend, self.state = None, STOPPED
        self.greeting, self.library = {}, []
        return process

    def _picture(self) -> tuple:
        job = self.job
        shown = (job.state, job.stage, round(job.progress, 3), job.message, job.error) if job else ()
        return self.state, self.problem, shown


def _death(process: BackendProcess | None) -> str:
    if process is None or process.running:
        return ""
    return f"The backend ended; {process.epitaph()}; start it again, and it takes its jobs up where it was."
