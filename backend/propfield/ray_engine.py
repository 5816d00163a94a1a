"""The pieces of long work done over a Ray cluster: machines that have this same propfield installed."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from propfield.engines import LOOK_UP, go_on
from propfield.errors import PropfieldError, Unavailable
from propfield.ray_head import Head, listens

INSTALL = "Ray is not installed here; run: pip install 'propfield[ray]'."
RETRIES = 5
"""How often a piece is begun anew because its worker was killed."""
AHEAD = 2
"""Pieces for each of the cluster's cores that are done or begun ahead of the reader."""
PATIENCE = 20.0
"""Seconds to look for a cluster."""
BETWEEN_COUNTS = 5.0
"""Seconds after which a cluster's cores are counted again, for machines that come and go."""
LONGEST_FOLDER = 40
"""Characters of the folder for Ray's sockets, whose whole path the system limits to 107."""
STORE = 2**29
"""Bytes of shared memory for what a Ray of our own passes around."""


class RayEngine:
    """An engines.Engine over the Ray cluster at `address` (HOST:PORT of its head, or "auto" for one that runs
    here), or over a Ray of our own on this machine's `workers` cores (all when None) when there is none.

    It connects when work is first asked for. Use it in a `with`: its end also ends a Ray of our own, and
    leaves no process and no file. Every piece that fails with its worker or its machine is begun anew.
    Nothing is reported to anyone (RAY_USAGE_STATS_ENABLED=0), and a Ray of our own wants a secret token of
    all who call.

    Errors when work is asked for: Unavailable when Ray is not installed, when there is no cluster at the
    address or it ends on the way, when its machines have no propfield or another version, or when pieces keep
    losing their workers.
    """

    remote = True

    def __init__(self, address: str | None = None, *, workers: int | None = None, store: int = STORE) -> None:
        self.address = address
        self._workers, self._store = workers, store
        self._ray: Any = None
        self._head: Head | None = None
        self._cores, self._counted = 1, float("-inf")
        self._opened = ExitStack()

    def __enter__(self) -> "RayEngine":
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()
        self._ray = self._head = None

    def map(
        self,
        work: Callable[..., Any],
        items: Iterable[Any],
        waiting: Callable[[], None] = go_on,
        *,
        shared: Sequence[Any] = (),
    ) -> Generator[Any, None, None]:
        """See Engine. What is shared is sent to each machine only once."""
        ray, head = self._connected(waiting)
        task = ray.remote(_do).options(max_retries=RETRIES, num_cpus=1)
        everywhere = [head.answer(partial(ray.put, value), waiting) for value in shared]
        begun: deque[Any] = deque()
        try:
            for item in items:
                begin = partial(task.remote, version("propfield"), work, item, *everywhere)
                begun.append(head.answer(begin, waiting))
                if len(begun) >= AHEAD * self.cores():
                    yield self._outcome(begun.popleft(), waiting)
            while begun:
                yield self._outcome(begun.popleft(), waiting)
        finally:
            if begun and head.there():
                for piece in begun:
                    ray.cancel(piece, force=True)

    def cores(self) -> int:
        """See Engine; of the whole cluster, as it was some seconds ago."""
        ray, head = self._connected(go_on)
        now = time.monotonic()
        # The one call that the head itself must answer: not made in vain, nor for each piece.
        if now - self._counted > BETWEEN_COUNTS and head.there():
            self._cores = max(int(ray.cluster_resources().get("CPU", 1)), 1)
            self._counted = now
        return self._cores

    def _connected(self, waiting: Callable[[], None]) -> tuple[Any, Head]:
        if self._ray is None or self._head is None:
            waiting()
            ray = _imported(own=self.address is None)
            with ExitStack() as opened:
                opened.enter_context(_stdout_kept())
                if self.address is None:
                    head = opened.enter_context(_own_ray(ray, self._workers, self._store))
                else:
                    head = opened.enter_context(_joined_ray(ray, self.address, waiting))
                self._opened, self._ray, self._head = opened.pop_all(), ray, head
        return self._ray, self._head

    def _outcome(self, piece: Any, waiting: Callable[[], None]) -> Any:
        ray, head = self._connected(waiting)
        try:
            # Not `get` at once: a thread that is in there when the head is gone would never come back.
            while not head.answer(partial(ray.wait, [piece], timeout=LOOK_UP), waiting)[0]:
                waiting()
            return head.answer(partial(ray.get, piece), waiting)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, PropfieldError | MemoryError):
                raise error.cause from None
            if "No module named 'propfield'" in str(error):
                raise Unavailable(
                    "The Ray cluster's machines have no propfield: install it on each of them, of the same"
                    " version as here."
                ) from error
            raise
        except ray.exceptions.RayError as error:
            raise Unavailable(
                f"The Ray cluster lost a piece of the work {RETRIES + 1} times ({type(error).__name__}), most"
                " likely because memory ran out there; use larger machines, or ask for a lower resolution."
            ) from error


