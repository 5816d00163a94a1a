"""Large grids count only voxels that matter: there the field is that of all voxels, to the last bit."""

import numpy as np
import pytest

from propfield.field.counting import CountPlan, count_views
from propfield.field.grid import Grid
from propfield.field.learning import ALL, learn_field
from propfield.field.skinning_weights import voxel_weights
from propfield.field.support import LEAST, supported_voxels
from propfield.observations.interaction import InteractionType

from .conftest import looking_from, view_of
from .test_counting import some_view

GRID = Grid(resolution=70)
TYPES = [
    InteractionType("reach", "reach it", "left hand", blocks=("head",)),
    InteractionType("see", "see it"),
]


def some_views(count: int):
    """Views from outside, in poses that a person can take, of small things; some of them of no type."""
    random = np.random.default_rng(3)
    for k in range(count):
        y, x = np.mgrid[:512, :512]
        x0, y0, radius = random.uniform(248, 264), random.uniform(248, 264), random.uniform(6, 12)
        mask = (x - x0) ** 2 + (y - y0) ** 2 < radius**2
        pose = random.normal(size=(24, 3)).astype(np.float32) * 0.2
        pose[0] = 0
        camera = looking_from(random.uniform(0, 7), random.uniform(3, 5), 240, 512)
        yield view_of(mask, pose, camera, id=str(k), prompt=random.choice(["reach it", "see it", "no type"]))


def test_a_sparse_field_is_the_dense_one_wherever_it_matters(body):
    views = list(some_views(150))
    dense, sparse = (
        learn_field("thing", TYPES, views, body=body, grid=GRID, sparse=how) for how in (False, True)
    )
    assert dense.provenance == sparse.provenance
    for whole, part in zip(dense.types, sparse.types, strict=True):
        assert whole.views == part.views > 0
        matters = whole.occupancy >= LEAST
        assert matters.any()
        assert np.array_equal(whole.occupancy[matters], part.occupancy[matters])
        counted = part.support > 0
        assert np.array_equal(whole.occupancy[counted], part.occupancy[counted])
        assert np.array_equal(whole.support[counted], part.support[counted])
        assert not part.occupancy[~counted].any()
        # Of so few views, one that sees a voxel makes it matter, or its neighbours' cell.
        assert counted.mean() < 0.3 * (whole.support > 0).mean()


def test_no_cell_is_promised_less_than_its_voxels_have(body):
    """Of any views, cameras inside the grid included."""
    weights = voxel_weights(body, GRID)
    views = [some_view(seed) for seed in range(40)]
    plan = CountPlan(body, GRID, weights, (ALL,))
    voxels = count_views(plan.aggregator(), views).tally
    cells = count_views(CountPlan(body, GRID, weights, (ALL,), of_cells=True).aggregator(), views).tally
    left_out = np.setdiff1d(np.arange(GRID.resolution**3), supported_voxels(GRID, cells))
    occupancy = voxels.dense(voxels.votes()[0].occupancy()).ravel()
    assert occupancy[left_out].max(initial=0) < LEAST
    assert occupancy.max() > LEAST


@pytest.mark.parametrize("sparse", [None, True])
def test_an_iterator_is_read_once_and_counted_whole(body, sparse):
    views = list(some_views(6))
    whole = learn_field("thing", TYPES, views, body=body, grid=GRID, sparse=False)
    once = learn_field("thing", TYPES, iter(views), body=body, grid=GRID, sparse=sparse)
    assert np.array_equal(once.types[0].support, whole.types[0].support)
