"""Where the pieces of long work are done: in processes of this machine, or on many (ray_engine.py)."""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as StillWorking
from typing import Any, Protocol, TypeVar, runtime_checkable

Item = TypeVar("Item")
Result = TypeVar("Result")

ALONE = 6
"""With fewer pieces than this, starting other processes takes longer than doing them: a piece should be about
half a second's work, so that a cancel is heard soon."""
LOOK_UP = 0.2
"""Seconds of waiting after which the caller is asked whether to go on."""


def go_on() -> None:
    """What `Engine.map` asks while it waits, of a caller who never stops."""


@runtime_checkable
class Engine(Protocol):
    """What does pieces of work."""

    def map(
        self, work: Callable[[Any], Any], items: Sequence[Any], waiting: Callable[[], None] = go_on
    ) -> Generator[Any, None, None]:
        """Yields `work(item)` of each item, in order, whoever does it; a few are done ahead of the reader, so
        that memory stays flat. `work` is a module's own function, items and results can be pickled.

        `waiting` is called now and then, and may raise Cancelled. Close what this gives to stop the work.
        """
        ...


class Processes:
    """A pool of `workers` processes of this machine; as many as it has cores when None."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or os.cpu_count() or 1

    def map(
        self, work: Callable[[Item], Result], items: Sequence[Item], waiting: Callable[[], None] = go_on
    ) -> Generator[Result, None, None]:
        """See Engine. BrokenExecutor when a process was ended from outside."""
        if self.workers == 1 or len(items) < ALONE:
            for item in items:
                waiting()
                yield work(item)
            return
        # What libraries hold (Embree's scenes, torch's threads) cannot cross a fork: each starts afresh.
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(self.workers, mp_context=context, initializer=_start_worker)
        begun: deque[Future[Result]] = deque()
        try:
            for item in items:
                begun.append(pool.submit(work, item))
                if len(begun) > 2 * self.workers:
                    yield _outcome(begun.popleft(), waiting)
            while begun:
                yield _outcome(begun.popleft(), waiting)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _outcome(future: "Future[Result]", waiting: Callable[[], None]) -> Result:
    while True:
        waiting()
        try:
            return future.result(timeout=LOOK_UP)
        except StillWorking:
            # A TimeoutError of the work itself is not ours.
            if future.done():
                return future.result()


def _start_worker() -> None:
    import torch

    torch.set_num_threads(1)
