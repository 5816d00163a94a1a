"""The client against the real `propfield serve`, and against what is not it."""

import os
import socket
import stat
import sys
import time
from pathlib import Path

import pytest
from addon.client.home import home_folder, log_file, read_token
from addon.client.http import Backend, BackendError
from addon.client.log import last_lines
from addon.client.process import find_command
from addon.client.session import Session

from .main_thread import Watch

START_SECONDS = 120


def started(session: Session, port: int) -> None:
    session.start(port)
    assert session.wait(lambda: session.state != "starting", START_SECONDS)
    assert session.state == "running", session.problem


def umbrella(views: int) -> dict:
    return {
        "kind": "learn",
        "category": "umbrella",
        "types": None,
        "source": "studio",
        "views": views,
        "seed": 1,
    }


def read_size(path: Path) -> int:
    return path.stat().st_size


def test_learns_a_field_without_ever_holding_up_the_caller(session, port, tmp_path, home):
    started(session, port)
    assert session.process is not None
    assert session.process.running
    assert "umbrella" in [category["name"] for category in session.categories]
    assert session.types_of("umbrella")[0]["prompt"]
    arrived, lines, watch = [], [], Watch(home)
    job = session.learn(
        umbrella(24), tmp_path / "cache", read_size, lambda path, size: arrived.append((path, size))
    )
    session.changed = lambda: lines.append((job.state, job.progress))
    while not job.ended:
        with watch.stretch("step"):
            session.step()
        time.sleep(0.005)
    assert job.error == ""
    assert job.state == "done"
    assert watch.waits == []
    [(path, size)] = arrived
    assert path.parent == tmp_path / "cache"
    assert size > 100_000
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    progress = [share for _, share in lines]
    assert progress == sorted(progress)
    assert len(set(progress)) > 3
    assert [entry["name"] for entry in session.backend.fields()] == [job.result["field"]]

    wrong = session.learn(umbrella(5) | {"category": "umbrela"}, tmp_path / "cache", read_size, print)
    session.wait(lambda: wrong.ended, 30)
    assert wrong.state == "failed"
    assert "umbrella" in wrong.error


def test_cancel_ends_the_job_and_leaves_nothing(session, port, tmp_path):
    started(session, port)
    job = session.learn(
        umbrella(100_000), tmp_path / "cache", read_size, lambda *_: pytest.fail("nothing arrives")
    )
    with pytest.raises(BackendError, match="already"):
        session.learn(umbrella(5), tmp_path, read_size, print)
    session.wait(lambda: job.state == "running", 60)
    session.cancel()
    assert job.line() == "Cancelling…"
    assert session.wait(lambda: job.ended, 60)
    assert job.state == "cancelled"
    assert not (tmp_path / "cache").exists()


def test_stop_ends_the_process_that_was_started(session, port):
    started(session, port)
    pid = session.greeting["pid"]
    session.stop()
    assert session.state == "stopping"
    assert session.wait(lambda: session.state == "stopped", 20)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_stop_while_starting_gives_up_the_start(session, port):
    session.start(port)
    time.sleep(0.3)
    session.stop()
    assert session.state == "stopped"
    assert session.wait(lambda: not session.pump.busy, 30)
    assert session.process is None
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_the_token_is_the_owners_and_another_is_refused(session, port):
    started(session, port)
    assert read_token()
    if sys.platform != "win32":
        assert stat.S_IMODE((home_folder() / "token").stat().st_mode) == 0o600
    with pytest.raises(BackendError, match="refuses this user"):
        Backend(port, "another").hello()


def test_a_foreign_server_on_the_port(session, foreign_server):
    session.start(foreign_server.server_port)
    session.wait(lambda: session.state != "starting", 30)
    assert session.state == "stopped"
    assert session.problem == (
        f"Port {foreign_server.server_port} is in use by another program: close it, or set another port in "
        "the add-on's preferences."
    )


