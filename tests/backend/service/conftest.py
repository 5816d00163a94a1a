"""A real backend: `propfield serve` in its own process, on a free port, with its own home folder."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest


class Backend:
    """A running backend, and a client that knows its token."""

    def __init__(self, home: Path, *options: str) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [sys.executable, "-m", "propfield", "serve", "--port", "0", "--home", str(home), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        if "listening on" not in line:
            self.process.kill()
            raise AssertionError(line + self.process.stderr.read())
        self.url = line.split()[-1]
        self.port = int(self.url.rpartition(":")[2])
        self.token = (home / "token").read_text().strip()
        self.client = httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=30, trust_env=False
        )

    def add(self, **request: object) -> str:
        answer = self.client.post("/v1/jobs", json=request)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def job(self, job_id: str) -> dict:
        return self.client.get(f"/v1/jobs/{job_id}").json()

    def wait(self, job_id: str, *states: str, seconds: float = 30, progress: float = 0.0) -> dict:
        """The job as soon as it is in one of the states, at least so far."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            job = self.job(job_id)
            if job["state"] in states and job["progress"] >= progress:
                return job
            time.sleep(0.05)
        raise AssertionError(f"the job is not {states}, {progress}: {job}")

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout=20)

    def close(self) -> None:
        self.client.close()
        self.stop()
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def start(tmp_path) -> Iterator:
    """Starts backends; all have the same home folder unless another is given."""
    backends: list[Backend] = []

    def start_one(*options: str, home: Path = tmp_path / "home") -> Backend:
        backends.append(Backend(home, *options))
        return backends[-1]

    yield start_one
    for backend in backends:
        backend.close()


@pytest.fixture(scope="module")
def backend(tmp_path_factory) -> Iterator[Backend]:
    """One backend for the tests that leave it as it was."""
    running = Backend(tmp_path_factory.mktemp("service") / "home")
    yield running
    running.close()
