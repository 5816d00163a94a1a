"""Who may speak to the backend: local clients that know the token, in pieces of a bounded size."""

import hmac
import json
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from propfield.errors import PropfieldError

JSON_LIMIT = 64 * 2**10
UPLOAD_LIMIT = 64 * 2**20
# What a browser puts there when a page's own host name was rebound to this machine is another name.
_LOCAL_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?\Z", re.IGNORECASE)


class TooLarge(PropfieldError):
    """A request's body is over its limit."""

    http_status = 413


class Guard:
    """ASGI middleware: checks Host (403) and token (401) before anything else sees the request, and counts
    the bytes of its body (413)."""

    def __init__(self, app: ASGIApp, token: str, host: str = "127.0.0.1") -> None:
        self._app, self._host = app, host
        self._expected = f"Bearer {token}".encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            # No websockets here: unanswered, the server refuses them.
            return
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if not (_LOCAL_HOST.match(host) or host.partition(":")[0] == self._host):
            await _refuse(send, 403, f"This backend answers only to its own address, {self._host}.")
            return
        if not hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
            await _refuse(
                send, 401, "The token is missing or wrong; send the one in the home folder's file “token”."
            )
            return
        limit = UPLOAD_LIMIT if scope["path"] == "/v1/uploads" else JSON_LIMIT
        await self._app(scope, _counted(receive, limit, headers.get(b"content-length")), send)


def _counted(receive: Receive, limit: int, announced: bytes | None) -> Receive:
    too_large = TooLarge(f"The request is larger than the {limit // 1024} kB that are allowed; send less.")
    over = announced is not None and announced.isdigit() and int(announced[:20]) > limit
    received = 0

    async def counted() -> Message:
        nonlocal received
        if over:
            raise too_large
        message = await receive()
        if message["type"] == "http.request":
            received += len(message.get("body", b""))
            if received > limit:
                raise too_large
        return message

    return counted


async def _refuse(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"error": sentence}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
