"""What is left when a job is cancelled, its process is killed, or the backend itself dies."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time

import psutil
import pytest

# Long enough to be interrupted, with a checkpoint at each step.
LONG = {"kind": "check", "steps": 100, "seconds": 20.0, "megabytes": 1}


def worker_of(backend) -> psutil.Process:
    (worker,) = psutil.Process(backend.process.pid).children()
    return worker


def gone(process: psutil.Process, seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_a_running_job_is_cancelled(backend):
    running, waiting = backend.add(**LONG), backend.add(**LONG)
    backend.wait(running, "running", progress=0.01)
    worker = worker_of(backend)
    assert backend.client.delete(f"/v1/jobs/{waiting}").json()["state"] == "cancelled"
    assert backend.client.delete(f"/v1/jobs/{running}").status_code == 200
    job = backend.wait(running, "cancelled", seconds=5)
    assert job["result"] is None
    assert gone(worker)
    checkpoint = backend.home / "jobs" / running / "checkpoint"
    end = time.monotonic() + 5
    while checkpoint.exists():
        assert time.monotonic() < end, "the checkpoint of a cancelled job is still there"
        time.sleep(0.05)


def test_a_cancelled_learn_takes_its_helpers_with_it(backend):
    job_id = backend.add(kind="learn", category="umbrella", types=None, source="studio", views=5000, seed=0)
    backend.wait(job_id, "running", progress=0.001, seconds=60)
    tree = psutil.Process(backend.process.pid).children(recursive=True)
    assert len(tree) > 2, "the studio's own processes are not there"
    backend.client.delete(f"/v1/jobs/{job_id}")
    # By the time that the job says so, nothing of it is left, whether it listened or had to be killed.
    backend.wait(job_id, "cancelled")
    assert all(gone(process) for process in tree)
    assert backend.client.get("/v1/fields").json() == {"fields": []}


def test_a_worker_that_does_not_listen_is_cancelled_too(backend):
    job_id = backend.add(**LONG)
    backend.wait(job_id, "running", progress=0.01)
    worker = worker_of(backend)
    worker.suspend()
    backend.client.delete(f"/v1/jobs/{job_id}")
    backend.wait(job_id, "cancelled", seconds=12)
    assert gone(worker)


def test_a_killed_worker_is_tried_once_more_and_then_fails(start):
    backend = start()
    job_id = backend.add(**LONG)
    reached = backend.wait(job_id, "running", progress=0.02)["progress"]
    first = worker_of(backend)
    first.kill()
    assert gone(first)
    # The second run begins at the first one's checkpoint.
    backend.wait(job_id, "running", progress=reached + 0.02)
    second = worker_of(backend)
    assert second.pid != first.pid
    second.kill()
    job = backend.wait(job_id, "failed", seconds=5)
    assert "memory" in job["error"]
    assert job["error"].count(".") == 1
    assert backend.client.get("/v1/hello").status_code == 200
    after = backend.add(kind="check", steps=1, seconds=0, megabytes=0)
    backend.wait(after, "done")


def test_a_job_survives_the_backends_death(start):
    backend = start()
    job_id = backend.add(kind="check", steps=40, seconds=4.0, megabytes=1)
    backend.wait(job_id, "running", progress=0.3)
    worker = worker_of(backend)
    backend.process.kill()
    backend.process.wait()
    assert gone(worker), "the worker outlived its backend"
    again = start()
    job = again.wait(job_id, "done")
    assert job["result"]["steps"] == 40
    assert job["result"]["resumed_at"] >= 12


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_backend_ends_its_worker_and_keeps_the_job(start, number):
    backend = start()
    job_id = backend.add(**LONG)
    backend.wait(job_id, "running", progress=0.01)
    worker = worker_of(backend)
    # An open event stream must not hold it up.
    with backend.client.stream("GET", f"/v1/jobs/{job_id}/events"):
        backend.process.send_signal(number)
        assert backend.process.wait(timeout=10) == 0
    assert gone(worker)
    assert backend.process.stderr.read() == ""
    with sqlite3.connect(backend.home / "jobs.sqlite3") as database:
        assert database.execute("SELECT state FROM jobs").fetchall() == [("queued",)]
    database.close()


def test_it_ends_with_the_process_that_started_it(start):
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    backend = start("--parent-pid", str(parent.pid))
    assert backend.process.poll() is None
    parent.communicate(b"\n")
    assert backend.process.wait(timeout=10) == 0


def test_a_port_in_use_gives_one_sentence(backend, tmp_path):
    for home, told in (
        (backend.home, f"process {backend.process.pid}"),
        (tmp_path / "other", "another program"),
    ):
        second = subprocess.run(
            [sys.executable, "-m", "propfield", "serve", "--port", str(backend.port), "--home", str(home)],
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert second.returncode == 3
        assert second.stdout == ""
        assert second.stderr.startswith(f"propfield: Port {backend.port} is in use by")
        assert told in second.stderr
        assert second.stderr.count("\n") == 1


def test_two_backends_do_not_share_a_home(backend):
    second = subprocess.run(
        [sys.executable, "-m", "propfield", "serve", "--port", "0", "--home", str(backend.home)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert second.returncode == 3
    assert f"(process {backend.process.pid}, port {backend.port}) already serves the home" in second.stderr
    assert second.stderr.count("\n") == 1
    assert backend.client.get("/v1/jobs").status_code == 200


def test_a_home_that_cannot_be_made_gives_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    answer = subprocess.run(
        [
            sys.executable,
            "-m",
            "propfield",
            "serve",
            "--port",
            "0",
            "--home",
            str(tmp_path / "file" / "home"),
        ],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ},
    )
    assert answer.returncode == 3
    assert answer.stderr.count("\n") == 1
    assert "home folder" in answer.stderr


@pytest.mark.slow
def test_a_killed_helper_is_tried_once_more_and_then_fails(start):
    backend = start()
    job_id = backend.add(kind="learn", category="umbrella", types=None, source="studio", views=20_000, seed=0)
    for _ in range(2):
        end = time.monotonic() + 120
        helpers: list[psutil.Process] = []
        while not helpers:
            assert time.monotonic() < end, "no process of the studio came"
            with contextlib.suppress(psutil.Error, ValueError):
                # The resource tracker of multiprocessing is no helper: its end harms nobody.
                helpers = [
                    each for each in worker_of(backend).children() if "spawn_main" in " ".join(each.cmdline())
                ]
            time.sleep(0.05)
        helpers[0].kill()
        assert gone(helpers[0])
    job = backend.wait(job_id, "failed", seconds=60)
    assert "A process that helped was ended from outside" in job["error"]
