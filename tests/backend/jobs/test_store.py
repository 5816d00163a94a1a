"""The job database: transitions are atomic, whoever asks for them and however many at once."""

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from propfield.errors import NotFound, Unavailable
from propfield.jobs.store import JobStore


@pytest.fixture
def store(tmp_path) -> JobStore:
    return JobStore(tmp_path / "jobs.sqlite3")


def test_each_job_is_claimed_once_in_order(store):
    ids = [store.add("check", {"number": number}) for number in range(40)]
    with ThreadPoolExecutor(8) as threads:
        claimed = list(threads.map(lambda _: store.claim(), range(50)))
    got = [job.id for job in claimed if job]
    assert sorted(got) == sorted(ids)
    assert claimed.count(None) == 10
    assert all(job.state == "running" and job.started for job in claimed if job)


def test_a_single_claimer_takes_them_first_come_first_served(store):
    ids = [store.add("check", {}) for _ in range(5)]
    first = store.claim()
    store.requeue(first.id, died=True)
    # One that goes back keeps its place.
    assert [store.claim().id for _ in range(5)] == ids
    assert store.get(first.id).deaths == 1


def test_a_job_ends_once(store):
    job_id = store.add("check", {})
    assert not store.finish(job_id, {}), "a queued job was finished"
    store.claim()
    ends = [
        lambda: store.finish(job_id, {"steps": 1}),
        lambda: store.fail(job_id, "No."),
        lambda: store.end_cancelled(job_id),
        lambda: store.requeue(job_id),
    ]
    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(lambda end: end(), ends)) == 1


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (lambda store, job_id: store.finish(job_id, {"steps": 1}), "done"),
        (lambda store, job_id: store.fail(job_id, "No."), "failed"),
        (lambda store, job_id: store.end_cancelled(job_id), "cancelled"),
    ],
)
def test_an_ended_job_stays_as_it_is(store, end, state):
    job_id = store.add("check", {})
    store.claim()
    assert end(store, job_id)
    ended = store.get(job_id)
    assert ended.state == state
    assert ended.ended
    assert ended.created <= ended.started <= ended.finished
    assert not store.note(job_id, "count", 0.5, "late")
    assert store.cancel(job_id) == ended
    assert store.recover() == []
    assert store.get(job_id) == ended


def test_cancelling(store):
    waiting, running = store.add("check", {}), store.add("check", {})
    assert store.cancel(waiting).state == "cancelled"
    assert store.claim().id == running
    marked = store.cancel(running)
    assert (marked.state, marked.cancel) == ("running", True)


def test_what_a_dead_service_left_running_goes_back(store):
    lost, unwanted = store.add("check", {}), store.add("check", {})
    store.claim(), store.claim()
    store.set_worker(lost, 4711, 12.5)
    store.note(lost, "count", 0.5, "half")
    store.cancel(unwanted)
    left = store.recover()
    assert [job.id for job in left] == [lost, unwanted]
    assert left[0].worker == (4711, 12.5)
    assert store.get(lost).state == "queued"
    assert store.get(lost).worker is None
    assert store.get(unwanted).state == "cancelled"


def test_a_job_that_kills_every_service_fails_in_the_end(store):
    job_id = store.add("check", {})
    for _ in range(10):
        if store.claim() is None:
            break
        store.recover()
    job = store.get(job_id)
    assert job.state == "failed"
    assert "again and again" in job.error
    assert job.recoveries == 5


def test_every_change_has_a_new_revision(store):
    job_id = store.add("check", {})
    seen = [store.get(job_id).revision]
    for change in (
        store.claim,
        lambda: store.note(job_id, "count", 0.1, ""),
        lambda: store.cancel(job_id),
        lambda: store.end_cancelled(job_id),
    ):
        change()
        seen.append(store.get(job_id).revision)
    assert seen == sorted(set(seen))


def test_old_jobs_are_forgotten(store):
    old, waiting = store.add("check", {}), store.add("check", {})
    store.claim()
    store.finish(old, {})
    assert store.forget(time.time() - 60) == []
    assert store.forget(time.time() + 60) == [old]
    assert [job.id for job in store.jobs()] == [waiting]


def test_no_job_of_that_id(store):
    with pytest.raises(NotFound, match="no job"):
        store.get("' OR 1 = 1")


def test_a_foreign_or_newer_database_gives_one_sentence(tmp_path):
    path = tmp_path / "jobs.sqlite3"
    path.write_bytes(b"this is no database, and long enough to be looked at " * 100)
    with pytest.raises(Unavailable, match="move it away"):
        JobStore(path)
    newer = tmp_path / "newer.sqlite3"
    with sqlite3.connect(newer) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(Unavailable, match="newer propfield"):
        JobStore(newer)
