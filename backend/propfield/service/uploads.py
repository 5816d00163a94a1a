"""Files that came over the wire: kept under an id, so that no path of a client is ever opened."""

import os
import re
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from propfield.errors import NotFound, PropfieldError

_ID = re.compile(r"[0-9a-f]{32}\Z")
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".json"})
_KEPT_DAYS = 7


def suffix_of(name: str) -> str:
    """The ending of a client's file name, lower case. PropfieldError for one of no picture and no JSON."""
    suffix = Path(name.replace("\\", "/")).suffix.lower()
    if suffix not in _SUFFIXES:
        raise PropfieldError(
            "Upload a photo (JPEG, PNG, WebP, BMP or TIFF) or a COCO annotation file (JSON), "
            "with its file name in X-Filename."
        )
    return suffix


async def store_upload(folder: Path, name: str, chunks: AsyncIterator[bytes]) -> str:
    """Writes what a client sends; gives its id: 32 hexadecimal digits. PropfieldError for nothing at all."""
    suffix = suffix_of(name)
    upload_id = secrets.token_hex(16)
    temporary = folder / f".{upload_id}.tmp"
    written = 0
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            async for chunk in chunks:
                written += file.write(chunk)
        if not written:
            raise PropfieldError("The uploaded file is empty; send its bytes as the request's body.")
        temporary.rename(folder / (upload_id + suffix))
    finally:
        temporary.unlink(missing_ok=True)
    return upload_id


def find_upload(folder: Path, upload_id: str) -> Path:
    """The file of an id. NotFound for an id that no upload has."""
    if _ID.match(upload_id):
        for suffix in _SUFFIXES:
            path = folder / (upload_id + suffix)
            if path.is_file():
                return path
    raise NotFound("There is no upload of that id; uploads are kept for a week, so send the file again.")


def forget_old_uploads(folder: Path) -> None:
    """Removes uploads of more than a week ago."""
    oldest = time.time() - _KEPT_DAYS * 86400
    for path in folder.iterdir():
        with suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()
