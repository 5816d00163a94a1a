"""Files that came over the wire: kept under an id, so that no path of a client is ever opened."""

import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from propfield.errors import NotFound, PropfieldError
from propfield.perception.picture import PHOTO_SUFFIXES

_ID = re.compile(r"[0-9a-f]{32}\Z")
_SUFFIXES = frozenset({*PHOTO_SUFFIXES, ".json", ".npz"})
_KEPT_DAYS = 7


def safe_name(name: str) -> str:
    """A file name like the client's that is one plain name on every platform: annotations refer to photos by
    name, and sentences about a file name it. PropfieldError for one of no
    picture, no JSON and no field."""
    base = name.replace("\\", "/").rpartition("/")[2]
    stem, dot, ending = base.rpartition(".")
    suffix = (dot + ending).lower()
    if suffix not in _SUFFIXES:
        raise PropfieldError(
            "Upload a photo (JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF or HEIC), a COCO annotation file (JSON) or"
            " a field file (NPZ), with its file name in X-Filename."
        )
    stem = re.sub(r"[^\w ()+-]", "_", stem).strip()[:80]
    return (stem or "upload") + dot + ending


async def store_upload(folder: Path, name: str, chunks: AsyncIterator[bytes]) -> str:
    """Writes what a client sends; gives its id: 32 hexadecimal digits. PropfieldError for nothing at all."""
    name = safe_name(name)
    upload_id = secrets.token_hex(16)
    temporary = folder / f".{upload_id}.tmp"
    temporary.mkdir(mode=0o700)
    written = 0
    try:
        with open(temporary / name, "xb") as file:
            async for chunk in chunks:
                written += file.write(chunk)
        if not written:
            raise PropfieldError("The uploaded file is empty; send its bytes as the request's body.")
        temporary.rename(folder / upload_id)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return upload_id


def find_upload(folder: Path, upload_id: str) -> Path:
    """The file of an id, under the name it came with. NotFound for an id that no upload has."""
    if _ID.match(upload_id) and (folder / upload_id).is_dir():
        for path in (folder / upload_id).iterdir():
            return path
    raise NotFound("There is no upload of that id; uploads are kept for a week, so send the file again.")


def forget_old_uploads(folder: Path) -> None:
    """Removes uploads of more than a week ago, and what a backend that was killed had received of others."""
    oldest = time.time() - _KEPT_DAYS * 86400
    for path in folder.iterdir():
        with suppress(OSError):
            if path.stat().st_mtime < oldest or path.suffix == ".tmp":
                shutil.rmtree(path)
