"""The backend's process: found, started with its log in a file, recognised when it runs already, stopped."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from .home import log_file, read_token
from .http import Backend, BackendError, Foreign, NotAnswering
from .log import cause, last_lines, make_room

# The first start of torch from a cold disk takes most of a minute on a slow machine.
START_SECONDS = 120.0
STOP_SECONDS = 10.0
AS_MODULE = ("-c", "from propfield.cli import main; main()")


def find_command(preferred: str = "") -> list[str]:
    """How to start propfield: the path of the preferences, else PATH, else beside or with a known Python.

    `preferred` may be the `propfield` program or a Python that has it. BackendError where none is found.
    """
    if preferred.strip():
        program = Path(preferred.strip()).expanduser()
        if not program.is_file():
            raise BackendError(
                f"{program} is not there: set the propfield program's path in the add-on's preferences."
            )
        return [str(program), *AS_MODULE] if _is_python(program) else [str(program)]
    name = "propfield.exe" if sys.platform == "win32" else "propfield"
    # A Blender that was started from the desktop has a short PATH, so the usual places come too.
    beside = [Path(sys.executable).parent, Path(sys.prefix) / "bin", Path(sys.prefix) / "Scripts"]
    users = [Path.home() / ".local" / "bin", Path.home() / ".local/share/uv/tools/propfield/bin"]
    on_path = shutil.which("propfield")
    candidates = [Path(on_path)] if on_path else []
    for candidate in candidates + [folder / name for folder in beside + users]:
        if candidate.is_file():
            return [str(candidate)]
    own = sys.executable if _is_python(Path(sys.executable)) else None
    for python in filter(None, (own, shutil.which("python3"), shutil.which("python"))):
        if _has_propfield(python):
            return [python, *AS_MODULE]
    raise BackendError(
        "The propfield program was not found: install it (“make demo” in its source folder does), and set "
        "Program in the add-on's preferences to its .venv/bin/propfield."
    )


@dataclass(frozen=True)
class Connection:
    """A backend that answers, what it said, and its process if this Blender started it.

    Attributes:
        others: how many programs use it beside this one.
    """

    backend: Backend
    greeting: dict
    process: "BackendProcess | None" = None
    others: int = 0


def join(port: int, keep: bool) -> Connection:
    """The backend that runs on the port, in which this Blender is entered. NotAnswering where there is none,
    Foreign for another program. Blocks; not for the UI."""
    backend = Backend(port, read_token())
    try:
        greeting = backend.hello()
    except NotAnswering as error:
        if isinstance(error.__cause__, TimeoutError):
            raise Foreign(
                f"Port {port} is in use by a program that does not answer: close it, or set another port in "
                "the add-on's preferences."
            ) from error
        raise
    return Connection(backend, greeting, others=_entered(backend, keep))


def connect(port: int, command: str, keep: bool, given_up: Callable[[], bool]) -> Connection:
    """The backend on the port: the one that runs there, else one that is started now. Blocks; not for the UI.

    Args:
        command: the preferences' path, or nothing.
        keep: whether the backend stays when this Blender ends.
        given_up: asked often; when it says yes, what was started is stopped.

    Raises BackendError.
    """
    try:
        return join(port, keep)
    except NotAnswering:
        process = BackendProcess.start(find_command(command), port)
    try:
        return _await_hello(process, port, keep, given_up)
    except BackendError:
        process.stop()
        raise


def _entered(backend: Backend, keep: bool) -> int:
    """How many others use it, once this one is entered. One that was told to end may refuse."""
    try:
        return max(0, backend.attach(os.getpid(), keep) - 1)
    except NotAnswering:
        raise
    except BackendError:
        # A Blender in a sandbox has process numbers of its own: then it uses the backend while that is there.
        return 0


class BackendProcess:
    """A `propfield serve` that this Blender started."""

    def __init__(self, popen: subprocess.Popen, log: Path, since: int) -> None:
        self._popen = popen
        self.log, self._since = log, since

    @classmethod
    def start(cls, command: list[str], port: int) -> "BackendProcess":
        """Starts `command serve --port …` in the background, its output at the end of the log. It ends with
        this Blender, unless others use it then or it is told to stay. Raises BackendError."""
        log = log_file()
        watched = ["--parent-pid", str(os.getpid()), "--log", str(log)]
        try:
            log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_room(log)
            with open(log, "ab") as stream:
                since = stream.seek(0, os.SEEK_END)
                popen = subprocess.Popen(
                    [*command, "serve", "--port", str(port), *watched],
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    env=_environment(),
                    **_apart(),
                )
        except OSError as error:
            raise BackendError(
                f"{command[0]} could not be started ({error.strerror or error}): check its path in the "
                "add-on's preferences."
            ) from error
        return cls(popen, log, since)

    @property
    def running(self) -> bool:
        """Whether the process is alive; asks the system, never waits."""
        return self._popen.poll() is None

    def last_lines(self) -> tuple[str, ...]:
        """The last lines that it wrote. Reads a file; not for the UI."""
        return last_lines(self.log, self._since)

    def epitaph(self) -> str:
        """What it said last, for a sentence about its end. Reads a file; not for the UI."""
        lines = self.last_lines()
        return (
            f"it said “{lines[-1]}”" if lines else f"it said nothing and left with code {self._popen.poll()}"
        )

    def ask_to_stop(self) -> None:
        """Asks it to end; does not wait."""
        if self.running:
            self._popen.terminate()

    def stop(self) -> None:
        """Ends it: asks, waits a few seconds, then insists. Blocks; not for the UI."""
        self.ask_to_stop()
        try:
            self._popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()


def _await_hello(process: BackendProcess, port: int, keep: bool, given_up: Callable[[], bool]) -> Connection:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if given_up():
            raise BackendError("The backend's start was given up.")
        alive = process.running
        try:
            # A backend in a new home folder writes its token only as it starts.
            if read_token():
                joined = join(port, keep)
                return replace(joined, process=process)
        except NotAnswering:
            pass
        if not alive:
            raise BackendError(_why_it_ended(process))
        time.sleep(0.1)
    raise BackendError(
        f"The backend did not answer in {START_SECONDS:.0f} seconds; see the log in {process.log}."
    )


def _why_it_ended(process: BackendProcess) -> str:
    known = cause(process.last_lines())
    return known or f"The backend ended while starting; {process.epitaph()}; see the log in {process.log}."


def _is_python(program: Path) -> bool:
    return program.stem.lower().startswith("python")


def _has_propfield(python: str) -> bool:
    probe = "import importlib.util, sys; sys.exit(importlib.util.find_spec('propfield') is None)"
    try:
        return (
            subprocess.run(
                [python, "-c", probe], env=_environment(), timeout=10, capture_output=True, check=False
            ).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def _environment() -> dict[str, str]:
    # Blender may point these at its own Python, in which another Python cannot live.
    return {
        key: value
        for key, value in os.environ.items()
        if key not in ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "__PYVENV_LAUNCHER__")
    } | {"PYTHONUNBUFFERED": "1"}


def _apart() -> dict:
    # Its own session, so that Ctrl-C in Blender's terminal does not end it; no console window on Windows.
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
