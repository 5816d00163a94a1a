"""The terminal: propfield's verbs, one file each."""

from propfield.cli.main import main

__all__ = ["main"]
