"""The line that says how far a batch is."""

import sys
import time
from typing import TextIO


class Progress:
    """Frames done, their rate, the time left: a line that changes on a terminal, else one now and then."""

    def __init__(self, total: int, kept: int, stream: TextIO | None = None, every: float = 10.0) -> None:
        self.total, self.kept, self.every = total, kept, every
        self.stream = stream or sys.stderr
        self.made = self.failed = 0
        self.begin = self._told = time.monotonic()
        self._open = False

    def frame(self, failed: bool) -> None:
        """One more frame has ended."""
        self.made += not failed
        self.failed += failed
        now = time.monotonic()
        if self.stream.isatty():
            print(f"\r\x1b[K{self.line()}", end="", file=self.stream, flush=True)
            self._open = True
        elif now - self._told >= self.every:
            self._told = now
            print(self.line(), file=self.stream, flush=True)

    def say(self, text: str) -> None:
        """A line of its own."""
        if self._open:
            print(file=self.stream)
            self._open = False
        print(f"batch: {text}", file=self.stream, flush=True)

    def line(self) -> str:
        """batch: 12 of 200 frames, 1 failed, 0.8 frames/s, 3 min 55 s left"""
        ended = self.made + self.failed
        seconds = max(time.monotonic() - self.begin, 1e-6)
        parts = [f"batch: {self.kept + self.made} of {self.total} frames"]
        if self.failed:
            parts.append(f"{self.failed} failed")
        left = self.total - self.kept - ended
        if ended:
            rate = ended / seconds
            parts.append(f"{rate:.1f} frames/s" if rate >= 1 else f"{1 / rate:.1f} s a frame")
            if left:
                parts.append(f"{in_words(left / rate)} left")
        return ", ".join(parts)


def in_words(seconds: float) -> str:
    """42 s, 3 min 5 s, or 2 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
