"""Several programs share one backend, which ends with the last of them."""

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from propfield.errors import PropfieldError
from propfield.service.clients import Clients


class Program:
    """A process that lives until it is told to end, or is killed."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        self.pid = self.process.pid

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def programs() -> Iterator[list[Program]]:
    some = [Program(), Program()]
    yield some
    for program in some:
        program.kill()


def ends_within(backend, seconds: float) -> bool:
    try:
        return backend.process.wait(timeout=seconds) == 0
    except subprocess.TimeoutExpired:
        return False


def attach(backend, program: Program, **more) -> dict:
    answer = backend.client.post("/v1/clients", json={"pid": program.pid, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_backend_outlives_its_starter_while_another_uses_it(start, programs):
    first, second = programs
    backend = start("--parent-pid", str(first.pid))
    assert attach(backend, second) == {"clients": 2, "ends": True}
    # As when Blender crashes: nobody says goodbye.
    first.kill()
    assert not ends_within(backend, 2)
    assert backend.client.get("/v1/pulse").json()["clients"] == 1
    second.kill()
    assert ends_within(backend, 10)


def test_who_leaves_is_not_waited_for(start, programs):
    first, second = programs
    backend = start("--parent-pid", str(first.pid))
    attach(backend, second)
    assert backend.client.delete(f"/v1/clients/{first.pid}").json() == {"clients": 1, "ends": True}
    assert backend.client.delete(f"/v1/clients/{first.pid}").json() == {"clients": 1, "ends": True}
    assert not ends_within(backend, 1.5)
    assert backend.client.delete(f"/v1/clients/{second.pid}").json() == {"clients": 0, "ends": True}
    assert ends_within(backend, 10)


def test_one_that_keeps_it_keeps_it(start, programs):
    first, second = programs
    backend = start("--parent-pid", str(first.pid))
    assert attach(backend, second, keep=True) == {"clients": 2, "ends": False}
    first.kill()
    second.kill()
    assert not ends_within(backend, 2)


def test_what_was_kept_ends_when_somebody_says_so(start, programs):
    first, second = programs
    backend = start("--parent-pid", str(first.pid))
    attach(backend, first, keep=True)
    first.kill()
    assert attach(backend, second) == {"clients": 1, "ends": False}
    assert backend.client.delete(f"/v1/clients/{second.pid}?end=true").json() == {"clients": 0, "ends": True}
    assert ends_within(backend, 10)


def test_one_that_thinks_better_of_keeping_it(programs):
    book = Clients(programs[0].pid)
    book.attach(programs[0].pid, keep=True)
    assert not book.ends
    book.attach(programs[0].pid)
    programs[0].kill()
    assert book.all_gone


def test_one_that_was_started_by_hand_stays(start, programs):
    backend = start()
    assert attach(backend, programs[0]) == {"clients": 1, "ends": False}
    assert backend.client.delete(f"/v1/clients/{programs[0].pid}").json() == {"clients": 0, "ends": False}
    assert not ends_within(backend, 1.5)


@pytest.mark.parametrize(
    "body", [{}, [], {"pid": "1"}, {"pid": 0}, {"pid": 2**31 - 1}, {"pid": 1, "more": 1}]
)
def test_who_is_not_there_is_not_entered(backend, body):
    answer = backend.client.post("/v1/clients", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"].endswith(".")
    assert backend.client.get("/v1/pulse").json()["clients"] == 0


def test_a_pulse_says_who_it_is_and_a_restart_is_another(start):
    first = start()
    pulse = first.client.get("/v1/pulse").json()
    assert pulse["instance"] == first.client.get("/v1/hello").json()["instance"]
    first.stop()
    again = start().client.get("/v1/pulse").json()
    assert again["instance"] != pulse["instance"]
    assert again["pid"] != pulse["pid"]


def test_the_book_is_of_bounded_length(monkeypatch):
    monkeypatch.setattr("propfield.service.clients.MOST", 0)
    with pytest.raises(PropfieldError, match="close some"):
        Clients().attach(1)


def test_a_program_whose_end_its_parent_has_not_heard_of_is_gone(programs):
    """Blender may be the child of a script that never asks how it ended."""
    book = Clients(programs[0].pid)
    programs[0].process.kill()
    end = time.monotonic() + 10
    while not book.all_gone:
        assert time.monotonic() < end
        time.sleep(0.05)
    with pytest.raises(PropfieldError, match="no process"):
        book.attach(programs[0].pid)


def test_a_number_that_was_given_to_another_process_counts_for_nothing(programs, monkeypatch):
    book = Clients()
    book.attach(programs[0].pid)
    assert book.count() == 1
    monkeypatch.setattr("propfield.service.clients.is_same_process", lambda pid, created: False)
    assert book.count() == 0
