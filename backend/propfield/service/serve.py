"""`propfield serve`: the backend as a process on the loopback address."""

import errno
import json
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager

import psutil
import uvicorn

from propfield import __version__
from propfield.errors import PropfieldError, Unavailable
from propfield.home import Home
from propfield.jobs.lock import HomeLock
from propfield.jobs.processes import creation_time, is_same_process

ADDRESS = "127.0.0.1"


class _Server(uvicorn.Server):
    """A uvicorn server that ends with its own exit code, and ends event streams before it waits for them."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # uvicorn's own raises the signal again after its end, which would look like a crash.
        yield

    def stop(self) -> None:
        """Lets requests end and then the server; callable from a signal handler or any thread."""
        self.config.app.state.stopping = True  # type: ignore[union-attr]
        self.should_exit = True


def serve(home: Home, port: int, *, at_once: int = 1, parent_pid: int | None = None) -> None:
    """Serves a home folder until SIGINT or SIGTERM, or until the process `parent_pid` ends.

    Port 0 takes a free one. Unavailable when the port or the home folder is in use.
    """
    if parent_pid is not None and not psutil.pid_exists(parent_pid):
        raise PropfieldError(f"There is no process {parent_pid} to watch; leave --parent-pid out.")
    listener = _listen(home, port)
    lock = HomeLock(home.folder)
    try:
        lock.take()
        _run(home, listener, at_once, parent_pid)
    finally:
        listener.close()
        lock.release()


def _run(home: Home, listener: socket.socket, at_once: int, parent_pid: int | None) -> None:
    from propfield.service.app import create_app

    app = create_app(home, at_once=at_once)
    server = _Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=3,
            timeout_keep_alive=30,
        )
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: server.stop())
    if parent_pid is not None:
        threading.Thread(target=_follow, args=(parent_pid, server), daemon=True, name="parent").start()
    port = listener.getsockname()[1]
    print(f"propfield {__version__} listening on http://{ADDRESS}:{port}", flush=True)
    print(f"Home folder {home.folder}; stop with Ctrl-C.", flush=True)
    server.run(sockets=[listener])


def _listen(home: Home, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if sys.platform != "win32":
        # Lets a restart have the port at once. On Windows it would let two programs share it.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((ADDRESS, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise Unavailable(_who_has(home, port)) from error
        raise Unavailable(
            f"Port {port} cannot be opened ({error.strerror}); choose another with --port."
        ) from error
    return listener


def _who_has(home: Home, port: int) -> str:
    request = urllib.request.Request(
        f"http://{ADDRESS}:{port}/v1/hello", headers={"Authorization": f"Bearer {home.token()}"}
    )
    try:
        # A proxy from the environment has no part in this.
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=3) as answer:
            hello = json.loads(answer.read(2**20))
        if hello.get("name") == "propfield":
            return (
                f"Port {port} is in use by propfield {hello.get('version')} (process {hello.get('pid')}) "
                "with this home folder; use it as it is, or stop it first."
            )
    except (urllib.error.URLError, OSError, ValueError, AttributeError):
        # Whoever has the port, it is not our backend: the plain sentence says enough.
        pass
    return f"Port {port} is in use by another program; choose another with --port."


def _follow(pid: int, server: _Server) -> None:
    created = creation_time(pid)
    while is_same_process(pid, created):
        time.sleep(1.0)
    server.stop()
