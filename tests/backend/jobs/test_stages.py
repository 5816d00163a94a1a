"""A job's progress as its bar shows it, over the stages that the work really has."""

import threading
from itertools import pairwise

import pytest

from propfield.field.learning import DENSE
from propfield.home import open_home
from propfield.jobs.stages import overall, shares_of
from propfield.jobs.store import JobStore
from propfield.jobs.worker import JobProgress, perform


class RecordedStore(JobStore):
    """The job database, and all that was noted of running jobs in it."""

    def __init__(self, path):
        super().__init__(path)
        self.notes: list[tuple[str, float]] = []

    def note(self, job_id, stage, progress, message):
        self.notes.append((stage, progress))
        return super().note(job_id, stage, progress, message)


LAST = ("write the field", "draw the preview")


@pytest.mark.parametrize(
    ("asked", "stages"),
    [
        ({}, ["perceive views", "prepare the grid", "count votes", *LAST]),
        (
            {"resolution": DENSE + 1, "estimator": "fit"},
            [
                "perceive views",
                "prepare the grid",
                "find where votes can be",
                "count votes",
                "choose views to fit",
                "fit the field",
                *LAST,
            ],
        ),
    ],
    ids=["voting", "sparse fit"],
)
def test_a_learn_job_moves_on_in_every_stage(home, asked, stages):
    place = open_home()
    store = RecordedStore(place.database)
    store.add("learn", {"category": "hat", "views": 12, "resolution": 24, **asked})
    job = store.claim()
    perform(place, job, JobProgress(store, job, threading.Event()))
    assert list(dict.fromkeys(stage for stage, _ in store.notes)) == ["start", *stages]
    reached = [progress for _, progress in store.notes]
    assert all(0 <= earlier <= later <= 1 for earlier, later in pairwise(reached))
    begun = [next(progress for stage, progress in store.notes if stage == name) for name in stages]
    assert begun[0] == 0
    # Each stage of the work has a share of the bar: none begins where the one before it did.
    assert all(earlier < later for earlier, later in pairwise([*begun, 1.0]))
    assert reached[-1] > 0.98


@pytest.mark.parametrize(
    ("kind", "request_"), [("learn", {}), ("learn", {"estimator": "fit"}), ("check", {}), ("reconstruct", {})]
)
def test_shares_make_up_the_whole(kind, request_):
    shares = shares_of(kind, request_)
    assert len(dict(shares)) == len(shares)
    assert overall(shares, shares[0][0], 0.0) == 0
    assert overall(shares, shares[-1][0], 1.0) == pytest.approx(1)
    assert overall(shares, "dance", 0.5) == 0
