"""What a long night of work leaves: the same fields whatever was killed, and nothing else.

`make test-endurance` runs it with -s, which shows the figures. PROPFIELD_ENDURANCE_JOBS changes how many.
"""

import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

pytest.importorskip("bpy")

from addon.client.jobs import Job
from addon.client.session import Session

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]

KILLS = 20
JOBS = int(os.environ.get("PROPFIELD_ENDURANCE_JOBS", "500"))
MOST_GROWTH = 1.05
# Two types of six pieces each: two checkpoints, and processes that help.
LEARN = {
    "kind": "learn",
    "category": "surfboard",
    "types": None,
    "source": "studio",
    "views": 120,
    "seed": 5,
    "resolution": 24,
}


@pytest.fixture
def scratch(tmp_path, monkeypatch) -> Path:
    """Where all temporary files of the backend and of its workers go."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(folder))
    return folder


@pytest.fixture
def session(home, scratch) -> Iterator[Session]:
    """The add-on's session, with a backend of its own."""
    one = Session()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    one.start(port)
    assert one.wait(lambda: one.state != "starting", 120)
    assert one.state == "running", one.problem
    yield one
    one.stop()
    assert one.wait(lambda: one.state == "stopped" and not one.pump.busy, 60)


def ask(session: Session, request: dict, folder: Path) -> Job:
    """A job of any kind through the add-on; of a learned field the file comes too."""

    def take(backend, answer) -> tuple[Path, None]:
        result = answer["result"]
        return (backend.download_field(result["field"], folder) if "field" in result else folder), None

    title = str(request.get("category", request["kind"]))
    return session.follow(Job(title, request["kind"]), lambda _: request, take, lambda *_: None)


def pid_of(session: Session) -> int:
    return int(session.greeting.get("pid") or 0)


def workers_of(session: Session, depth: int) -> list[psutil.Process]:
    """The backend itself (0), its workers (1), or the processes that help them (2)."""
    with suppress(psutil.Error):
        generation = [psutil.Process(pid_of(session))] if pid_of(session) else []
        for _ in range(depth):
            generation = [child for process in generation for child in process.children()]
        return generation
    return []


def left_behind(home: Path, scratch: Path) -> list[str]:
    """Files that are nobody's any more."""
    temporary = [path for path in home.rglob("*") if path.name.endswith(".tmp") or path.name.startswith(".")]
    checkpoints = list(home.glob("jobs/*/checkpoint"))
    return sorted(map(str, [*temporary, *checkpoints, *scratch.rglob("*"), *(home / "uploads").iterdir()]))


def until(session: Session, holds: Callable[[], bool], seconds: float) -> bool:
    return session.wait(holds, seconds)


def test_killed_at_random_moments_the_field_is_the_same(session, home, scratch, tmp_path):
    chance = random.Random(2026)
    undisturbed = ask(session, LEARN, tmp_path / "whole")
    assert until(session, lambda: undisturbed.ended, 600)
    assert undisturbed.state == "done", undisturbed.error
    whole = undisturbed.path.read_bytes()
    print(f"\nundisturbed: {len(whole)} bytes")
    for number in range(KILLS):
        job, victim = None, None
        while victim is None:
            job = ask(session, LEARN, tmp_path / f"killed {number}")
            # Anywhere in the whole of the job, its start and its last file included.
            depth, target = chance.choice([0, 1, 2]), chance.random()
            until(session, lambda: job.ended or (job.progress >= target and workers_of(session, 1)), 600)  # noqa: B023
            found = workers_of(session, depth) or workers_of(session, 1)
            victim = chance.choice(found) if found and not job.ended else None
        at = job.stage, job.progress
        with suppress(psutil.Error):
            victim.kill()
        killed = f"process {('of the backend', 'of the worker', 'that helps')[depth]}"
        assert until(session, lambda: job.ended, 900), f"{killed} killed at {at}: it never ended"  # noqa: B023
        assert job.state == "done", f"{killed} killed at {at}: {job.error}"
        assert job.path.read_bytes() == whole, f"{killed} killed at {at}: another field"
        print(f"{number + 1:2}: {killed} killed at {at[0] or 'start'} {at[1]:.0%}: the same field")
    assert until(session, lambda: not workers_of(session, 1), 30)
    assert left_behind(home, scratch) == []


def test_a_night_of_small_jobs_leaves_nothing_behind(session, home, scratch, tmp_path):
    chance = random.Random(7)
    backend = psutil.Process(pid_of(session))
    us = psutil.Process()
    small = {"kind": "check", "steps": 3, "seconds": 0.02, "megabytes": 1}
    # An eighth of them is cancelled somewhere on the way; some are real ones.
    figures, ends, learned = {}, {"done": 0, "cancelled": 0}, 0
    begun = time.monotonic()
    for number in range(1, JOBS + 1):
        real = number % 50 == 25
        request = LEARN | {"views": 4, "resolution": 8, "seed": number} if real else small
        wanted = "cancelled" if not real and chance.random() < 0.125 else "done"
        if wanted == "cancelled":
            request = small | {"steps": 1000, "seconds": 60.0}
        job = ask(session, request, tmp_path / "cache")
        if wanted == "cancelled":
            pause = time.monotonic() + chance.uniform(0.0, 1.5)
            until(session, lambda: time.monotonic() > pause, 5)  # noqa: B023
            session.cancel()
        assert until(session, lambda: job.ended, 300)  # noqa: B023
        assert job.state == wanted, job.error
        ends[wanted] += 1
        learned += real
        if number in (JOBS // 5, JOBS):
            until(session, lambda: not session.pump.busy, 10)
            figures[number] = {
                "backend's memory": backend.memory_full_info().uss,
                "backend's files": backend.num_fds(),
                "backend's threads": backend.num_threads(),
                "Blender's files": us.num_fds(),
                "Blender's threads": threading.active_count(),
            }
            print(f"\n{number} jobs, {time.monotonic() - begun:.0f} s: {figures[number]}")
    early, late = figures.values()
    assert ends["cancelled"] > JOBS // 16
    assert backend.is_running()
    assert until(session, lambda: not workers_of(session, 1), 30)
    assert left_behind(home, scratch) == []
    assert len(list((home / "library").glob("*.field.npz"))) == learned
    assert late["backend's memory"] < MOST_GROWTH * early["backend's memory"]
    for counted in ("backend's files", "backend's threads", "Blender's files", "Blender's threads"):
        # One more may be at work at this very moment.
        assert late[counted] <= early[counted] + 1, counted
