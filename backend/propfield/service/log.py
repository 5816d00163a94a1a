"""What the backend tells of its work, in a file that stays small."""

import faulthandler
import logging
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

LIMIT = 2**20
"""Bytes; what is older goes to a second file, and from there nowhere."""


def tell_on_stdout() -> None:
    """Writes a line to the standard output for each thing that happens, and native crashes to the error's."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%Y-%m-%d %H:%M:%S"))
    logger = logging.getLogger("propfield")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    with suppress(ValueError, OSError):
        faulthandler.enable()


def older(log: Path) -> Path:
    """Where the log's older part is."""
    return log.with_name(log.name + ".1")


def keep_small(log: Path, limit: int = LIMIT) -> None:
    """Moves the content of a log that is over its limit to `older(log)`. Only where this process's standard
    output goes to that very file, opened for appending, so that what is written next stands at its begin."""
    try:
        if log.stat().st_size <= limit or not os.path.samestat(os.fstat(1), log.stat()):
            return
        shutil.copyfile(log, older(log))
        os.truncate(log, 0)
    except OSError:
        # A log is no reason to stop.
        return
