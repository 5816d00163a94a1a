"""The connection over time: a backend that crashes, hangs, is replaced, or is shared by several Blenders."""

import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest
from addon.client.home import log_file, read_token
from addon.client.http import Backend, BackendError

from addon.client import link

from .test_session import read_size, started, umbrella


def gone(pid: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def test_a_backend_that_is_killed_while_learning_is_restarted_and_the_job_goes_on(session, port, tmp_path):
    started(session, port)
    job = session.learn(umbrella(40), tmp_path / "cache", read_size, lambda *_: None)
    session.wait(lambda: job.progress > 0, 60)
    first, identifier = session.greeting["pid"], job.identifier
    os.kill(first, signal.SIGKILL)
    assert session.wait(lambda: session.state == "starting", 20), "its end was not noticed"
    assert session.notice.startswith("The backend ended (")
    assert session.notice.endswith("; started again, 1 of 3.")
    assert session.wait(lambda: job.ended, 180)
    assert (job.state, job.error) == ("done", "")
    assert job.identifier == identifier
    assert session.greeting["pid"] != first
    assert job.path.is_file()
    assert session.state == "running"
    assert "taken up from an earlier backend" in log_file().read_text()


def test_an_idle_backend_that_dies_is_noticed_in_seconds_and_not_restarted_for_ever(
    session, port, monkeypatch
):
    monkeypatch.setattr(link, "PAUSES", (0.1,))
    started(session, port)
    os.kill(session.greeting["pid"], signal.SIGKILL)
    assert session.wait(lambda: session.state == "starting", 10)
    assert session.wait(lambda: session.state == "running", 120)
    os.kill(session.greeting["pid"], signal.SIGKILL)
    assert session.wait(lambda: session.state == "stopped", 10)
    assert "again and again" in session.problem
    assert session.process is None


def test_a_backend_that_hangs_is_told_of_and_stop_ends_it(session, port):
    started(session, port)
    pid = session.greeting["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        assert session.wait(lambda: session.missed >= 2, 30)
        assert session.state == "running"
        os.kill(pid, signal.SIGCONT)
        assert session.wait(lambda: session.missed == 0, 10), "that it is back was not noticed"
        os.kill(pid, signal.SIGSTOP)
        session.stop()
        assert session.state == "stopping"
        assert session.wait(lambda: session.state == "stopped", 40)
        assert gone(pid, 5)
    finally:
        if psutil.pid_exists(pid):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.slow
def test_one_that_was_restarted_by_hand_is_taken_as_it_is(session, port, home):
    command = [sys.executable, "-m", "propfield", "serve", "--port", str(port), "--home", str(home)]
    by_hand = subprocess.Popen(command, stdout=subprocess.PIPE)
    by_hand.stdout.readline()
    try:
        started(session, port)
        assert session.process is None
        by_hand.kill()
        by_hand.communicate()
        by_hand = subprocess.Popen(command, stdout=subprocess.PIPE)
        by_hand.stdout.readline()
        assert session.wait(lambda: session.greeting.get("pid") == by_hand.pid, 30)
        assert session.state == "running"
        session.stop()
        session.wait(lambda: session.state == "stopped", 20)
        assert by_hand.poll() is None, "what was started by hand was stopped"
    finally:
        by_hand.kill()
        by_hand.communicate()


def test_two_blenders_share_a_backend_and_the_second_keeps_it_when_the_first_stops(
    session, port, other_blender, tmp_path
):
    started(session, port)
    pid = session.greeting["pid"]
    job = session.learn(umbrella(100_000), tmp_path, read_size, print)
    session.wait(lambda: job.state == "running", 60)
    other_blender.start(port)
    assert other_blender.ask("session.process is None and session.greeting['pid']") == pid
    assert session.wait(lambda: session.others == 1, 10)
    # A job that somebody follows is not taken over into another scene.
    assert other_blender.ask("len(found)") == 0
    session.cancel()
    assert session.wait(lambda: job.ended, 60)
    session.stop()
    assert session.wait(lambda: session.state == "stopped", 20)
    assert "another Blender uses it" in session.notice
    assert Backend(port, read_token()).pulse()["pid"] == pid
    other_blender.kill()
    assert gone(pid, 15)


def test_a_blender_that_crashes_takes_its_backend_along_unless_another_uses_it(session, port, other_blender):
    other_blender.start(port)
    pid = other_blender.ask("session.greeting['pid']")
    started(session, port)
    assert session.process is None
    other_blender.kill()
    time.sleep(2)
    assert session.backend.pulse()["pid"] == pid
    session.stop()
    assert session.wait(lambda: session.state == "stopped", 20)
    assert gone(pid, 15)


@pytest.mark.slow
def test_a_blender_that_crashes_alone_takes_its_backend_along(port, other_blender):
    other_blender.start(port)
    pid = other_blender.ask("session.greeting['pid']")
    other_blender.kill()
    assert gone(pid, 15)


@pytest.mark.slow
def test_one_that_is_kept_outlives_blender_and_the_next_can_stop_it(session, port, other_blender):
    other_blender.ask("setattr(session, 'kept', session.set_keep(True))")
    other_blender.ask(f"session.start({port}, '', True)")
    assert other_blender.ask("session.wait(lambda: session.state != 'starting', 120)")
    pid = other_blender.ask("session.greeting['pid']")
    other_blender.kill()
    assert not gone(pid, 2)
    started(session, port)
    assert session.greeting["pid"] == pid
    session.stop()
    assert session.wait(lambda: session.state == "stopped", 20)
    assert gone(pid, 15)


@pytest.mark.slow
def test_two_that_start_at_once_end_up_with_one(session, port, other_blender):
    other_blender.ask(f"session.start({port})")
    started(session, port)
    assert other_blender.ask("session.wait(lambda: session.state != 'starting', 120)")
    assert other_blender.ask("session.state") == "running", other_blender.ask("session.problem")
    assert other_blender.ask("session.greeting['pid']") == session.greeting["pid"]
    # Whose process it is not lets go of the idea that it was.
    other_blender.ask("session.wait(lambda: False, 4)")
    session.wait(lambda: False, 1)
    assert sorted([session.process is None, other_blender.ask("session.process is None")]) == [False, True]


def test_closing_with_a_dead_server_takes_no_time(session, port):
    """`leave` on the main thread waits for nothing; here, that the backend ends all the same."""
    started(session, port)
    pid = session.greeting["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        session.leave()
        assert session.state == "stopped"
    finally:
        os.kill(pid, signal.SIGCONT)
    assert gone(pid, 15)


def test_a_stop_that_ends_late_does_not_end_what_was_started_since(session, port, tmp_path, monkeypatch):
    """The add-on is switched off while it stops its backend, and on again."""
    started(session, port)
    os.kill(session.greeting["pid"], signal.SIGSTOP)
    stopped = session.process
    session.stop()
    session.leave()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        elsewhere = probe.getsockname()[1]
    # The hanging one holds its home.
    monkeypatch.setenv("PROPFIELD_HOME", str(tmp_path / "another home"))
    session.start(elsewhere)
    assert session.wait(lambda: session.state != "starting", 120)
    assert session.state == "running", session.problem
    assert session.wait(lambda: not stopped.running and not session.pump.busy, 40)
    assert session.state == "running"


@pytest.mark.slow
def test_a_job_whose_backend_is_stopped_says_so_and_is_found_again(session, port, tmp_path):
    started(session, port)
    job = session.learn(umbrella(30), tmp_path, read_size, print)
    session.wait(lambda: job.progress > 0, 60)
    session.stop()
    assert session.wait(lambda: job.ended and session.state == "stopped", 40)
    assert job.state == "failed"
    assert "start it" in job.error
    found = []
    session.found = found.append
    started(session, port)
    assert [entry["id"] for entry in found] == [job.identifier]
    again = session.learn({}, tmp_path, read_size, lambda *_: None, identifier=job.identifier)
    assert session.wait(lambda: again.ended, 120)
    assert again.state == "done"


def test_current_says_when_it_is_gone_for_good(session):
    with pytest.raises(BackendError, match="start it"):
        session.current()
