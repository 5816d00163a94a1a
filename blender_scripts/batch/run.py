"""A batch from the terminal: reads the spec, makes what is not made yet, and writes manifest and sheet."""

import argparse
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .errors import BatchError
from .folder import Folder
from .inputs import Inputs, gather
from .journal import Journal
from .manifest import manifest, write_json
from .matrix import Frame, frames_of
from .pool import Limits, Outcome, Pool
from .progress import Progress, in_words
from .sheet import write_sheet
from .software import software
from .spec import Spec, load_spec
from .worker import worker_command

DONE, SOME_FAILED, BAD, STOPPED = 0, 1, 2, 130
GIB = 2**30


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="batch.py",
        description="Render every combination of characters, poses, fields, types, cameras and styles that a"
        " spec names. Run again after a stop, it goes on; after a change, it makes what changed.",
        epilog="Exit codes: 0 all is made, 1 frames failed, 2 the spec or an input is wrong, 130 stopped.",
    )
    parser.add_argument("spec", type=Path, help="the spec, YAML or JSON (docs/batch.md)")
    parser.add_argument("--out", type=Path, help="folder for what is made, instead of the spec's")
    parser.add_argument("--dry-run", action="store_true", help="list what would be made, and make nothing")
    parser.add_argument("--jobs", type=_at_least_one, default=1, help="Blenders side by side")
    parser.add_argument("--threads", type=_at_least_one, help="threads of each; the cores shared out")
    parser.add_argument("--blender", help="a stock Blender to render with, instead of the bpy wheel")
    parser.add_argument(
        "--frames-per-worker",
        type=_at_least_one,
        default=50,
        help="a Blender is replaced after so many, since it leaks memory over many renders",
    )
    parser.add_argument("--memory", type=float, default=8.0, help="GiB at which a Blender is replaced")
    parser.add_argument("--deadline", type=float, default=1800.0, help="seconds a frame may take")
    parser.add_argument(
        "--verify", action="store_true", help="hash finished files, not only look at their size"
    )
    parser.add_argument("--prune", action="store_true", help="delete files that an earlier spec made")
    return parser.parse_args(given)


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def main(given: Sequence[str] | None = None) -> int:
    """Runs a batch; gives the exit code."""
    options = arguments(given)
    before = {sign: signal.getsignal(sign) for sign in (signal.SIGINT, signal.SIGTERM)}
    for sign in before:
        signal.signal(sign, _stop)
    try:
        return _run(options)
    except (BatchError, OSError) as error:
        print(f"batch: {error}", file=sys.stderr)
        return BAD
    except KeyboardInterrupt:
        print("\nbatch: stopped; the same command goes on from here.", file=sys.stderr)
        return STOPPED
    finally:
        for sign, handler in before.items():
            # Blender's own handlers are not Python's, and cannot be put back from here.
            signal.signal(sign, signal.SIG_DFL if handler is None else handler)


def _stop(*_: Any) -> None:
    # Once: what follows tidies up, and should not be stopped in the middle.
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.SIG_IGN)
    raise KeyboardInterrupt


def _run(options: argparse.Namespace) -> int:
    spec = load_spec(options.spec, options.out)
    command = worker_command(_blender(options.blender))
    limits = Limits(options.frames_per_worker, round(options.memory * GIB), options.deadline)
    with Pool(command, options.jobs, limits) as pool:
        made_by = software(pool.ask(do="about")["blender"])
        inputs = gather(spec, lambda path: pool.ask(do="look", blend=str(path)))
        frames = frames_of(spec, inputs, made_by)
        if options.dry_run:
            return _list(spec, frames, options.verify)
        with Folder(spec.out) as folder:
            return _make(spec, inputs, made_by, frames, pool, folder, options)


def _blender(told: str | None) -> str | None:
    """The stock Blender to use: the one that is told, else the one that this runs in, else none."""
    if told is not None:
        found = shutil.which(told)
        if found is None:
            raise BatchError(f"There is no program {told}: --blender takes the path of a Blender.")
        return found
    bpy = sys.modules.get("bpy")
    return bpy.app.binary_path or None if bpy is not None else None


def _list(spec: Spec, frames: list[Frame], verify: bool) -> int:
    journal = Journal(spec.out)
    count = 0
    for frame in frames:
        done = journal.finished(frame, verify=verify) is not None
        count += not done
        for path in frame.paths:
            print(f"{'made   ' if done else 'to make'}  {path}")
    print(f"{len(frames)} frames, {count} of them to make, in {spec.out}")
    return DONE


def _make(
    spec: Spec,
    inputs: Inputs,
    made_by: dict[str, str],
    frames: list[Frame],
    pool: Pool,
    folder: Folder,
    options: argparse.Namespace,
) -> int:
    journal = Journal(spec.out)
    waiting = [frame for frame in frames if journal.finished(frame, verify=options.verify) is None]
    manifest_path = spec.out / "manifest.json"
    if waiting:
        # Until all is made anew, what it says is no longer so.
        manifest_path.unlink(missing_ok=True)
    progress = Progress(len(frames), len(frames) - len(waiting))
    progress.say(f"{len(frames)} frames, {len(waiting)} of them to make, in {spec.out}")
    threads = options.threads or max(1, (os.cpu_count() or 1) // options.jobs)

    def order(frame: Frame, attempt: int) -> dict[str, Any]:
        write = folder.half_made(frame, attempt)
        return {"do": "frame", "work": frame.work, "write": write, "threads": threads}

    failed: dict[str, str] = {}
    for outcome in pool.run(waiting, order):
        error = outcome.error
        if error is None:
            try:
                journal.add(outcome.frame, folder.put(outcome.frame, outcome.tries))
            except BatchError as wrong:
                error = str(wrong)
        if error is not None:
            failed[outcome.frame.name] = error
            progress.say(f"{outcome.frame.name} failed: {error}")
        _log(folder.own, outcome, error)
        progress.frame(failed=error is not None)
    made = [(frame, found) for frame in frames if (found := journal.finished(frame))]
    sheet = _sheet(spec, [frame for frame, _ in made], progress)
    told = manifest(spec, inputs, made_by, made, failed, sheet)
    write_json(manifest_path, told)
    _left_over(journal, frames, options.prune, progress)
    seconds = in_words(time.monotonic() - progress.begin)
    progress.say(f"{len(made)} of {len(frames)} frames are there, {len(failed)} failed; {seconds}")
    return SOME_FAILED if failed else DONE


def _log(own: Path, outcome: Outcome, error: str | None) -> None:
    """Seconds and failures, which differ from run to run and so are not in the manifest."""
    told: dict[str, Any] = {"name": outcome.frame.name, "tries": outcome.tries}
    told |= {"error": error, "printed": outcome.words} if error else {"seconds": round(outcome.seconds, 3)}
    with open(own / "log.jsonl", "a", encoding="utf-8") as stream:
        stream.write(json.dumps(told) + "\n")


def _sheet(spec: Spec, frames: list[Frame], progress: Progress) -> str | None:
    if spec.sheet is None:
        return None
    try:
        name = write_sheet(spec, frames)
    except ImportError:
        progress.say(
            "no contact sheet: this Python has no Pillow; the same with the Python of `make setup` and"
            " --blender PROGRAM adds it"
        )
        return None
    return name


def _left_over(journal: Journal, frames: list[Frame], prune: bool, progress: Progress) -> None:
    files = journal.left_over(frames)
    if files and prune:
        for path in files:
            (journal.out / path).unlink()
        progress.say(f"deleted {len(files)} files of an earlier spec")
    elif files:
        progress.say(f"{len(files)} files of an earlier spec are left; --prune deletes them")
