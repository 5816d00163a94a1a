"""One file over HTTP that can break off at any byte and goes on from there (RFC 9110, 13.1.5 and 14)."""

import http.client
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from propfield import __version__
from propfield.errors import Cancelled, NotFound, PropfieldError, Unavailable
from propfield.progress import Progress

ATTEMPTS = 5
"""How often a connection may break without a byte having come before it is given up."""
TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as broken."""
PAUSE = 0.2
"""Seconds before the next try after a break; doubled at each."""
_CHUNK = 256 * 1024
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _Broken(Exception):
    """The connection ended before the file did."""


class _Changed(_Broken):
    """The server has another file now than the one of which a part is here."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but none that leaves encryption."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        checked_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def checked_address(url: str) -> str:
    """The address, if it is one to fetch from: https, or http on this very machine. PropfieldError if not."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return url
    raise PropfieldError(
        f"{url[:200]} is no address that weights are fetched from; it must begin with https."
    )


def opened(url: str, headers: Mapping[str, str] | None = None) -> http.client.HTTPResponse:
    """The answer to a GET request. NotFound for 404 and 410, Unavailable for what else a server refuses or
    when none can be reached; an HTTPError of 416 is let through."""
    request = urllib.request.Request(checked_address(url))
    told = {"User-Agent": f"propfield/{__version__}", "Accept-Encoding": "identity", **(headers or {})}
    for name, value in told.items():
        request.add_header(name, value)
    host = urlsplit(url).hostname
    try:
        return urllib.request.build_opener(_Redirects).open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        error.close()
        if error.code in (http.HTTPStatus.NOT_FOUND, http.HTTPStatus.GONE):
            raise NotFound(f"{url} is no longer there; look for its new place on its homepage.") from error
        if error.code >= 500 or error.code == http.HTTPStatus.TOO_MANY_REQUESTS:
            raise _Broken(f"{host} answers {error.code}") from error
        raise Unavailable(f"{host} refuses to give {url} (HTTP {error.code}).") from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError | ConnectionResetError):
            raise _Broken(f"{host} does not answer") from error
        raise Unavailable(
            f"{host} cannot be reached ({_reason(error)}); without a network, get the file elsewhere and "
            "bring it with `propfield weights get NAME --from FILE`."
        ) from error
    except (http.client.HTTPException, OSError) as error:
        raise _Broken(f"the connection to {host} broke") from error


def read_small(url: str, limit: int) -> bytes:
    """All of a short answer. PropfieldError for one above `limit` bytes; else raises what `opened` does."""
    for attempt in range(ATTEMPTS):
        try:
            with opened(url) as response:
                data = response.read(limit + 1)
        except (_Broken, http.client.HTTPException, OSError) as error:
            if attempt == ATTEMPTS - 1:
                raise Unavailable(
                    f"{urlsplit(url).hostname} cannot be asked ({error}); try again later."
                ) from error
            time.sleep(_pause(attempt))
            continue
        if len(data) > limit:
            raise PropfieldError(f"{url} is not what was expected there: it is far too long.")
        return data
    raise AssertionError("the last attempt returns or raises")


def download(url: str, part: Path, *, size: int | None, progress: Progress, stage: str) -> None:
    """Brings all of a file into `part`, going on from the bytes that are there from an earlier try.

    Beside it `part`.of keeps which file of the server they are of; bytes of another are dropped. When this
    is stopped or the connection stays broken, what came so far is kept; when the server's file has another
    size than `size`, nothing is.

    Raises Cancelled, NotFound, Unavailable, or PropfieldError for another size.
    """
    idle = changes = 0
    while True:
        before = _length(part)
        try:
            _attempt(url, part, size, progress, stage)
            return
        except Cancelled as error:
            kept = f"; {_mb(_length(part))} are kept, and the same command goes on from there"
            raise Cancelled(f"Stopped{kept if _length(part) else ''}.") from error
        except _Broken as error:
            idle = 0 if _length(part) > before else idle + 1
            changes += isinstance(error, _Changed)
            if max(idle, changes) >= ATTEMPTS:
                raise Unavailable(
                    f"Fetching {urlsplit(url).path.rsplit('/', 1)[-1]} broke off at {_mb(_length(part))} "
                    f"({error}); the same command goes on from there."
                ) from error
            time.sleep(_pause(idle))


def drop(part: Path) -> None:
    """Removes a part and what is kept beside it."""
    for path in (part, _note(part)):
        path.unlink(missing_ok=True)


def _attempt(url: str, part: Path, size: int | None, progress: Progress, stage: str) -> None:
    have, mark = _length(part), _known_mark(part, url)
    if have and not mark:
        # Without a mark nobody can tell whether the server still has the same file.
        drop(part)
        have = 0
    if have and have == size:
        return
    headers = {"Range": f"bytes={have}-", "If-Range": mark} if have else {}
    try:
        response = opened(url, headers)
    except urllib.error.HTTPError as error:
        # Nothing comes after what we have: it is whole, or of another file; its hash will tell.
        error.close()
        whole = re.fullmatch(r"bytes \*/(\d+)", error.headers.get("Content-Range", ""))
        if whole and int(whole[1]) == have:
            return
        drop(part)
        raise _Changed("the file on the server has changed") from error
    with response:
        start, total = _extent(response)
        new_mark = _mark(response)
        if start not in (0, have) or (start and new_mark not in ("", mark)):
            drop(part)
            raise _Changed("the file on the server has changed")
        if size is not None and total is not None and total != size:
            drop(part)
            raise PropfieldError(
                f"{url} holds {total:,} bytes, and not the {size:,} that were expected: it has changed, and "
                "nothing was kept."
            )
        if not start:
            _note(part).write_text(json.dumps({"url": url, "mark": new_mark}), encoding="utf-8")
        with part.open("r+b" if start else "wb") as file:
            file.seek(start)
            _copy(response, file, start, total or size, progress, stage)


def _copy(
    response: http.client.HTTPResponse,
    file: IO[bytes],
    have: int,
    total: int | None,
    progress: Progress,
    stage: str,
) -> None:
    while total is None or have < total:
        progress(stage, have / total if total else 0.0, f"{_mb(have)} of {_mb(total) if total else '?'}")
        try:
            # read1 gives what is there; read would wait for a whole chunk, and lose it when the rest is late.
            chunk = response.read1(_CHUNK if total is None else min(_CHUNK, total - have))
        except (http.client.HTTPException, OSError) as error:
            raise _Broken(str(error) or "no answer") from error
        if not chunk:
            break
        file.write(chunk)
        file.flush()
        have += len(chunk)
    if total is not None and have < total:
        raise _Broken("the connection was closed")
    progress(stage, 1.0, _mb(have))


def _extent(response: http.client.HTTPResponse) -> tuple[int, int | None]:
    """The first byte that the answer gives, and how many the whole file has."""
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        told = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
        if told is None:
            raise _Broken("the server does not tell which part it gives")
        return int(told[1]), int(told[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _mark(response: http.client.HTTPResponse) -> str:
    """What If-Range may be asked with: a strong ETag, else the date of the last change; "" for neither."""
    etag = response.headers.get("ETag", "")
    if etag and not etag.startswith("W/"):
        return etag
    return response.headers.get("Last-Modified", "")


def _known_mark(part: Path, url: str) -> str:
    with suppress(OSError, ValueError, KeyError, TypeError):
        note = json.loads(_note(part).read_text(encoding="utf-8"))
        if note["url"] == url:
            return str(note["mark"])
    return ""


def _note(part: Path) -> Path:
    return part.with_name(part.name + ".of")


def _length(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _pause(attempt: int) -> float:
    return min(PAUSE * 2**attempt, 5.0)


def _reason(error: urllib.error.URLError) -> str:
    reason = error.reason
    return str(reason.strerror if isinstance(reason, OSError) and reason.strerror else reason)


def _mb(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
