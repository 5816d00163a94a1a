"""Agreement with the official implementation's output on forty views (shared/reference), on every path that
counts votes."""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch

from propfield.body.skeleton import canonical_pose
from propfield.field.aggregation import Aggregator
from propfield.field.counting import CountPlan, count_views
from propfield.field.cpu_counter import CpuCounter
from propfield.field.learning import ALL
from propfield.field.occupancy import OccupancyField, TypeField
from propfield.field.posing import pose_field
from propfield.field.support import LEAST, supported_voxels
from propfield.field.torch_counter import TorchCounter
from propfield.jobs.spread_counting import spread_count
from propfield.observations.interaction import WHOLE_BODY, InteractionType
from propfield.observations.store import StoredObservations, write_observations
from propfield.ray_engine import RayEngine

pytestmark = pytest.mark.shared

MAY_DIFFER = 1e-4
"""Share of the voxels: 0.01 %."""
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TYPES = [ALL, InteractionType("touch", "", WHOLE_BODY)]


def one_engine(engine):
    def count(body, grid, weights, views):
        aggregator = Aggregator(body, grid, weights, TYPES, engine=engine)
        for view in views:
            aggregator.add(view)
        return aggregator

    return count


def merged_shards(body, grid, weights, views):
    whole = Aggregator(body, grid, weights, TYPES)
    for shard in (views[25:], views[:7], views[7:25]):
        part = Aggregator(body, grid, weights, TYPES)
        for view in shard:
            part.add(view)
        whole.absorb(part.tally)
    return whole


def over_ray(body, grid, weights, views):
    pytest.importorskip("ray")
    with TemporaryDirectory() as folder, RayEngine(workers=2, store=200 * 2**20) as engine:
        table = Path(folder) / "views.parquet"
        write_observations(table, views, {})
        count = spread_count(engine, StoredObservations([table]), shard=9)
        counted = count(CountPlan(body, grid, weights, tuple(TYPES)), lambda count: None)
    whole = Aggregator(body, grid, weights, TYPES)
    whole.absorb(counted.tally)
    return whole


def voxels_that_matter(body, grid, weights, views):
    plan = CountPlan(body, grid, weights, tuple(TYPES), of_cells=True)
    voxels = supported_voxels(grid, count_views(plan.aggregator(), views).tally)
    assert len(voxels) < grid.resolution**3
    aggregator = Aggregator(body, grid, weights, TYPES, voxels=voxels)
    for view in views:
        aggregator.add(view)
    return aggregator


PATHS = {
    "block by block": one_engine(CpuCounter),
    "in threads": one_engine(partial(CpuCounter, threads=3)),
    "voxel by voxel": one_engine(partial(CpuCounter, skipping=False)),
    "in torch": one_engine(partial(TorchCounter, device=DEVICE)),
    "in torch, a slice at a time": one_engine(partial(TorchCounter, device=DEVICE, memory=10**7)),
    "in torch, compiled": one_engine(partial(TorchCounter, device=DEVICE, compiled=True)),
    "merged shards": merged_shards,
    "voxels that matter": voxels_that_matter,
    "over Ray": over_ray,
}
"""Ways of counting: name → (body, grid, weights, views) → an aggregator that has counted the views."""


# A Ray of its own takes longer to start than all else: quickly, test_ray_engine shows that it changes no bit.
ASKED = [pytest.param(name, marks=pytest.mark.slow) if name == "over Ray" else name for name in PATHS]


@pytest.fixture(scope="module", params=ASKED)
def counted(request, body, grid, weights, reference_views):
    return PATHS[request.param](body, grid, weights, reference_views)


def test_voxel_weights(weights, reference_outputs):
    theirs = reference_outputs["voxel_weights"].reshape(-1, 24)
    assert np.abs(weights.toarray() - theirs).max() < 1e-4


@pytest.mark.parametrize(("index", "name"), [(0, "mask_votes"), (1, "image_votes")])
def test_votes(counted, reference_outputs, index, name):
    among = counted.dense(np.ones(len(counted.tally.voxels), bool))
    differs = np.abs(counted.dense(counted.votes[0].sums()[index]) - reference_outputs[name]) > 1e-5
    assert (differs & among).mean() <= MAY_DIFFER
    # What is not counted does not matter.
    mask, image = (reference_outputs[sums][~among] for sums in ("mask_votes", "image_votes"))
    assert (mask <= LEAST * image).all()


def test_part_votes(counted, reference_outputs):
    """The whole-body part: a view counts only if its mask meets a voxel within 0.13 m of the body; all
    registered views make its weight."""
    everyone, touching = counted.votes
    assert 0 < touching.views < everyone.views
    votes, _ = touching.sums(everyone.cameras)
    differs = np.abs(counted.dense(votes) - reference_outputs["part_mask_votes"]) > 1e-5
    assert differs.mean() <= MAY_DIFFER


def test_posed(body, grid, weights, counted, reference_views, reference_outputs):
    votes = counted.votes[0]
    occupancy, support = counted.dense(votes.occupancy()), counted.dense(votes.support())
    field = OccupancyField(
        category="thing",
        grid=grid,
        types=(TypeField(ALL, occupancy, support, votes.views),),
        weights=weights,
        body=body,
        rest_pose=canonical_pose(),
    )
    for k, theirs in enumerate(reference_outputs["posed"]):
        posed = pose_field(field, "all", reference_views[k].pose)
        assert (np.abs(posed - theirs) > 1e-5).mean() <= MAY_DIFFER
