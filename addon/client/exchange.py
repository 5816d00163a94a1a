"""One HTTP request on loopback with a deadline for all of it, however the other side dawdles."""

import http.client
import io
import socket
import time
from typing import Any

HOST = "127.0.0.1"


class TimedConnection(http.client.HTTPConnection):
    """A connection that raises TimeoutError when `seconds` are over, or nothing came for `silence` seconds.

    A socket's own timeout begins anew with each byte, so that a server which sends one now and then would
    hold a thread for ever.
    """

    def __init__(self, port: int, seconds: float, silence: float) -> None:
        super().__init__(HOST, port)
        self._end, self._silence = time.monotonic() + seconds, silence
        self._raw: socket.socket | None = None

    def connect(self) -> None:
        """Opens the socket."""
        self._raw = socket.create_connection((HOST, self.port), self.left())
        self.sock: Any = _TimedSocket(self._raw, self)

    def left(self) -> float:
        """Seconds that the next wait may take. TimeoutError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline is over")
        return min(left, self._silence)

    def hang_up(self) -> None:
        """Closes the socket, whatever is still to come."""
        self.close()
        if self._raw is not None:
            self._raw.close()


class _TimedSocket:
    """As much of a socket as http.client asks for."""

    def __init__(self, raw: socket.socket, connection: TimedConnection) -> None:
        self._raw, self._connection = raw, connection

    def sendall(self, data: Any) -> None:
        """Sends all of it."""
        self._raw.settimeout(self._connection.left())
        self._raw.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        """For the response."""
        return io.BufferedReader(_TimedReader(self._raw, self._connection))

    def close(self) -> None:
        """The response may still be read: `hang_up` closes."""


class _TimedReader(io.RawIOBase):
    def __init__(self, raw: socket.socket, connection: TimedConnection) -> None:
        super().__init__()
        self._raw, self._connection = raw, connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._raw.settimeout(self._connection.left())
        return self._raw.recv_into(buffer)