def test_a_server_that_never_speaks_http(session):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        session.start(port)
        accepted, _ = server.accept()
        accepted.sendall(b"220 mail.example ESMTP\r\n")
        session.wait(lambda: session.state != "starting", 30)
        accepted.close()
    assert "in use by another program" in session.problem


def test_no_step_waits_for_a_slow_server(session, foreign_server, home):
    foreign_server.delay, watch = 1.0, Watch(home)
    session.start(foreign_server.server_port)
    while session.state == "starting":
        with watch.stretch("step"):
            session.step()
        time.sleep(0.01)
    assert "in use by another program" in session.problem
    assert watch.waits == []


def test_a_dead_server_is_a_sentence(port):
    with pytest.raises(BackendError, match=f"No backend answers on port {port}"):
        Backend(port, "token").hello()


def test_learning_without_a_backend_is_a_sentence(session, tmp_path):
    with pytest.raises(BackendError, match="start it"):
        session.learn(umbrella(5), tmp_path, read_size, print)


def test_a_program_that_is_not_propfield(session, port, tmp_path):
    program = tmp_path / "propfield"
    program.write_text(
        f"#!{sys.executable}\nprint('first'); print('torch is missing')\nraise SystemExit(3)\n"
    )
    program.chmod(0o755)
    session.start(port, str(program))
    session.wait(lambda: session.state != "starting", 30)
    assert session.problem == (
        f"The backend ended while starting; it said “torch is missing”; see the log in {log_file()}."
    )
    assert session.last_words == ("first", "torch is missing")


@pytest.mark.parametrize(
    ("missing", "told"),
    [("fastapi.routing", "lacks the package fastapi"), ("propfield.cli", "a Python without propfield")],
)
def test_a_missing_package_is_named_with_what_to_do(session, port, tmp_path, missing, told):
    program = tmp_path / "propfield"
    program.write_text(f"#!{sys.executable}\nraise ModuleNotFoundError(\"No module named '{missing}'\")\n")
    program.chmod(0o755)
    session.start(port, str(program))
    session.wait(lambda: session.state != "starting", 30)
    assert told in session.problem
    assert "make demo" in session.problem


def test_a_program_that_is_not_there(session, port, tmp_path):
    session.start(port, str(tmp_path / "nowhere"))
    session.wait(lambda: session.state != "starting", 30)
    assert session.problem.startswith(f"{tmp_path / 'nowhere'} is not there")


def test_a_python_may_stand_for_the_program():
    assert find_command(sys.executable)[0] == sys.executable
    assert find_command(sys.executable)[1] == "-c"


def test_what_is_beside_or_in_this_python_is_found(monkeypatch):
    monkeypatch.setenv("PATH", "")
    command = find_command()
    assert Path(command[0]).stem == "propfield" or command[:2] == [sys.executable, "-c"]


def test_the_last_lines_of_a_log(tmp_path):
    log = tmp_path / "log"
    assert last_lines(log) == ()
    log.write_bytes(b"x" * 20_000 + b"\nbefore\nthe end \n\n")
    assert last_lines(log, count=2) == ("before", "the end")
    assert last_lines(log, since=20_008) == ("the end",)
    # One that was begun anew meanwhile is read from its begin.
    assert last_lines(log, since=10**6, count=1) == ("the end",)


def test_starts_add_to_the_log_and_a_large_one_is_put_aside(session, port):
    started(session, port)
    session.stop()
    session.wait(lambda: session.state == "stopped", 20)
    started(session, port)
    assert log_file().read_text().count("listening on") == 2
    session.stop()
    session.wait(lambda: session.state == "stopped", 20)
    log_file().write_bytes(b"old\n" * 300_000)
    started(session, port)
    assert log_file().read_text().count("listening on") == 1
    assert log_file().with_name(log_file().name + ".1").stat().st_size == 1_200_000


def test_the_home_folder_is_the_backends_own(monkeypatch, tmp_path):
    from propfield.home import open_home

    monkeypatch.delenv("PROPFIELD_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert open_home().folder == home_folder()
