"""Requests against servers that dawdle, lie, are foreign, or are of another version."""

import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from addon.client.exchange import TimedConnection
from addon.client.http import Backend, BackendError, Foreign, NotAnswering, NotThere
from addon.client.version import PROTOCOL, VERSION, note_on

from addon.client import http as client_http


class Liar(http.server.BaseHTTPRequestHandler):
    """Answers whatever it is told to, to whatever is asked."""

    answer: dict | bytes = {}
    status = 200

    def do_GET(self) -> None:
        body = self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET

    def log_message(self, *_) -> None:
        """Silent."""


@pytest.fixture
def liar() -> Iterator[type]:
    handler = type("Handler", (Liar,), {})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        handler.backend = Backend(server.server_address[1], "token")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield handler
        server.shutdown()


@pytest.fixture
def raw_server() -> Iterator:
    """Serves each connection by a function; gives a Backend at it."""
    servers = []

    def serve(talk) -> Backend:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=_quietly, args=(talk, connection), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return Backend(server.getsockname()[1], "token")

    yield serve
    for server in servers:
        server.close()


def _quietly(talk, connection: socket.socket) -> None:
    with connection:
        try:
            talk(connection)
        except OSError:
            return


def _trickle(data: bytes, seconds: float):
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        for number in range(len(data)):
            connection.sendall(data[number : number + 1])
            time.sleep(seconds)

    return talk


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"])
def test_a_server_that_sends_a_byte_now_and_then_is_given_up(raw_server, monkeypatch, begin):
    """Each byte comes well within the socket's timeout; the whole of the answer does not."""
    monkeypatch.setattr(client_http, "ANSWER_SECONDS", 0.6)

    def talk(connection: socket.socket) -> None:
        connection.sendall(begin)
        _trickle(b"H" * 10_000, 0.05)(connection)

    backend = raw_server(talk)
    begun = time.monotonic()
    with pytest.raises(NotAnswering, match="is silent"):
        backend.jobs()
    assert time.monotonic() - begun < 10


def test_a_server_that_accepts_and_never_answers_is_given_up(raw_server, monkeypatch):
    monkeypatch.setattr(client_http, "ANSWER_SECONDS", 0.3)
    with pytest.raises(NotAnswering, match="is silent"):
        raw_server(lambda connection: time.sleep(60)).jobs()


def test_silence_is_shorter_than_the_deadline_of_a_file(raw_server, monkeypatch, tmp_path):
    monkeypatch.setattr(client_http, "SILENCE_SECONDS", 0.3)

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n123")
        time.sleep(60)

    with pytest.raises(NotAnswering, match="is silent"):
        raw_server(talk).download_field("umbrella", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_early_answer_to_a_large_upload_is_read(raw_server, tmp_path):
    body = b'{"error": "The request is larger than the 65536 kB that are allowed; send less."}'

    def talk(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(
            b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(2**20):
            pass

    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"x" * 2**22)
    with pytest.raises(BackendError, match="65536 kB"):
        raw_server(talk).upload(photo)


@pytest.mark.parametrize(
    "talk",
    [
        lambda c: c.sendall(b"220 mail.example ESMTP\r\n"),
        lambda c: c.sendall(b"SSH-2.0-OpenSSH_9.6\r\n"),
        lambda c: c.sendall(b"\x00" * 70_000),
        lambda c: c.sendall(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n{}"),
        lambda c: c.sendall(b"HTTP/1.1 200 OK\r\n\r\n[1, 2]"),
        lambda c: c.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"),
        lambda c: c.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\n\r\n"),
    ],
)
def test_what_is_no_propfield_is_in_use_by_another_program(raw_server, talk):
    backend = raw_server(lambda connection: (connection.recv(65536), talk(connection)))
    with pytest.raises(Foreign, match="in use by another program"):
        backend.hello()


def test_another_users_propfield_refuses_the_token(liar):
    liar.status, liar.answer = 401, {"error": "The token is missing or wrong."}
    with pytest.raises(Foreign, match="refuses this user"):
        liar.backend.hello()


@pytest.mark.parametrize(
    ("protocol", "version", "told"),
    [
        (PROTOCOL + 1, "0.9.0", "newer than this add-on .*update the add-on to 0.9.0"),
        (PROTOCOL - 1, "0.0.1", f"older than this add-on .*update the backend to {VERSION}"),
        ("1", "0.1.0", "in use by another program"),
        (None, "0.1.0", "in use by another program"),
        (True, "0.1.0", "in use by another program"),
    ],
)
def test_another_protocol_says_which_side_to_update(liar, protocol, version, told):
    liar.answer = {"name": "propfield", "protocol": protocol, "version": version}
    with pytest.raises(Foreign, match=told):
        liar.backend.hello()


def test_another_version_of_the_same_protocol_is_a_note():
    assert note_on(VERSION) == note_on("") == note_on("who knows") == ""
    assert note_on("99.0").endswith("update the add-on.")
    assert note_on("0.0.9").endswith("update the backend.")


def test_more_json_than_the_window_could_bear_is_not_decoded(liar):
    liar.answer = b'{"jobs": [' + b"0," * (client_http.MOST_JSON_BYTES // 2) + b"0]}"
    with pytest.raises(Foreign):
        liar.backend.jobs()


def test_nobody_there():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(NotThere, match=f"No backend answers on port {port}"):
        Backend(port, "token").hello()


def test_no_socket_is_left_open(liar):
    liar.answer = {"jobs": []}
    connection = TimedConnection(liar.backend.port, 5, 5)
    connection.request("GET", "/v1/jobs")
    raw = connection._raw
    connection.getresponse().read()
    connection.hang_up()
    assert raw.fileno() == -1
