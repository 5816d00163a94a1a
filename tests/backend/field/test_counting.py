"""Counting in blocks gives what counting voxel by voxel gives, and counts add up exactly."""

import pickle
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from propfield.body.skeleton import BODY_PARTS, canonical_pose
from propfield.errors import NotFound, PropfieldError
from propfield.field.aggregation import Aggregator
from propfield.field.cpu_counter import CpuCounter
from propfield.field.grid import Grid
from propfield.field.learning import ALL
from propfield.field.regions import regions_of
from propfield.field.skinning_weights import voxel_weights
from propfield.field.torch_counter import TorchCounter
from propfield.field.view_batch import view_batch
from propfield.field.votes import Counts, Tally
from propfield.observations.interaction import InteractionType
from propfield.observations.observation import Camera

from .conftest import looking_from, view_of

# Its blocks are cut off at the border.
GRID = Grid(resolution=22)
PARTS = [InteractionType(part, "", part) for part in BODY_PARTS]
REST = canonical_pose()


@pytest.fixture(scope="module")
def coarse(body):
    return voxel_weights(body, GRID)


def some_view(seed: int, nearest: float = 0.0):
    """A view of any pose from anywhere: of half of them the camera stands within the grid."""
    random = np.random.default_rng(seed)
    away = random.uniform(nearest, 5)
    direction = random.normal(size=3)
    back = direction / np.linalg.norm(direction)
    right = np.cross(random.normal(size=3), back)
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(right, -back) * -1, -back])
    R[1] = np.cross(R[2], R[0])
    height, width = random.integers(9, 200, 2)
    focal = random.uniform(0.3, 3) * width
    K = [[focal, 0, random.uniform(0, width)], [0, focal, random.uniform(0, height)], [0, 0, 1]]
    centre = away * back + random.normal(size=3) * 0.3
    camera = Camera(np.float32(K), np.float32(R), np.float32(-R @ centre))
    # A mask that fills some tiles, touches some, and leaves some empty.
    y, x = np.mgrid[:height, :width]
    x0, y0, radius = random.uniform(0, width), random.uniform(0, height), random.uniform(2, 90)
    mask = (x - x0) ** 2 + (y - y0) ** 2 < radius**2
    mask ^= random.random(mask.shape) < random.choice([0, 0.001])
    pose = random.normal(size=(24, 3)) * random.choice([0, 0.3, 1.5])
    pose[0] = 0
    return view_of(mask, np.float32(pose), camera, id=str(seed))


def counted(body, weights, types, views, grid=GRID, **how):
    aggregator = Aggregator(body, grid, weights, types, **how)
    for view in views:
        aggregator.add(view)
    return aggregator.tally


def assert_same(one: Tally, other: Tally) -> None:
    """The same votes for each type, to the last bit."""
    for ours, theirs in zip(one.votes(), other.votes(), strict=True):
        assert np.array_equal(ours.cameras, theirs.cameras)
        assert np.array_equal(ours.support(), theirs.support())
        assert all(map(np.array_equal, ours.sums(), theirs.sums()))


VOXEL_BY_VOXEL = partial(CpuCounter, skipping=False)


@pytest.fixture(scope="module")
def regions(body, coarse):
    return regions_of(body, GRID, coarse, BODY_PARTS)


@settings(max_examples=100, deadline=None)
@given(seeds=st.lists(st.integers(0, 10**9), min_size=1, max_size=8))
def test_skipping_changes_nothing(body, coarse, regions, seeds):
    views = view_batch([some_view(seed) for seed in seeds], body)
    found = []
    for skipping in (True, False):
        batch = CpuCounter(GRID, coarse, None, regions, skipping=skipping).take(views)
        counts = Counts.none(GRID.resolution**3)
        batch.count(np.arange(len(seeds)), counts)
        met = batch.parts_met(np.full(len(seeds), 2 ** len(BODY_PARTS) - 1, np.uint16))
        found.append((counts.mask, counts.image, met))
    assert all(map(np.array_equal, *found))


