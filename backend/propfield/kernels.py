"""Kernels that are made of more than one file.

numba keeps machine code on disk, and renews a function's when the file that it stands in changes. What comes
from other files is compiled into it all the same: their kernels, and the values of their constants. In files
that borrow such things kernels are made with `kernel`, and renewed with them.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit
from numba.core import config as settings
from numba.core.caching import InTreeCacheLocator, UserProvidedCacheLocator, UserWideCacheLocator
from numba.core.dispatcher import Dispatcher


def kernel(**options: Any) -> Callable[[Callable], Callable]:
    """The decorator `numba.njit(cache=True, nogil=True, **options)`, but for machine code on disk that is as
    new as all that goes into it. What is borrowed must be imported above the function, by its name."""

    def compiled(function: Callable) -> Callable:
        # mypy does not see what numba reads from the environment.
        config: Any = settings
        before = config.CACHE_LOCATOR_CLASSES
        config.CACHE_LOCATOR_CLASSES = ",".join(f"{__name__}.{place.__name__}" for place in _PLACES)
        try:
            return njit(**{"cache": True, "nogil": True, **options})(function)
        finally:
            config.CACHE_LOCATOR_CLASSES = before

    return compiled


def borrowed(scope: dict[str, Any]) -> str:
    """A digest of what a module's kernels may take from other files, by the module's global names: the files
    of other modules' kernels, what those borrow in their turn, and the values of constants."""
    digest = hashlib.sha256()
    for name, value in sorted(scope.items()):
        if isinstance(value, Dispatcher) and value.__module__ != scope["__name__"]:
            digest.update(Path(value.py_func.__code__.co_filename).read_bytes())
            digest.update(borrowed(value.py_func.__globals__).encode())
        elif not name.startswith("__") and isinstance(value, int | float | str | tuple):
            digest.update(f"{name} = {value!r}\n".encode())
    return digest.hexdigest()


class _WithBorrowed:
    """What tells numba where it keeps a function's code, and how new that must be."""

    def __init__(self, function: Callable, file: str) -> None:
        super().__init__(function, file)  # type: ignore[call-arg]
        self._borrowed = borrowed(function.__globals__)

    def get_source_stamp(self) -> tuple[Any, str]:
        """See numba's locators."""
        return super().get_source_stamp(), self._borrowed  # type: ignore[misc]


class Chosen(_WithBorrowed, UserProvidedCacheLocator):
    """In NUMBA_CACHE_DIR."""


class BesideSource(_WithBorrowed, InTreeCacheLocator):
    """In the package's own __pycache__."""


class OfUser(_WithBorrowed, UserWideCacheLocator):
    """In the user's cache, where the package may not be written."""


_PLACES = (Chosen, BesideSource, OfUser)
