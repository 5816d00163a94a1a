"""Counting in shards: the same counts, whoever counts which views."""

import numpy as np
import pytest

from propfield.body.loaders import open_body
from propfield.engines import Processes
from propfield.errors import Cancelled
from propfield.field.counting import CountPlan, count_views
from propfield.field.grid import Grid
from propfield.field.learning import ALL
from propfield.field.skinning_weights import voxel_weights
from propfield.imagery.studio import StudioSource
from propfield.jobs.spread_counting import spread_count
from propfield.observations.interaction import WHOLE_BODY, InteractionType
from propfield.observations.store import StoredObservations, write_observations

VIEWS = 90


@pytest.fixture(scope="module")
def plan():
    body, grid = open_body(), Grid(resolution=24)
    types = (ALL, *StudioSource().types("surfboard"), InteractionType("touch", "", WHOLE_BODY))
    return CountPlan(body, grid, voxel_weights(body, grid), types)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    table = tmp_path_factory.mktemp("views") / "views.parquet"
    views = StudioSource(workers=1, size=64).observe("surfboard", views=VIEWS // 2, seed=2)
    write_observations(table, views, {})
    return StoredObservations([table])


@pytest.mark.parametrize("shard", [7, 32, None])
def test_shards_of_any_size_give_the_same_counts(plan, stored, shard):
    expected = count_views(plan.aggregator(), stored)
    told = []
    counted = spread_count(Processes(1), stored, shard=shard)(plan, told.append)
    assert counted.observed == expected.observed == VIEWS
    assert counted.rejected == expected.rejected
    assert 0 < sum(counted.rejected.values()) < VIEWS
    assert counted.licences == expected.licences == {"CC0-1.0": VIEWS - sum(counted.rejected.values())}
    for ours, theirs in zip(counted.tally.votes(), expected.tally.votes(), strict=True):
        assert theirs.views > 0
        np.testing.assert_array_equal(ours.cameras, theirs.cameras)
        np.testing.assert_array_equal(ours.support(), theirs.support())
        np.testing.assert_array_equal(ours.occupancy(), theirs.occupancy())
    assert told[-1] == VIEWS
    assert told == sorted(told)


def test_what_was_half_counted_does_not_spoil_the_next_count(plan, stored):
    aggregator = plan.aggregator()
    expected = count_views(plan.aggregator(), stored)

    def cancelled(count: int) -> None:
        if count == 50:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        count_views(aggregator, stored, cancelled)
    again = count_views(aggregator, stored)
    assert again.observed == VIEWS
    for ours, theirs in zip(again.tally.votes(), expected.tally.votes(), strict=True):
        np.testing.assert_array_equal(ours.support(), theirs.support())


def test_a_cancel_stops_between_shards(plan, stored):
    def tell(count: int) -> None:
        if count >= 20:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        spread_count(Processes(1), stored, shard=10)(plan, tell)
