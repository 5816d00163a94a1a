"""The backend's process: found, started with its log in a file, recognised when it runs already, stopped."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .home import log_file, read_token
from .http import Backend, BackendError, Foreign, NotAnswering

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
        "The propfield program was not found: install it, and set its path in the add-on's preferences."
    )


@dataclass(frozen=True)
class Connection:
    """A backend that answers, what it said, and its process if this Blender started it."""

    backend: Backend
    greeting: dict
    process: "BackendProcess | None" = None


def connect(port: int, command: str, outlives: bool, given_up: Callable[[], bool]) -> Connection:
    """The backend on the port: the one that runs there, else one that is started now. Blocks; not for the UI.

    Args:
        command: the preferences' path, or nothing.
        outlives: whether the backend stays when this Blender ends.
        given_up: asked often; when it says yes, what was started is stopped.

    Raises BackendError.
    """
    try:
        backend = Backend(port, read_token())
        return Connection(backend, backend.hello())
    except Foreign:
        raise
    except NotAnswering as error:
        if isinstance(error.__cause__, TimeoutError):
            raise Foreign(
                f"Port {port} is in use by a program that does not answer: close it, or set another port in "
                "the add-on's preferences."
            ) from error
    process = BackendProcess.start(find_command(command), port, outlives)
    try:
        return _await_hello(process, port, given_up)
    except BackendError:
        process.stop()
        raise


class BackendProcess:
    """A `propfield serve` that this Blender started."""

    def __init__(self, popen: subprocess.Popen, log: Path, outlives: bool) -> None:
        self._popen = popen
        self.log = log
        self.outlives = outlives

    @classmethod
    def start(cls, command: list[str], port: int, outlives: bool) -> "BackendProcess":
        """Starts `command serve --port …` in the background, its output in the log. Raises BackendError."""
        log = log_file()
        arguments = [*command, "serve", "--port", str(port)]
        if not outlives:
            arguments += ["--parent-pid", str(os.getpid())]
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with open(log, "wb") as stream:
                popen = subprocess.Popen(
                    arguments,
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
        return cls(popen, log, outlives)

    @property
    def running(self) -> bool:
        """Whether the process is alive; asks the system, never waits."""
        return self._popen.poll() is None

    def epitaph(self) -> str:
        """What it said last, for a sentence about its end."""
        last = last_line(self.log)
        return f"it said “{last}”" if last else f"it said nothing and left with code {self._popen.poll()}"

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


def last_line(log: Path, most_bytes: int = 8192) -> str:
    """The last line of a log that says something, shortened for a sentence."""
    try:
        with open(log, "rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - most_bytes))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""


def _await_hello(process: BackendProcess, port: int, given_up: Callable[[], bool]) -> Connection:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if given_up():
            raise BackendError("The backend's start was given up.")
        if not process.running:
            raise BackendError(
                f"The backend ended while starting; {process.epitaph()}; see the log in {process.log}."
            )
        # A backend in a new home folder writes its token only as it starts.
        if token := read_token():
            backend = Backend(port, token)
            try:
                return Connection(backend, backend.hello(timeout=2.0), process)
            except NotAnswering:
                pass
        time.sleep(0.1)
    raise BackendError(
        f"The backend did not answer in {START_SECONDS:.0f} seconds; see the log in {process.log}."
    )


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
