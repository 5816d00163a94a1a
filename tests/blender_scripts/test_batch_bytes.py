"""What is taken out of pictures, and what stays; and the record of what was made."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from batch.errors import BatchError
from batch.journal import Journal
from batch.matrix import Frame
from batch.plain_bytes import make_plain

PIXELS = np.arange(6 * 5 * 3, dtype=np.uint8).reshape(6, 5, 3)


def png(path, **told):
    notes = PngImagePlugin.PngInfo()
    for name, value in told.items():
        notes.add_text(name, value)
    Image.fromarray(PIXELS).save(path, pnginfo=notes)


def test_pngs_that_differ_in_their_notes_become_the_same(tmp_path):
    one, other = tmp_path / "one.png", tmp_path / "other.png"
    png(one, RenderTime="00:01.50", Date="2026/11/21")
    png(other, RenderTime="01:00:01.50")
    assert one.read_bytes() != other.read_bytes()
    make_plain(one)
    make_plain(other)
    assert one.read_bytes() == other.read_bytes()
    picture = Image.open(one)
    assert not picture.info
    assert np.array_equal(np.asarray(picture), PIXELS)


def attribute(name: bytes, kind: bytes, value: bytes) -> bytes:
    return name + b"\0" + kind + b"\0" + struct.pack("<I", len(value)) + value


def exr(parts: int, seconds: bytes) -> tuple[bytes, list[bytes]]:
    """A file as far as its headers and offsets go, and its chunks."""
    headers = [
        attribute(b"name", b"string", b"part %d" % number)
        + attribute(b"cycles.ViewLayer.render_time", b"string", seconds)
        + attribute(b"Software", b"string", b"Blender")
        + b"\0"
        for number in range(parts)
    ]
    start = struct.pack("<II", 20000630, 2 | (0x1000 if parts > 1 else 0)) + b"".join(headers)
    start += b"\0" if parts > 1 else b""
    chunks = [bytes([number]) * (7 + number) for number in range(3 * parts)]
    first = len(start) + 8 * len(chunks)
    offsets = [first + sum(map(len, chunks[:number])) for number in range(len(chunks))]
    return start + struct.pack(f"<{len(chunks)}Q", *offsets) + b"".join(chunks), chunks


@pytest.mark.parametrize("parts", [1, 2])
def test_exrs_lose_their_times_and_find_their_chunks_again(parts, tmp_path):
    path, results = tmp_path / "x.exr", set()
    for seconds in (b"00:01.50", b"01:00:01.50"):
        content, chunks = exr(parts, seconds)
        path.write_bytes(content)
        make_plain(path)
        plain = path.read_bytes()
        results.add(plain)
        assert b"cycles" not in plain
        assert plain.count(b"Software") == parts
        table = plain.index(chunks[0] + chunks[1]) - 8 * len(chunks)
        offsets = struct.unpack_from(f"<{len(chunks)}Q", plain, table)
        assert [plain[at : at + len(chunk)] for at, chunk in zip(offsets, chunks, strict=True)] == chunks
    assert len(results) == 1


@pytest.mark.parametrize("cut", [9, 40, 60, -1])
def test_a_broken_picture_is_told(cut, tmp_path):
    path = tmp_path / "x.png"
    png(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(BatchError, match="broken png"):
        make_plain(path)
    content, _ = exr(1, b"0")
    path = tmp_path / "x.exr"
    path.write_bytes(content[: cut if cut > 0 else -9])
    with pytest.raises(BatchError, match="broken exr"):
        make_plain(path)


def test_other_files_are_left_as_they_are(tmp_path):
    path = tmp_path / "x.vdb"
    path.write_bytes(b" BDV" + zlib.compress(b"x"))
    before = path.read_bytes()
    make_plain(path)
    assert path.read_bytes() == before


def made_frame(tmp_path, name: str, key: str = "k") -> tuple[Frame, tuple[dict, ...]]:
    (tmp_path / f"{name}.png").write_bytes(b"picture")
    frame = Frame(name, {}, None, {}, (".png",), (), key)
    sha256 = "4e0b4cf0c7b6a5d1f2a3c7ba4e8a0fa2f0c4b4d5f6a7b8c9d0e1f2a3b4c5d6e7"
    return frame, ({"path": f"{name}.png", "sha256": sha256, "bytes": 7},)


def test_the_journal_forgets_what_changed_and_survives_torn_lines(tmp_path):
    journal = Journal(tmp_path)
    for name in "abc":
        journal.add(*made_frame(tmp_path, name))
    content = journal.path.read_bytes()
    journal.path.write_bytes(content[:-20])
    journal = Journal(tmp_path)
    assert sorted(journal.made) == ["a", "b"]
    journal.add(*made_frame(tmp_path, "d"))
    journal = Journal(tmp_path)
    assert sorted(journal.made) == ["a", "b", "d"]
    (a, _), (b, _), (d, _) = (made_frame(tmp_path, name) for name in "abd")
    assert journal.finished(a)
    assert journal.finished(a, verify=True) is None, "the hash is another"
    assert journal.finished(made_frame(tmp_path, "a", key="other")[0]) is None
    (tmp_path / "b.png").unlink()
    (tmp_path / "d.png").write_bytes(b"cut")
    assert journal.finished(b) is None
    assert journal.finished(d) is None
    assert journal.left_over([a]) == ["d.png"]
