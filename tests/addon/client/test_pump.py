"""Threads speak, `step` hears, and never for long."""

import threading
import time

from addon.client.http import BackendError
from addon.client.pump import STEP_SECONDS, Pump


def test_what_threads_say_is_heard_in_order_and_all_of_it():
    pump, heard = Pump(), []

    def work() -> str:
        for number in range(1000):
            pump.say(heard.append, number)
        return "end"

    pump.work(work, heard.append)
    while pump.busy:
        pump.step()
    assert heard == [*range(1000), "end"]


def test_a_step_ends_in_time_and_the_next_goes_on():
    pump, heard = Pump(), []

    def slow(number: int) -> None:
        time.sleep(0.005)
        heard.append(number)

    for number in range(40):
        pump.say(slow, number)
    pump.step()
    # Of 0.2 s of work it does what fits, and never more than one piece beyond.
    assert 0 < len(heard) <= STEP_SECONDS / 0.005 + 1
    while pump.busy:
        pump.step()
    assert heard == list(range(40))


def test_callbacks_come_on_the_stepping_thread():
    pump, threads = Pump(), []
    pump.work(threading.get_ident, lambda _: threads.append(threading.get_ident()))
    while pump.busy:
        pump.step()
    assert threads == [threading.get_ident()]


def test_an_error_arrives_and_a_fault_of_ours_is_told(monkeypatch):
    pump, heard, faults = Pump(), [], []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: faults.append(arguments.exc_type))

    def refused() -> None:
        raise BackendError("No.")

    def faulty() -> None:
        raise KeyError("ours")

    pump.work(refused, lambda error: heard.append(str(error)))
    while pump.busy:
        pump.step()
    pump.work(faulty, lambda error: heard.append(str(error)))
    while pump.busy:
        pump.step()
    assert heard[0] == "No."
    assert "console" in heard[1]
    deadline = time.monotonic() + 5
    while not faults and time.monotonic() < deadline:
        time.sleep(0.01)
    assert faults == [KeyError]
