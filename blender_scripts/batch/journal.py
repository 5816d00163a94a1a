"""What a batch has made so far: one line a frame, added when its files are in place."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .inputs import sha256_of
from .matrix import Frame


@dataclass(frozen=True)
class Made:
    """A finished frame: the key it was made by, and [{"path", "sha256", "bytes"}] of its files."""

    key: str
    files: tuple[dict[str, Any], ...]


class Journal:
    """A file of JSON lines in the batch's folder. The last line of a name counts; a torn one says nothing."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.path = out / ".batch" / "made.jsonl"
        self.made: dict[str, Made] = {}
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            lines = []
        for line in lines:
            try:
                told = json.loads(line)
                self.made[told["name"]] = Made(told["key"], tuple(told["files"]))
            except (ValueError, KeyError, TypeError):
                continue

    def finished(self, frame: Frame, *, verify: bool = False) -> Made | None:
        """What was made of a frame, if it was made of the same and its files are still as they were.

        Their sizes tell, and their hashes too if `verify`.
        """
        made = self.made.get(frame.name)
        if made is None or made.key != frame.key or {one["path"] for one in made.files} != set(frame.paths):
            return None
        for one in made.files:
            path = self.out / one["path"]
            if not path.is_file() or path.stat().st_size != one["bytes"]:
                return None
            if verify and sha256_of(path) != one["sha256"]:
                return None
        return made

    def add(self, frame: Frame, files: tuple[dict[str, Any], ...]) -> None:
        """Says that a frame is made; its files lie at their places."""
        self.made[frame.name] = Made(frame.key, files)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        told = {"name": frame.name, "key": frame.key, "files": files}
        # A newline before as well as after: a line that a kill tore must not swallow this one.
        line = f"\n{json.dumps(told, sort_keys=True)}\n".encode()
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)

    def left_over(self, frames: list[Frame]) -> list[str]:
        """Files that an earlier spec made and this one does not."""
        named = {path for frame in frames for path in frame.paths}
        known = {one["path"] for made in self.made.values() for one in made.files}
        return sorted(path for path in known - named if (self.out / path).is_file())
