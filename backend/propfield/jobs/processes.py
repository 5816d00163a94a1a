"""Ends a process and everything that it started."""

import multiprocessing
import os
import signal
import sys
from contextlib import suppress

import psutil

HELPER_DIED = (
    "A process that helped was ended from outside, most likely because memory ran out; "
    "close other programs and start it anew."
)
"""What BrokenExecutor means to a user."""
HELPER_EXIT = 4
"""What a worker leaves with then."""


def creation_time(pid: int) -> float:
    """When a process was started, 0.0 when it is not there or only its number is left, until its parent asks;
    with the pid it names one process for good."""
    try:
        process = psutil.Process(pid)
        return 0.0 if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return 0.0


def is_same_process(pid: int, created: float) -> bool:
    """Whether the process is still there and its number was not given to another."""
    return created > 0 and abs(creation_time(pid) - created) < 0.05


def end_helpers() -> None:
    """Kills the processes that multiprocessing started for this one: waiting for what they have begun, even
    for their start, takes long. Who waits for them hears a BrokenExecutor."""
    for child in multiprocessing.active_children():
        child.kill()


def end_descendants(pid: int) -> None:
    """Kills all that a process started, down the tree, but not itself."""
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return
    for child in children:
        with suppress(psutil.Error):
            child.kill()


def end_tree(pid: int) -> None:
    """Kills a process that leads its own session, and all that it started."""
    end_descendants(pid)
    end_group(pid)
    with suppress(psutil.Error):
        psutil.Process(pid).kill()


def end_group(pid: int) -> None:
    """Kills what is left of the process group that `pid` led, also after `pid` itself is gone."""
    if sys.platform != "win32":
        # A group keeps its number until its last member is gone, so this can hit no stranger.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
