"""Stands between the add-on and its backend, and makes that slow, dead, or gone."""

import socket
import threading
import time
from contextlib import suppress


class SlowProxy:
    """Forwards a port of its own to `port`.

    Attributes:
        piece, pause: answers come in pieces of so many bytes, with so many seconds before each.
        dead: connections are taken and never answered.
    """

    def __init__(self, port: int) -> None:
        self.behind = port
        self.piece, self.pause, self.dead = 65536, 0.0, False
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """From now on nobody listens."""
        # A thread that waits in accept would keep the port open.
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._open.append(connection)
            if not self.dead:
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.behind)) as there:
            threading.Thread(target=_copy, args=(connection, there), daemon=True).start()
            while data := there.recv(65536):
                while data and not self.dead:
                    time.sleep(self.pause)
                    connection.sendall(data[: self.piece])
                    data = data[self.piece :]
            if not self.dead:
                connection.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
