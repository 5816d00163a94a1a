"""The backend's log as Blender reads it: its last lines, and what a known last line means."""

import os
import re
from pathlib import Path

MOST_BYTES = 2**20
SHOWN_BYTES = 2**17
_MISSING = re.compile(r"No module named '([\w.]+)'")


def make_room(log: Path) -> None:
    """Puts a log that became large aside, in place of an older one, as the backend does while it writes."""
    if log.is_file() and log.stat().st_size > MOST_BYTES:
        log.replace(log.with_name(log.name + ".1"))


def tail(log: Path, since: int = 0, most_bytes: int = SHOWN_BYTES) -> str:
    """The end of a log: what was written after its first `since` bytes, if it was not begun anew."""
    try:
        with open(log, "rb") as stream:
            end = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, end - most_bytes, since if since <= end else 0))
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""


def last_lines(log: Path, since: int = 0, count: int = 5) -> tuple[str, ...]:
    """The last lines of a log that say something, shortened for a sentence."""
    lines = [line.strip() for line in tail(log, since, 8192).splitlines() if line.strip()]
    return tuple(line[:200] for line in lines[-count:])


def cause(lines: tuple[str, ...]) -> str:
    """What is missing and how to get it, if a program's last lines tell; else nothing."""
    for line in reversed(lines):
        if found := _MISSING.search(line):
            package = found.group(1).split(".")[0]
            if package == "propfield":
                return (
                    "The program in the add-on's preferences is a Python without propfield: choose the "
                    ".venv/bin/propfield of the folder in which “make demo” was run."
                )
            return (
                f"The backend's Python lacks the package {package}: run “make demo” in propfield's source "
                "folder anew, or install the package there with pip."
            )
    return ""
