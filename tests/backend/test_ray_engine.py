"""Work spread over a real Ray on this machine, whose workers are killed on the way."""

import operator
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from propfield import ray_engine
from propfield.engines import Processes
from propfield.errors import Cancelled, NotFound, Unavailable
from propfield.field.file import read_header, save_field
from propfield.jobs.learn import learn
from propfield.jobs.requests import learn_request
from propfield.ray_engine import AHEAD, RayEngine

pytest.importorskip("ray")

CORES = 2


@pytest.fixture(scope="module")
def engine():
    with RayEngine(workers=CORES, store=100 * 2**20) as engine:
        yield engine


def ray_processes() -> list[psutil.Process]:
    """Those that do pieces of work right now."""
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if process.status() != psutil.STATUS_ZOMBIE and process.cmdline()[:1] == ["ray::_do"]
    ]


def test_results_come_in_order_and_a_few_ahead(engine):
    taken = []

    def items():
        for number in range(40):
            taken.append(number)
            yield number

    with closing(engine.map(operator.mul, items(), shared=[3])) as results:
        assert next(results) == 0
        assert len(taken) == AHEAD * CORES
        assert list(results) == [3 * number for number in range(1, 40)]


def test_a_field_is_the_same_though_workers_are_killed(engine, tmp_path):
    """One while views are made and one while they are counted."""
    request = learn_request(category="hat", views=150, seed=4, resolution=24)
    killed = []

    def kill(stage: str, fraction: float, message: str = "") -> None:
        if stage not in killed and stage in ("perceive views", "count votes") and (busy := ray_processes()):
            busy[0].kill()
            killed.append(stage)

    fields = [learn(request, engine=engine, progress=kill), learn(request, engine=Processes(1))]
    assert killed == ["perceive views", "count votes"]
    files = [tmp_path / f"{number}.field.npz" for number in range(2)]
    for field, file in zip(fields, files, strict=True):
        save_field(field, file)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_what_a_piece_raises_is_raised_here(engine):
    with pytest.raises(NotFound, match=r"^There is no file nothing\.npz\.$"):
        list(engine.map(read_header, [Path("nothing.npz")]))
    assert list(engine.map(operator.neg, [1, 2])) == [-1, -2]


def test_a_cancel_while_waiting_ends_the_work(engine):
    asked = []

    def stop():
        asked.append(1)
        if len(asked) > 3:
            raise Cancelled("Stopped.")

    begin = time.monotonic()
    with pytest.raises(Cancelled):
        list(engine.map(time.sleep, [300] * 9, stop))
    assert len(asked) == 4
    # Both workers are free again, long before they would have slept enough.
    assert list(engine.map(operator.neg, [1, 2])) == [-1, -2]
    assert time.monotonic() - begin < 250


def test_nothing_is_reported_and_callers_need_a_token(engine):
    assert list(engine.map(os.getenv, ["RAY_USAGE_STATS_ENABLED", "RAY_AUTH_MODE"])) == ["0", "token"]
    services = psutil.Process().children(recursive=True)
    (reporting,) = [service for service in services if "dashboard.py" in " ".join(service.cmdline())]
    assert reporting.environ()["RAY_USAGE_STATS_ENABLED"] == "0"


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense", "http://127.0.0.1:1"])
def test_no_cluster_there_is_one_sentence(address):
    told = run_alone(f"list(RayEngine({address!r}).map(abs, [1]))")
    assert told.startswith("propfield.errors.Unavailable: There is no Ray cluster at")
    assert address in told


def test_another_version_there_is_one_sentence(engine, monkeypatch):
    monkeypatch.setattr(ray_engine, "version", lambda name: "9.9")
    with pytest.raises(Unavailable, match=r"has propfield .*, and here it is 9\.9"):
        list(engine.map(abs, [1]))


def test_without_ray_the_sentence_tells_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(Unavailable, match=r"pip install 'propfield\[ray\]'"):
        next(RayEngine().map(abs, [1]))


def run_alone(line: str) -> str:
    """The last line that a process of its own says on stderr."""
    program = f"from propfield.ray_engine import RayEngine\n{line}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    return done.stderr.strip().splitlines()[-1]
