"""A worker as the launcher sees it: a Blender in a process of its own, told what to do line by line.

Both talk in lines of JSON. What a worker answers begins with a mark, since Blender prints on the same stream.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from queue import Queue
from typing import Any

MARK = b"\x1epropfield "
SCRIPT = Path(__file__).parent / "inside" / "main.py"
LAST_WORDS = 25
"""Lines that are kept of what a worker printed, for when it dies."""


class Worker:
    """One Blender. What it answers, and its end (as None), goes to `told` as (worker, answer)."""

    def __init__(self, command: list[str], told: "Queue[tuple[Worker, dict[str, Any] | None]]") -> None:
        self.told = told
        self.printed: deque[str] = deque(maxlen=LAST_WORDS)
        # A process group of its own: Ctrl-C is for the launcher alone, which then ends the group.
        apart: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            **apart,
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def ask(self, **order: Any) -> None:
        """Gives an order; the answer comes through `told`. A worker that has died says so there, too."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.flush()

    def end(self) -> None:
        """Ends the process and all that it started, and waits until it is gone."""
        if sys.platform == "win32":
            self.process.kill()
        else:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        with contextlib.suppress(OSError):
            assert self.process.stdin is not None
            self.process.stdin.close()

    @property
    def last_words(self) -> str:
        """The end of what it printed."""
        return "\n".join(self.printed)

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                before, mark, answer = line.partition(MARK)
                if mark:
                    with contextlib.suppress(ValueError):
                        self.told.put((self, json.loads(answer)))
                elif before.strip():
                    self.printed.append(before.decode(errors="replace").rstrip())
        self.process.wait()
        self.told.put((self, None))


def worker_command(blender: str | None) -> list[str]:
    """How a worker starts: in the stock Blender `blender`, else in this Python's bpy wheel."""
    if blender is None:
        return [sys.executable, str(SCRIPT)]
    return [blender, "--background", "--factory-startup", "--python-exit-code", "70", "--python", str(SCRIPT)]
