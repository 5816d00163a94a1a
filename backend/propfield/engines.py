"""Where the pieces of long work are done: in processes of this machine, or on many (ray_engine.py)."""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as StillWorking
from itertools import chain, islice
from typing import Any, Protocol, runtime_checkable

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

    remote: bool
    """Whether other machines work too, so that what this one's threads do quickly is worth sending away."""

    def cores(self) -> int:
        """How many pieces are done at once."""
        ...

    def map(
        self,
        work: Callable[..., Any],
        items: Iterable[Any],
        waiting: Callable[[], None] = go_on,
        *,
        shared: Sequence[Any] = (),
    ) -> Generator[Any, None, None]:
        """Yields `work(item, *shared)` of each item, in order, whoever does it; a few are done ahead of the
        reader, so that memory stays flat. `work` is a module's own function; items, what is shared, and
        results can be pickled.

        `waiting` is called now and then, and may raise Cancelled. Close what this gives to stop the work.
        """
        ...


class Processes:
    """A pool of `workers` processes of this machine; as many as it has cores when None."""

    remote = False

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers or os.cpu_count() or 1

    def cores(self) -> int:
        """See Engine."""
        return self._workers

    def map(
        self,
        work: Callable[..., Any],
        items: Iterable[Any],
        waiting: Callable[[], None] = go_on,
        *,
        shared: Sequence[Any] = (),
    ) -> Generator[Any, None, None]:
        """See Engine. BrokenExecutor when a process was ended from outside."""
        rest = iter(items)
        first = list(islice(rest, ALONE))
        if self._workers == 1 or len(first) < ALONE:
            for item in chain(first, rest):
                waiting()
                yield work(item, *shared)
            return
        # What libraries hold (Embree's scenes, torch's threads) cannot cross a fork: each starts afresh.
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(self._workers, mp_context=context, initializer=_start_worker)
        begun: deque[Future[Any]] = deque()
        try:
            for item in chain(first, rest):
                begun.append(pool.submit(work, item, *shared))
                if len(begun) > 2 * self._workers:
                    yield _outcome(begun.popleft(), waiting)
            while begun:
                yield _outcome(begun.popleft(), waiting)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _outcome(future: "Future[Any]", waiting: Callable[[], None]) -> Any:
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
