"""The client on its own: sessions that end, ports that are free, and servers that are not propfield."""

import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]

pytest.importorskip("bpy")
sys.path.insert(0, str(REPOSITORY))

from addon.client.session import Session  # noqa: E402


@pytest.fixture
def port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def session(home) -> Iterator[Session]:
    """A session with a home of its own; its backend is stopped at the end."""
    one = Session()
    yield one
    one.stop()
    one.wait(lambda: one.state == "stopped" and not one.pump.busy, 20)


class OtherBlender:
    """The add-on's session in a process of its own, that does what it is told and tells how it is."""

    PROGRAM = """
import json, sys
from pathlib import Path
from addon.client.session import Session
session = Session()
found = []
session.found = found.append
for line in sys.stdin:
    code = json.loads(line)
    print(json.dumps(eval(code)), flush=True)
    session.step()
"""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        )

    def ask(self, code: str) -> object:
        """What an expression over `session`, `found` and `Path` gives there, as JSON."""
        self.process.stdin.write(json.dumps(code) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def start(self, port: int) -> None:
        """Starts or joins the backend there."""
        self.ask(f"session.start({port})")
        assert self.ask("session.wait(lambda: session.state != 'starting', 120)")
        assert self.ask("session.state") == "running", self.ask("session.problem")

    def kill(self) -> None:
        """Ends it as a crash does."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def other_blender(home) -> Iterator[OtherBlender]:
    """A second Blender on this machine."""
    other = OtherBlender()
    yield other
    if other.process.poll() is None:
        other.kill()


class SlowServer(http.server.BaseHTTPRequestHandler):
    """Not propfield: a web page, and a slow one if told."""

    delay = 0.0

    def do_GET(self) -> None:
        time.sleep(self.delay)
        page = b"<html>hello</html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_) -> None:
        """Silent."""


@pytest.fixture
def foreign_server() -> Iterator[type]:
    """Some other program's web server; `server_port` is where."""
    handler = type("Handler", (SlowServer,), {})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        handler.server_port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield handler
        server.shutdown()
