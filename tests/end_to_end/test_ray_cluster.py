"""`propfield learn --engine ray` as a user runs it: it tells results and nothing else, leaves nothing behind,
and a cluster of two machines (two of Ray's on this one) may lose one on the way."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from uuid import uuid4

import psutil
import pytest

from propfield.errors import Cancelled, Unavailable

pytest.importorskip("ray")
pytestmark = pytest.mark.slow

REQUEST = ("learn", "hat", "--views", "300", "--resolution", "24")


class Run:
    """Processes of a test, known by a variable in their environment however they cut themselves loose."""

    def __init__(self, folder):
        self.mark = uuid4().hex
        self.env = {**os.environ, "PROPFIELD_TEST": self.mark, "TMPDIR": str(folder)}

    def start(self, *command):
        return subprocess.Popen(
            [sys.executable, "-m", *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.env,
            start_new_session=True,
        )

    def processes(self):
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("PROPFIELD_TEST") == self.mark:
                    found.append(process)
        return found

    def busy(self, parents=None):
        """A Ray worker (of one of the parents) that does a piece, as soon as there is one."""
        for _ in range(1200):
            for process in self.processes():
                with suppress(psutil.Error):
                    ours = parents is None or process.parent() in parents
                    if ours and process.cmdline()[:1] == ["ray::_do"]:
                        return process
            time.sleep(0.05)
        raise AssertionError("No worker did anything.")

    def ended(self):
        """Whether all are gone, in a moment."""
        for _ in range(100):
            if not self.processes():
                return True
            time.sleep(0.1)
        return False


@pytest.fixture
def run(tmp_path_factory):
    # Ray's sockets want a short path.
    run = Run(tmp_path_factory.mktemp("r"))
    yield run
    for process in run.processes():
        with suppress(psutil.Error):
            process.kill()


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The field file that processes of this machine give."""
    out = tmp_path_factory.mktemp("alone") / "hat.field.npz"
    done = subprocess.run([sys.executable, "-m", "propfield", *REQUEST, "--out", out], check=False)
    assert done.returncode == 0
    return out.read_bytes()


def test_a_killed_worker_shows_nowhere(run, alone, tmp_path):
    out = tmp_path / "hat.field.npz"
    learning = run.start("propfield", *REQUEST, "--engine", "ray", "--out", out, "--json")
    run.busy().kill()
    stdout, stderr = learning.communicate(timeout=240)
    assert learning.returncode == 0, stderr
    assert json.loads(stdout)["category"] == "hat"
    stages = ("perceive views", "prepare the grid", "count votes", "write the field")
    assert stderr.splitlines() == [f"{stage} …" for stage in stages]
    assert out.read_bytes() == alone
    assert run.ended()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_one_leaves_nothing(run, tmp_path, number):
    out = tmp_path / "hat.field.npz"
    learning = run.start("propfield", *REQUEST, "--engine", "ray", "--out", out)
    run.busy()
    (os.killpg if number == signal.SIGINT else os.kill)(learning.pid, number)
    stdout, stderr = learning.communicate(timeout=60)
    assert learning.returncode == Cancelled.exit_code
    assert stdout == ""
    assert stderr.splitlines()[-1] == "propfield: Stopped; nothing was written."
    assert list(tmp_path.iterdir()) == []
    assert run.ended()


@pytest.fixture
def cluster(run):
    """Two machines of one core each: the head's address, its processes and the other's."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run.env["RAY_USAGE_STATS_ENABLED"] = "0"
    ray_start = ("ray.scripts.scripts", "start", "--num-cpus", 1)
    head = ("--head", "--port", port, "--include-dashboard", "false")
    assert run.start(*ray_start, *head).wait(120) == 0
    first = run.processes()
    assert run.start(*ray_start, "--address", f"127.0.0.1:{port}").wait(120) == 0
    return f"127.0.0.1:{port}", first, [process for process in run.processes() if process not in first]


def test_a_lost_machine_is_made_up_for(run, cluster, alone, tmp_path):
    address, _, second = cluster
    out = tmp_path / "hat.field.npz"
    learning = run.start("propfield", *REQUEST, "--engine", "ray", "--address", address, "--out", out)
    # All of the second machine is gone at once, while it does a piece.
    for process in [run.busy(second), *second]:
        with suppress(psutil.Error):
            process.kill()
    _, stderr = learning.communicate(timeout=240)
    assert learning.returncode == 0, stderr
    assert out.read_bytes() == alone
    # The cluster is somebody else's, and stays.
    assert any("gcs_server" in process.name() for process in run.processes())


def test_a_lost_head_is_one_sentence(run, cluster, tmp_path):
    address, first, _ = cluster
    out = tmp_path / "hat.field.npz"
    learning = run.start("propfield", *REQUEST, "--engine", "ray", "--address", address, "--out", out)
    for process in [run.busy(), *first]:
        with suppress(psutil.Error):
            process.kill()
    # Ray itself would wait for a minute, and then end the process with words and a code of its own.
    stdout, stderr = learning.communicate(timeout=50)
    assert learning.returncode == Unavailable.exit_code
    assert stdout == ""
    # Ray's C++ part may log a line of its own before; nothing can keep it from that.
    said = [line for line in stderr.splitlines() if "task_manager.cc" not in line]
    assert said[:-1] == ["perceive views …"]
    assert said[-1].startswith("propfield: The Ray cluster at ")
    assert f":{address.rpartition(':')[2]} is gone" in said[-1]
    assert "`ray start --head`" in said[-1]
    assert list(tmp_path.iterdir()) == []
