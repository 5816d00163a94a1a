"""Takes out of pictures what differs from run to run: Cycles writes into each how long it took.

PNG: the text and time chunks go (PNG Specification, 3rd edition, 11.3.3 and 11.3.6). OpenEXR: the attributes
whose names begin with "cycles." go, and the chunks' offsets move up by as much (OpenEXR File Layout).
OpenVDB: the random UUID after the header's numbers becomes one of the content (io/Archive.h).
"""

import hashlib
import struct
import uuid
from pathlib import Path

from .errors import BatchError

_PNG, _EXR, _VDB = b"\x89PNG\r\n\x1a\n", b"\x76\x2f\x31\x01", b" BDV\0\0\0\0"
_UUID_AT, _UUID_LENGTH = 21, 36
_TOLD = (b"tEXt", b"zTXt", b"iTXt", b"tIME", b"eXIf")
_MULTI_PART = 0x1000


def make_plain(path: Path) -> None:
    """Rewrites a PNG, OpenEXR or OpenVDB file in place, and no other file. BatchError for a broken one."""
    content = path.read_bytes()
    try:
        if content.startswith(_PNG):
            plain = _plain_png(content)
        elif content.startswith(_EXR):
            plain = _plain_exr(content)
        elif content.startswith(_VDB):
            plain = _plain_vdb(content)
        else:
            return
    except (struct.error, ValueError, IndexError) as error:
        raise BatchError(f"Blender wrote a broken {path.suffix[1:]} file.") from error
    path.write_bytes(plain)


def _plain_png(content: bytes) -> bytes:
    kept, at = [_PNG], len(_PNG)
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        end = at + 12 + length
        if content[at + 4 : at + 8] not in _TOLD:
            kept.append(content[at:end])
        at = end
    if at != len(content) or kept[-1][4:8] != b"IEND":
        raise ValueError("cut short")
    return b"".join(kept)


def _plain_vdb(content: bytes) -> bytes:
    before, after = content[:_UUID_AT], content[_UUID_AT + _UUID_LENGTH :]
    random = uuid.UUID(content[_UUID_AT : _UUID_AT + _UUID_LENGTH].decode("ascii"))
    told = uuid.UUID(bytes=hashlib.sha256(before + after).digest()[:16], version=random.version)
    return before + str(told).encode() + after


def _plain_exr(content: bytes) -> bytes:
    (version,) = struct.unpack_from("<I", content, 4)
    kept, at = [content[:8]], 8
    while True:
        header, at = _plain_header(content, at)
        kept.append(header)
        if not version & _MULTI_PART:
            break
        if content[at] == 0:
            kept.append(b"\0")
            at += 1
            break
    # The first chunk follows the last table, whose length is therefore known.
    (first,) = struct.unpack_from("<Q", content, at)
    count, rest = divmod(first - at, 8)
    if rest or not 0 < count < len(content):
        raise ValueError("no table of offsets")
    offsets = struct.unpack_from(f"<{count}Q", content, at)
    if max(offsets) >= len(content):
        raise ValueError("cut short")
    removed = at - sum(map(len, kept))
    kept.append(struct.pack(f"<{count}Q", *(offset - removed for offset in offsets)))
    return b"".join(kept) + content[first:]


def _plain_header(content: bytes, at: int) -> tuple[bytes, int]:
    """One part's header without Cycles' attributes, and where it ends."""
    kept = []
    while content[at]:
        start, name_end = at, content.index(0, at)
        size_at = content.index(0, name_end + 1) + 1
        at = size_at + 4 + struct.unpack_from("<I", content, size_at)[0]
        if not content[start:name_end].startswith(b"cycles."):
            kept.append(content[start:at])
    return b"".join(kept) + b"\0", at + 1
