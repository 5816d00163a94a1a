"""The client on its own: sessions that end, ports that are free, and servers that are not propfield."""

import http.server
import socket
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
