"""How long work tells its caller where it is, and hears that it should stop."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Progress(Protocol):
    """Called by long work, often. Raises `propfield.errors.Cancelled` when the caller wants it to stop.

    `stage` is a short verb phrase ("render views"), `fraction` in [0, 1] is of that stage.
    """

    def __call__(self, stage: str, fraction: float, message: str = "") -> None: ...


def silent(stage: str, fraction: float, message: str = "") -> None:
    """A Progress that shows nothing and never cancels."""