def test_skipping_changes_nothing_at_the_paper_s_grid(body, grid, weights):
    views = [some_view(seed) for seed in range(100)]
    one = counted(body, weights, [ALL], views, grid)
    other = counted(body, weights, [ALL], views, grid, engine=VOXEL_BY_VOXEL)
    (ours,), (theirs,) = one.groups.values(), other.groups.values()
    assert ours.mask.any()
    assert np.array_equal(ours.mask, theirs.mask)
    assert np.array_equal(ours.image, theirs.image)


def test_numbers_that_are_none_count_nothing(body, coarse):
    """Filters keep them away; should one come through, its voxels are in no picture."""
    whole = some_view(1)
    poisoned = [
        view_of(whole.object_mask, np.full((24, 3), np.nan, np.float32), whole.camera),
        view_of(
            whole.object_mask, whole.pose, Camera(whole.camera.K, whole.camera.R * np.inf, whole.camera.t)
        ),
    ]
    for how in ({}, {"engine": VOXEL_BY_VOXEL}, {"engine": TorchCounter}):
        with np.errstate(invalid="ignore"):
            tally = counted(body, coarse, [ALL], poisoned, **how)
        assert not tally.votes()[0].support().any()
        assert not tally.votes()[0].occupancy().any()


def test_torch_counts_alike(body, coarse, regions):
    """Sums round differently in a matrix product: a pixel on an edge may fall either way, no more."""
    views = view_batch([some_view(seed) for seed in range(32)], body)
    found = []
    for counter in (CpuCounter, TorchCounter, partial(TorchCounter, memory=10**6)):
        counter = counter(GRID, coarse, None, regions)
        batch = counter.take(views)
        counts = Counts.none(GRID.resolution**3)
        batch.count(np.arange(3, 32), counts)
        cube = np.empty((2, 12, GRID.resolution**3), np.int64)
        cube[:, :, counter.counted] = counts.mask, counts.image
        found.append((cube, batch.parts_met(np.full(32, 2 ** len(BODY_PARTS) - 1, np.uint16))))
    (ours, met), *others = found
    assert ours[0].any()
    assert met.any()
    for theirs, also_met in others:
        assert np.abs(ours - theirs).sum() <= 1e-4 * 29 * GRID.resolution**3
        assert np.array_equal(met, also_met)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_nothing(body, coarse, threads):
    views = [some_view(seed) for seed in range(30)]
    types = [ALL, *PARTS[:3]]
    assert_same(counted(body, coarse, types, views), counted(body, coarse, types, views, threads=threads))


def test_chosen_voxels_have_the_votes_that_they_have_among_all(body, coarse):
    views = [some_view(seed) for seed in range(20)]
    chosen = np.random.default_rng(0).choice(GRID.resolution**3, 3000, replace=False)
    types = [ALL, InteractionType("at the left foot", "", "left foot")]
    whole = counted(body, coarse, types, views)
    some = counted(body, coarse, types, views, voxels=chosen)
    assert np.array_equal(np.sort(some.voxels), np.sort(chosen))
    for ours, theirs in zip(some.votes(), whole.votes(), strict=True):
        among_all = whole.dense(theirs.sums()[0])
        ours = some.dense(ours.sums()[0], fill=-1)
        assert np.array_equal(ours[ours >= 0], among_all[ours >= 0])
        assert (ours >= 0).sum() == 3000


def test_counts_sent_from_elsewhere_add_up_bit_for_bit(body, coarse):
    views = [some_view(seed) for seed in range(70)]
    types = [ALL, *PARTS]
    whole = counted(body, coarse, types, views)
    merged = Aggregator(body, GRID, coarse, types)
    for share in (views[50:], views[:1], views[1:50]):
        merged.absorb(pickle.loads(pickle.dumps(counted(body, coarse, types, share))))
    assert_same(whole, merged.tally)


