"""Workers that crash, hang, leak or do not start: real processes, with a program in Blender's stead."""

import sys
import textwrap
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from batch.errors import BatchError
from batch.matrix import Frame
from batch.pool import TRIES, Limits, Pool

STAND_IN = textwrap.dedent(
    """
    import json, os, sys, time
    from pathlib import Path

    def answer(**told):
        os.write(1, b"\\n\\x1epropfield " + json.dumps(told).encode() + b"\\n")

    answer(ready=True)
    for line in sys.stdin:
        order = json.loads(line)
        what, note = order["what"], Path(order["note"])
        print("Blender says something", what, flush=True)
        with open(note, "a") as stream:
            stream.write(f"{os.getpid()} {order['name']}\\n")
        if what == "crash" or (what == "crash once" and note.read_text().count(order["name"]) == 1):
            os.abort()
        if what == "hang":
            os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "600")
            time.sleep(600)
        if what == "refuse":
            answer(error="The field is empty.")
        elif what == "stumble":
            answer(error="MemoryError.", again=True)
        else:
            answer(done=True, seconds=0.1, memory=order["memory"])
    """
)
ENOUGH = Limits(frames=100, memory=2**40, seconds=60)


def frame(number: int, what: str = "work", scene: int = 0) -> Frame:
    work = {"character": {}, "field": f"{scene}", "type": "", "what": what}
    return Frame(f"frame {number}", {}, None, work, (".png",), (), str(number))


@pytest.fixture
def pool(tmp_path):
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN)

    def start(jobs: int = 1, limits: Limits = ENOUGH) -> Pool:
        return Pool([sys.executable, str(script)], jobs, limits)

    return start


@pytest.fixture
def note(tmp_path) -> Path:
    return tmp_path / "note"


def run(pool: Pool, frames: list[Frame], note: Path, memory: int = 0):
    def order(frame: Frame, attempt: int):
        return {"what": frame.work["what"], "name": f"<{frame.name}>", "note": str(note), "memory": memory}

    with pool:
        return {outcome.frame.name: outcome for outcome in pool.run(frames, order)}


def served(note: Path) -> dict[str, list[str]]:
    """The frames that each process was given, in order."""
    found: dict[str, list[str]] = {}
    for line in note.read_text().splitlines():
        process, _, name = line.partition(" ")
        found.setdefault(process, []).append(name)
    return found


def children() -> list[str]:
    """What runs below this process, but for Python's own tracker of what other tests shared."""
    below = psutil.Process().children(recursive=True)
    return [child.name() for child in below if "resource_tracker" not in " ".join(child.cmdline())]


def test_a_worker_is_replaced_after_its_frames(pool, note):
    outcomes = run(pool(limits=Limits(3, 2**40, 60)), [frame(number) for number in range(7)], note)
    assert [len(frames) for frames in served(note).values()] == [3, 3, 1]
    assert len(outcomes) == 7
    assert not any(outcome.error for outcome in outcomes.values())
    assert not children()


def test_a_worker_that_holds_too_much_memory_is_replaced(pool, note):
    run(pool(limits=Limits(100, 1000, 60)), [frame(number) for number in range(3)], note, memory=1001)
    assert [len(frames) for frames in served(note).values()] == [1, 1, 1]


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_crash_costs_its_frame_alone(jobs, pool, note):
    whats = ["work", "crash once", "work", "crash", "work", "stumble", "refuse", "work"]
    outcomes = run(pool(jobs), [frame(number, what) for number, what in enumerate(whats)], note)
    errors = {what: outcomes[f"frame {number}"].error for number, what in enumerate(whats)}
    tries = {what: outcomes[f"frame {number}"].tries for number, what in enumerate(whats)}
    assert errors["work"] is None
    assert errors["crash once"] is None
    assert tries["crash once"] == 2
    assert errors["crash"] == f"Blender crashed (signal 6). Tried {TRIES} times."
    assert "Blender says something crash" in outcomes["frame 3"].words
    assert errors["stumble"] == f"MemoryError. Tried {TRIES} times."
    # What is wrong with the frame itself is not tried again.
    assert (errors["refuse"], tries["refuse"]) == ("The field is empty.", 1)
    assert not children()


def test_a_worker_that_hangs_is_ended_with_all_that_it_started(pool, note):
    frames = [frame(0, "hang"), frame(1)]
    outcomes = run(pool(limits=Limits(100, 2**40, 0.6)), frames, note)
    assert (
        outcomes["frame 0"].error == f"Blender was not done within 0.6 s, and was ended. Tried {TRIES} times."
    )
    assert outcomes["frame 1"].error is None
    assert not children()


def test_workers_stay_with_a_scene_and_share_the_last_one(pool, note):
    frames = [frame(number, scene=number % 2) for number in range(40)]
    run(pool(2), frames, note)
    assert sum(map(len, served(note).values())) == 40
    for given in served(note).values():
        scenes = [int(name.strip("<>").split()[1]) % 2 for name in given]
        changes = sum(one != other for one, other in pairwise(scenes))
        assert changes <= 1


def test_leaving_early_leaves_no_process(pool, note):
    def order(one: Frame, attempt: int):
        return {"what": one.work["what"], "name": one.name, "note": str(note), "memory": 0}

    with pool(2) as started:
        first = next(started.run([frame(0), frame(1, "hang", scene=1), frame(2)], order))
        assert first.error is None
        assert len(children()) >= 2
    assert not children()


@pytest.mark.parametrize("script", ["raise SystemExit(3)", "print('no libfoo'); import os; os.abort()"])
def test_a_blender_that_does_not_start_ends_the_batch(script, note):
    command = [sys.executable, "-c", script]
    with pytest.raises(BatchError, match="Blender does not work here"):
        run(Pool(command, 2, ENOUGH), [frame(0), frame(1)], note)
    with pytest.raises(BatchError, match="Blender does not work here"), Pool(command, 1, ENOUGH) as started:
        started.ask(do="about")