def _do(expected: str, work: Callable[..., Any], item: Any, *shared: Any) -> Any:
    """Runs on a worker."""
    if version("propfield") != expected:
        raise Unavailable(
            f"A machine of the Ray cluster has propfield {version('propfield')}, and here it is {expected}:"
            " install the same on all."
        )
    return work(item, *shared)


def _imported(own: bool) -> Any:
    # Ray reads some of its settings when it is imported, and the processes that it starts read them too.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if own:
        # Its ports are open to the network. Without a token of ours it would write one into the user's home.
        os.environ["RAY_AUTH_TOKEN"] = _token()
        if "ray" not in sys.modules:
            # Later, what it read before and this would contradict each other; new ones do so by themselves.
            os.environ["RAY_AUTH_MODE"] = "token"
    hook = sys.excepthook
    try:
        import ray
    except ImportError as error:
        raise Unavailable(INSTALL) from error
    finally:
        # Ray's own would tell the cluster of each error first, and wait for one that is gone.
        sys.excepthook = hook
    return ray


@cache
def _token() -> str:
    # One a process: Ray keeps the first that it reads.
    return secrets.token_hex(32)


@contextmanager
def _own_ray(ray: Any, workers: int | None, store: int) -> Iterator[Head]:
    """A Ray on this machine, for as long as it is needed."""
    place = tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir=place if len(place) < LONGEST_FOLDER - 12 else "/tmp"))
    before = set(_children())
    try:
        with _signals_kept(), _one_sentence(ray, "Ray does not start here"):
            ray.init(
                address="local",
                num_cpus=workers,
                object_store_memory=store,
                include_dashboard=False,
                log_to_driver=False,
                logging_level="CRITICAL",
                _temp_dir=str(folder),
            )
        yield Head(ray.get_runtime_context().gcs_address)
    finally:
        ours = set(_children()) - before
        ray.shutdown()
        _, left = psutil.wait_procs(ours, timeout=5)
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _joined_ray(ray: Any, address: str, waiting: Callable[[], None]) -> Iterator[Head]:
    """A cluster that is there already."""
    wrong = Unavailable(
        f"There is no Ray cluster at “{address[:60]}” that this machine belongs to; give the HOST:PORT that"
        " `ray start --head` told on its head, and run `ray start --address=HOST:PORT` here."
    )
    if not _answers(address, waiting):
        raise wrong
    try:
        with _signals_kept():
            ray.init(address=address, log_to_driver=False, logging_level="CRITICAL")
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        ray.shutdown()
        raise wrong from error
    try:
        yield Head(ray.get_runtime_context().gcs_address)
    finally:
        ray.shutdown()


def _answers(address: str, waiting: Callable[[], None]) -> bool:
    """Whether a cluster answers at the address. Asked in a process of its own, since a driver that finds none
    would try again for minutes, and say so."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and not listens(address, PATIENCE / 4):
        return False
    command = [sys.executable, "-m", "ray.scripts.scripts", "status", "--address", address]
    asked = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        begin = time.monotonic()
        while time.monotonic() - begin < PATIENCE:
            waiting()
            with suppress(subprocess.TimeoutExpired):
                return asked.wait(LOOK_UP) == 0
        return False
    finally:
        asked.kill()
        asked.wait()


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray puts a handler of its own in the place of ours."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


class _WithoutRay:
    """A stream that leaves out what Ray's own thread writes."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        if threading.current_thread().name == "ray_listen_error_messages":
            return len(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _stdout_kept() -> Iterator[None]:
    """Ray tells on stdout, where results go, of each worker that died, although it was told to be quiet."""
    before, ours = sys.stdout, _WithoutRay(sys.stdout)
    sys.stdout = ours  # type: ignore[assignment]
    try:
        yield
    finally:
        if sys.stdout is ours:
            sys.stdout = before


@contextmanager
def _one_sentence(ray: Any, what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        first = str(error).strip().splitlines()
        raise Unavailable(f"{what}: {first[0].rstrip('.') if first else type(error).__name__}.") from error


def _children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)