def test_counts_of_other_voxels_do_not_add_up(body, coarse):
    whole, some = (
        Aggregator(body, GRID, coarse, [ALL]),
        Aggregator(body, GRID, coarse, [ALL], voxels=np.array([1, 2])),
    )
    with pytest.raises(PropfieldError, match="different voxels"):
        whole.absorb(some.tally)


def test_a_view_is_counted_once_however_many_types_take_it(body, coarse):
    """A category with one type holds nothing twice."""
    kinds = [ALL, InteractionType("hold", "hold it")]
    views = [view_of(np.ones((20, 20), bool), REST, looking_from(1.0, size=20), prompt="hold it")]
    tally = counted(body, coarse, kinds, views)
    assert list(tally.groups) == [(0, 1)]
    assert [votes.views for votes in tally.votes()] == [1, 1]


def test_combinations_of_parts_need_memory_by_types_not_by_combinations(body, coarse):
    """Views meet parts in all sorts of combinations; each type's votes are what it would count alone."""
    views = [some_view(seed, nearest=1.5) for seed in range(120)]
    kinds = [ALL, *PARTS]
    tally = counted(body, coarse, kinds, views)
    assert len(tally.groups) <= 2 * len(kinds)
    for kind, votes in zip(kinds, tally.votes(), strict=True):
        (alone,) = counted(body, coarse, [kind], views).votes()
        assert votes.views == alone.views
        assert all(map(np.array_equal, votes.sums(), alone.sums()))


def test_more_cameras_than_sixteen_bits_hold(body, coarse):
    """65,535 views of a bin are there; the next are counted on, in wider numbers."""
    most = np.iinfo(np.uint16).max
    aggregator = Aggregator(body, GRID, coarse, [ALL])
    before = Counts.none(GRID.resolution**3)
    before.mask[3], before.image[3], before.cameras[3] = most - 1, most, most
    aggregator.absorb(Tally(1, GRID.resolution, aggregator.tally.voxels, {(0,): before}))
    view = view_of(np.ones((40, 40), bool), REST, looking_from(np.radians(100), size=40, focal=10))
    for _ in range(3):
        aggregator.add(view)
    (counts,) = aggregator.tally.groups.values()
    assert counts.image.dtype == counts.mask.dtype == np.uint32
    assert counts.cameras[3] == most + 3
    assert (counts.image[3] == most + 3).all()
    assert (counts.mask[3] == most + 2).all()
    assert aggregator.votes[0].occupancy() == pytest.approx((most + 2) / (most + 3))


def test_merging_widens_as_well():
    one, other = Counts.none(5), Counts.none(5)
    one.mask[0], one.cameras[0] = 60_000, 60_000
    other.mask[0], other.cameras[0] = 60_000, 60_000
    one.merge(other)
    assert (one.mask[0] == 120_000).all()
    assert one.cameras[0] == 120_000


def test_weights_of_another_grid_and_unknown_parts_are_one_sentence(body, coarse):
    with pytest.raises(PropfieldError, match="another grid: 10648 rows"):
        Aggregator(body, Grid(resolution=16), coarse, [ALL])
    with pytest.raises(NotFound, match="left wing"):
        Aggregator(body, GRID, coarse, [InteractionType("fly", "", "left wing")])


def test_without_a_compiler_counting_goes_on(tmp_path):
    """In a process of its own, on a PATH without programs."""
    program = """
import torch
from propfield.field.torch_counter import _compiled, look
points = [torch.rand(50, 4) for _ in range(3)]
sizes = [torch.full((4,), 9.0), torch.full((4,), 9.0), torch.arange(4) * 20, torch.full((4,), 2)]
bits = torch.randint(256, (200,), dtype=torch.uint8)
run = _compiled()
for _ in range(2):
    for found, known in zip(run(*points, *sizes, bits), look(*points, *sizes, bits), strict=True):
        assert torch.equal(found, known)
"""
    alone = {"PATH": str(tmp_path), "HOME": str(tmp_path), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "kept")}
    told = subprocess.run([sys.executable, "-c", program], env=alone, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert told.stderr.count("Counting is not compiled, and slower for it") == 1
