"""A real HTTP server of files that can misbehave as the world's do: breaks off, changes, ignores Range."""

import hashlib
import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """One file, and how it is served.

    Attributes:
        breaks: after how many bytes of an answer's body the connection is closed, answer by answer.
        ranges: whether Range is understood.
        weak: whether the ETag is a weak one.
        slow: seconds between pieces of 1 kB.
        moved: answer with a redirect to this path.
        status: answer with this error.
    """

    content: bytes
    breaks: list[int] = field(default_factory=list)
    ranges: bool = True
    weak: bool = False
    slow: float = 0.0
    moved: str = ""
    status: int = 0

    @property
    def etag(self) -> str:
        return f'{"W/" if self.weak else ""}"{hashlib.md5(self.content).hexdigest()}"'


class FileServer:
    """`files` are served by their paths; `asked` has each request's path and Range."""

    def __init__(self) -> None:
        self.files: dict[str, Served] = {}
        self.asked: list[tuple[str, str | None]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add_repository(self, name: str, files: dict[str, bytes], commit: str = "c0ffee") -> None:
        """A repository as the hub serves it: safetensors in LFS, behind a redirect."""
        siblings = []
        for file, content in files.items():
            blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
            about = {"rfilename": file, "size": len(content), "blobId": blob}
            if file.endswith(".safetensors"):
                about["lfs"] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
                self.files[f"/{name}/resolve/{commit}/{file}"] = Served(b"", moved=f"/store/{file}")
                self.files[f"/store/{file}"] = Served(content)
            else:
                self.files[f"/{name}/resolve/{commit}/{file}"] = Served(content, weak=True)
            siblings.append(about)
        told = json.dumps({"sha": commit, "siblings": siblings}).encode()
        self.files[f"/api/models/{name}/revision/main?blobs=true"] = Served(told)


def _handler(server: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            server.asked.append((self.path, asked))
            served = server.files.get(self.path)
            if served is None or served.status:
                self.send_error(served.status if served else 404)
                return
            if served.moved:
                self.send_response(302)
                self.send_header("Location", served.moved)
                self.end_headers()
                return
            self._send(served, asked)

        def _send(self, served: Served, asked: str | None) -> None:
            size = len(served.content)
            begin = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and served.ranges else 0
            if begin and self.headers.get("If-Range") != served.etag:
                begin = 0
            if begin and begin >= size:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{size}")
                self.end_headers()
                return
            body = served.content[begin:]
            self.send_response(206 if begin else 200)
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{size - 1}/{size}")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", served.etag)
            self.end_headers()
            if served.breaks:
                body = body[: served.breaks.pop(0)]
            for start in range(0, len(body), 1024):
                self.wfile.write(body[start : start + 1024])
                if served.slow:
                    time.sleep(served.slow)
            self.close_connection = True

    return Handler
