"""`propfield serve`: the backend as a process on the loopback address."""

import errno
import ipaddress
import json
import os
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psutil
import uvicorn

from propfield import __version__
from propfield.errors import PropfieldError, Unavailable
from propfield.home import Home
from propfield.jobs.lock import HomeLock
from propfield.service.clients import Clients
from propfield.service.log import keep_small, tell_on_stdout

ADDRESS = "127.0.0.1"
_BETWEEN_LOOKS = 0.5
_LONGEST_END = 30.0


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


def serve(
    home: Home,
    port: int,
    *,
    host: str = ADDRESS,
    at_once: int = 1,
    parent_pid: int | None = None,
    log: Path | None = None,
) -> None:
    """Serves a home folder until SIGINT or SIGTERM, or until the process `parent_pid`, and all that came to
    use the backend as well, are gone.

    Port 0 takes a free one. `host` is one address of this machine; any but the loopback's is told of on
    stderr. `log` is where the standard output goes, if that is a file that is to stay small. Unavailable when
    the port or the home folder is in use.
    """
    if parent_pid is not None and not psutil.pid_exists(parent_pid):
        raise PropfieldError(f"There is no process {parent_pid} to watch; leave --parent-pid out.")
    listener = _listen(home, _one_address(host), port)
    lock = HomeLock(home.folder)
    try:
        lock.take(listener.getsockname()[1])
        _run(home, listener, host, at_once, Clients(parent_pid), log)
    finally:
        listener.close()
        lock.release()


def _one_address(host: str) -> str:
    """The address, if it is one: the Host header is held against it. PropfieldError for all or for a name."""
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError as error:
        raise PropfieldError(f"“{host}” is no IPv4 address; name one of this machine, or none.") from error
    if address.is_unspecified or address.is_multicast:
        raise PropfieldError(f"{host} is no address of one network; name the one that is meant.")
    if not address.is_loopback:
        print(
            f"propfield: {host} can be reached by other machines, and the token goes over the network"
            " unencrypted: do this in a network that you trust, or leave --host out and use ssh -L.",
            file=sys.stderr,
            flush=True,
        )
    return host


def _run(
    home: Home, listener: socket.socket, host: str, at_once: int, clients: Clients, log: Path | None
) -> None:
    from propfield.service.app import create_app

    if log is not None:
        tell_on_stdout()
    # Weights too are looked for in this home, as its workers do.
    os.environ["PROPFIELD_HOME"] = str(home.folder)
    app = create_app(home, clients=clients, host=host, at_once=at_once)
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
    threading.Thread(target=_look_after, args=(clients, log, server), daemon=True, name="clients").start()
    port = listener.getsockname()[1]
    print(f"propfield {__version__} listening on http://{host}:{port}", flush=True)
    print(f"Home folder {home.folder}; stop with Ctrl-C.", flush=True)
    server.run(sockets=[listener])


def _look_after(clients: Clients, log: Path | None, server: _Server) -> None:
    while not clients.all_gone:
        time.sleep(_BETWEEN_LOOKS)
        if log is not None:
            keep_small(log)
    server.stop()
    time.sleep(_LONGEST_END)
    # Only a server that hangs is still here.
    os._exit(1)


def _listen(home: Home, host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if sys.platform != "win32":
        # Lets a restart have the port at once. On Windows it would let two programs share it.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise Unavailable(_who_has(home, host, port)) from error
        raise Unavailable(
            f"Port {port} of {host} cannot be opened ({error.strerror}); choose another with --port."
        ) from error
    return listener


def _who_has(home: Home, host: str, port: int) -> str:
    request = urllib.request.Request(
        f"http://{host}:{port}/v1/hello", headers={"Authorization": f"Bearer {home.token()}"}
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
