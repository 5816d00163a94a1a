"""What a job will need of memory, against what it took."""

import os
import subprocess
import sys
import threading
import time

import psutil
import pytest

from propfield.errors import PropfieldError, Unavailable
from propfield.home import open_home
from propfield.jobs.device import Device, processor
from propfield.jobs.memory import check_memory, estimate, refuse_impossible
from propfield.jobs.requests import CheckRequest, LearnRequest
from propfield.jobs.store import JobStore
from propfield.jobs.worker import JobProgress, perform

CPU = Device("cpu", "a processor", 0)


def learning(**more) -> LearnRequest:
    return LearnRequest(category="umbrella", types=["hold"], **more)


def test_it_grows_with_all_that_takes_memory():
    least = estimate(learning(views=20, resolution=64), cores=4).main
    for more in (
        {"resolution": 128},
        {"estimator": "fit"},
        {"parts": ["left hand"]},
        # Enough pieces that others help.
        {"views": 200},
    ):
        assert estimate(learning(**({"views": 20, "resolution": 64} | more)), cores=4).main > least
    assert estimate(learning(views=10**6), cores=4) == estimate(learning(views=200), cores=4), (
        "views stream: their number is no matter"
    )
    assert estimate(learning(), gpu=True).gpu > 0 == estimate(learning()).gpu


def test_what_no_memory_could_hold_is_refused_at_once():
    with pytest.raises(PropfieldError, match=r"needs about 9\d\d\.\d GiB of memory and the machine has"):
        refuse_impossible(CheckRequest(megabytes=1_000_000))
    refuse_impossible(learning())


def test_too_little_free_memory_is_told_in_figures(monkeypatch):
    monkeypatch.setattr("propfield.jobs.memory.processor", lambda: Device("cpu", "a processor", 200 * 2**20))
    with pytest.raises(
        Unavailable, match=r"needs about \d\.\d GiB of memory and the machine has 0\.2 GiB free"
    ):
        check_memory(learning(resolution=128), CPU)


def test_a_full_card_is_told_in_figures():
    card = Device("cuda", "NVIDIA H100", 2**30)
    with pytest.raises(
        Unavailable, match=r"needs about 4\.\d GiB of memory and NVIDIA H100 has 1\.0 GiB free"
    ):
        check_memory(learning(resolution=256, views=20), card)
    check_memory(learning(views=20), Device("cuda", "NVIDIA H100", 2**34))


def test_a_wire_job_that_needs_too_much_fails_with_a_sentence(monkeypatch, tmp_path, home):
    """In the worker, before it loads anything: what is free now counts."""
    place = open_home(home)
    free = processor().memory_free // 2**20 + 10_000
    if free > 1_000_000:
        pytest.skip("this machine has more memory than a check may ask for")

    store = JobStore(place.database)
    store.add("check", {"steps": 1, "seconds": 0, "megabytes": free})
    job = store.claim()
    with pytest.raises(Unavailable, match="close other programs"):
        perform(place, job, JobProgress(store, job, threading.Event()))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="shared memory is told apart on Linux alone")
@pytest.mark.parametrize(
    "options",
    [
        {"views": 120, "resolution": 24, "estimator": "voting"},
        {"views": 40, "resolution": 128, "estimator": "voting"},
        {"views": 40, "resolution": 128, "estimator": "fit"},
    ],
    ids=str,
)
def test_the_estimate_holds_and_is_not_twice_too_high(options, tmp_path, home):
    command = ["learn", "umbrella", "--out", str(tmp_path / "u.field.npz"), "--type", "hold"]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    process = subprocess.Popen(
        [sys.executable, "-m", "propfield", *command],
        stdout=subprocess.DEVNULL,
        env=os.environ | {"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )
    peak = 0
    while process.poll() is None:
        peak = max(peak, _memory(psutil.Process(process.pid)))
        time.sleep(0.05)
    assert process.returncode == 0
    need = estimate(learning(**options)).main
    print(f"\n{options}: took {peak / 1e6:.0f} MB, estimated {need / 1e6:.0f} MB")
    assert peak < need < 2.5 * peak


def _memory(process: psutil.Process) -> int:
    total = 0
    try:
        for each in (process, *process.children(recursive=True)):
            total += each.memory_full_info().pss
    except psutil.Error:
        return total
    return total
