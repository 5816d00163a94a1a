"""A download goes on from the byte where it broke, and starts anew when the file has changed."""

import numpy as np
import pytest

from propfield.errors import Cancelled, NotFound, PropfieldError, Unavailable
from propfield.progress import silent
from propfield.weights import download as downloading
from propfield.weights.download import download

CONTENT = np.random.default_rng(0).bytes(100_000)


@pytest.fixture
def part(tmp_path):
    return tmp_path / "a.bin"


def bring(server, part, *, size: int | None = len(CONTENT), progress=silent) -> bytes:
    download(f"{server.url}/a.bin", part, size=size, progress=progress, stage="fetch a.bin")
    return part.read_bytes()


def ranges(server) -> list[str | None]:
    return [asked for _, asked in server.asked]


def test_a_whole_file(server, part):
    server.files["/a.bin"] = server.served(CONTENT)
    told = []
    assert bring(server, part, progress=lambda *step: told.append(step)) == CONTENT
    assert told[0] == ("fetch a.bin", 0.0, "0.0 MB of 0.1 MB")
    assert told[-1][1] == 1.0


def test_a_broken_one_goes_on_from_the_byte(server, part):
    server.files["/a.bin"] = server.served(CONTENT, breaks=[30_000, 10_001])
    assert bring(server, part) == CONTENT
    assert ranges(server) == [None, "bytes=30000-", "bytes=40001-"]


def test_a_later_call_goes_on_too(server, part):
    server.files["/a.bin"] = server.served(CONTENT, breaks=[30_000])

    def stopping(stage: str, fraction: float, message: str = "") -> None:
        if fraction > 0.2:
            raise Cancelled("Stopped; nothing was written.")

    with pytest.raises(Cancelled, match=r"MB are kept, and the same command goes on from there"):
        bring(server, part, progress=stopping)
    kept = part.stat().st_size
    assert 20_000 < kept <= 30_000
    assert part.read_bytes() == CONTENT[:kept]
    server.files["/a.bin"].breaks.clear()
    assert bring(server, part) == CONTENT
    assert ranges(server)[-1] == f"bytes={kept}-"


def test_one_that_is_whole_already_is_not_asked_for_again(server, part):
    server.files["/a.bin"] = server.served(CONTENT)
    bring(server, part)
    bring(server, part)
    assert len(server.asked) == 1
    # Of one whose size nobody told, the server is asked whether there is more.
    assert bring(server, part, size=None) == CONTENT
    assert ranges(server) == [None, "bytes=100000-"]


def test_a_file_that_changed_meanwhile_starts_anew(server, part):
    server.files["/a.bin"] = server.served(CONTENT, breaks=[30_000] + [0] * downloading.ATTEMPTS)
    with pytest.raises(Unavailable, match=r"broke off at 0\.0 MB .*the same command goes on"):
        bring(server, part)
    assert part.stat().st_size == 30_000
    changed = bytes(reversed(CONTENT))
    server.files["/a.bin"] = server.served(changed)
    assert bring(server, part) == changed


def test_a_part_of_another_address_is_not_gone_on_with(server, part):
    server.files["/a.bin"] = server.served(CONTENT, breaks=[30_000] + [0] * downloading.ATTEMPTS)
    with pytest.raises(Unavailable):
        bring(server, part)
    server.files["/b.bin"] = server.served(CONTENT)
    download(f"{server.url}/b.bin", part, size=len(CONTENT), progress=silent, stage="fetch")
    assert server.asked[-1] == ("/b.bin", None)
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize("how", [{"ranges": False}, {"weak": True}])
def test_a_server_that_cannot_go_on_starts_anew(server, part, how):
    server.files["/a.bin"] = server.served(CONTENT, breaks=[30_000], **how)
    assert bring(server, part) == CONTENT


def test_a_file_that_changes_again_and_again_is_given_up(server, part):
    class Changing(server.served):
        def __init__(self) -> None:
            super().__init__(CONTENT)
            self.times = 0

        @property
        def etag(self) -> str:
            self.times += 1
            return f'"{self.times}"'

    # Each answer breaks, and goes on as a part of yet another file.
    changing = Changing()
    changing.breaks = [1000] * 50
    server.files["/a.bin"] = changing
    with pytest.raises(Unavailable, match="broke off"):
        bring(server, part)
    assert len(server.asked) < 20


def test_another_size_is_refused_and_nothing_is_left(server, part):
    server.files["/a.bin"] = server.served(CONTENT + b"more")
    with pytest.raises(PropfieldError, match=r"holds 100,004 bytes, and not the 100,000"):
        bring(server, part)
    assert list(part.parent.iterdir()) == []


def test_redirects_are_followed_with_the_range_but_not_out_of_encryption(server, part):
    server.files["/a.bin"] = server.served(b"", moved="/b.bin")
    server.files["/b.bin"] = server.served(CONTENT, breaks=[30_000])
    assert bring(server, part) == CONTENT
    assert server.asked[-1] == ("/b.bin", "bytes=30000-")
    server.files["/a.bin"] = server.served(b"", moved="http://weights.example/b.bin")
    with pytest.raises(PropfieldError, match="must begin with https"):
        bring(server, part.with_name("c.bin"))


def test_what_a_server_refuses_is_one_sentence(server, part):
    for status, kind, words in (
        (404, NotFound, "no longer there"),
        (403, Unavailable, "refuses"),
        (503, Unavailable, "broke off .*503"),
    ):
        server.files["/a.bin"] = server.served(CONTENT, status=status)
        with pytest.raises(kind, match=words):
            bring(server, part)
    server.close()
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1 cannot be reached"):
        bring(server, part)
    with pytest.raises(PropfieldError, match="must begin with https"):
        download("file:///etc/passwd", part, size=None, progress=silent, stage="fetch")
