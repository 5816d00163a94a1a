"""What verbs show: results on stdout, progress on stderr."""

import _thread
import json
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType
from typing import Annotated, Any

import typer

from propfield.errors import Cancelled
from propfield.progress import Progress

Json = Annotated[
    bool, typer.Option("--json", help="Print the result as one JSON object; progress stays on stderr.")
]


CommercialSafe = Annotated[
    bool,
    typer.Option(
        "--commercial-safe",
        help="Refuse pictures, weights and bodies whose licence does not allow commercial use, or is not"
        " known; also PROPFIELD_COMMERCIAL_SAFE=1.",
    ),
]


def print_json(result: dict[str, Any]) -> None:
    """The result of a verb, one JSON object on one line of stdout."""
    print(json.dumps(result, ensure_ascii=False))


def print_table(columns: list[str], rows: list[list[str]], *, whole: Sequence[int] = ()) -> None:
    """Rows under headings, on stdout. Where they are too wide, cells of the `whole` columns stay on one line
    and the others' are folded."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=place in whole)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """A Progress for the terminal: a bar for each stage, or a line for each where stderr is no terminal.

    Ctrl-C and SIGTERM end the processes that help, and make its next call raise Cancelled, where work leaves
    nothing half done; a second Ctrl-C interrupts at once.
    """
    with _stop_signals() as stopped, _bars() if sys.stderr.isatty() else _lines() as show:

        def progress(stage: str, fraction: float, message: str = "") -> None:
            if stopped.is_set():
                raise Cancelled("Stopped; nothing was written.")
            show(stage, fraction, message)

        try:
            yield progress
        except BrokenExecutor as error:
            if stopped.is_set():
                raise Cancelled("Stopped; nothing was written.") from error
            raise


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set."""
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if stopped.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        _stop(stopped)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with _apart_from_children(stopped):
            yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(stopped: threading.Event) -> None:
    from propfield.jobs.processes import end_helpers

    stopped.set()
    end_helpers()


@contextmanager
def _apart_from_children(stopped: threading.Event) -> Iterator[None]:
    """A terminal's Ctrl-C goes to all of its processes. Ours should end when we let them, not amid
    a message to us; they inherit that the signal is blocked, and a thread hears it in our place."""
    if sys.platform == "win32":
        yield
        return
    # multiprocessing's tracker unblocks the signal when it starts, so it must have started before.
    resource_tracker.ensure_running()
    signals, done = {signal.SIGINT}, threading.Event()

    def listen() -> None:
        while not (signal.sigwait(signals) and done.is_set()):
            if stopped.is_set():
                _thread.interrupt_main()
            _stop(stopped)

    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    listener = threading.Thread(target=listen, daemon=True, name="Ctrl-C")
    listener.start()
    try:
        yield
    finally:
        done.set()
        if listener.ident:
            signal.pthread_kill(listener.ident, signal.SIGINT)
        listener.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    with Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[message]}"),
        console=Console(stderr=True),
    ) as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, fraction: float, message: str = "") -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage.capitalize(), total=1.0, message="")
            bars.update(tasks[stage], completed=fraction, message=message)

        yield show


@contextmanager
def _lines() -> Iterator[Progress]:
    told: set[str] = set()

    def show(stage: str, fraction: float, message: str = "") -> None:
        if stage not in told:
            told.add(stage)
            print(f"{stage} …", file=sys.stderr, flush=True)

    yield show
