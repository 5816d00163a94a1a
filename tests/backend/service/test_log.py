"""The backend's log: a line for what happens, and never a large file."""

import os
import re
import subprocess
import sys

import httpx
import pytest

from propfield.service.log import older


@pytest.fixture
def log(tmp_path):
    return tmp_path / "backend.log"


def test_jobs_stand_in_the_log_and_it_stays_small(log, tmp_path):
    home = tmp_path / "home"
    log.write_bytes(b"old line\n" * 300_000)
    with open(log, "ab") as stream:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "propfield",
                "serve",
                "--port",
                "0",
                "--home",
                str(home),
                "--log",
                str(log),
            ],
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
    try:
        url = _until(lambda: re.search(r"listening on (\S+)", _text(log) + _text(older(log)))).group(1)
        _until(lambda: log.stat().st_size < 2**20)
        assert _text(older(log)).startswith("old line")
        token = (home / "token").read_text().strip()
        with httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=20
        ) as client:
            wanted = {"kind": "check", "steps": 1, "seconds": 0, "megabytes": 0}
            job = client.post("/v1/jobs", json=wanted).json()["id"]
            _until(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "done")
        _until(lambda: re.search(rf"\d\d:\d\d:\d\d  job {job} \(check\): done", _text(log)))
        assert token not in _text(log) + _text(older(log))
    finally:
        process.terminate()
        process.wait(20)
    # The file was opened for appending, so that no hole of zeros is left at its begin.
    assert b"\0" not in log.read_bytes()


def test_a_file_that_is_not_the_output_is_left_alone(tmp_path, start):
    stranger = tmp_path / "thesis.txt"
    stranger.write_bytes(b"x" * 3 * 2**20)
    backend = start("--log", str(stranger))
    job = backend.add(kind="check", steps=1, seconds=1.5, megabytes=0)
    backend.wait(job, "done")
    assert stranger.stat().st_size == 3 * 2**20
    assert not older(stranger).exists()


def _text(path) -> str:
    return path.read_text() if path.exists() else ""


def _until(holds, seconds=30.0):
    import time

    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found
