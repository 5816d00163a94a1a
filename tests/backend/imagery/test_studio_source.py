"""The studio as a source: names, progress, cancelling, processes, and the truth it knows."""

import multiprocessing

import numpy as np
import pytest

from propfield import engines
from propfield.errors import Cancelled, NotFound
from propfield.field.grid import Grid
from propfield.imagery.studio import StudioSource
from propfield.imagery.studio import source as source_module
from propfield.imagery.studio.scene import build_scene, scene_random
from propfield.progress import silent

STUDIO = StudioSource(workers=1, size=96)


def test_names() -> None:
    assert STUDIO.categories() == sorted(STUDIO.categories())
    assert {kind.name for kind in STUDIO.types("surfboard")} == {"ride", "carry"}
    with pytest.raises(NotFound) as caught:
        STUDIO.types("umbrela")
    assert str(caught.value).startswith("The studio has no “umbrela”; the nearest it has are: umbrella,")
    with pytest.raises(NotFound) as caught:
        STUDIO.observe("surfboard", types=["fly"], views=1, seed=0, progress=silent)
    assert (
        str(caught.value) == "The studio's surfboard has no type “fly”; it has: ride, carry."
        or str(caught.value) == "The studio's surfboard has no type “fly”; it has: carry, ride."
    )


def test_views_of_each_type_and_their_progress() -> None:
    told: list[float] = []
    seen = list(
        STUDIO.observe(
            "surfboard",
            types=None,
            views=15,
            seed=3,
            progress=lambda stage, fraction, message="": told.append(fraction),
        )
    )
    prompts = [kind.prompt for kind in STUDIO.types("surfboard")]
    assert [observation.prompt for observation in seen] == [prompts[0]] * 15 + [prompts[1]] * 15
    assert len({observation.id for observation in seen}) == 30
    assert told[0] == 0
    assert told[-1] == 1
    assert told == sorted(told)


def test_fewer_views_are_the_first_of_more() -> None:
    few = list(STUDIO.observe("tie", types=None, views=3, seed=3, progress=silent))
    more = list(STUDIO.observe("tie", types=None, views=6, seed=3, progress=silent))
    for a, b in zip(few, more, strict=False):
        assert a.id == b.id
        assert np.array_equal(a.object_mask, b.object_mask)
        assert np.array_equal(a.pose, b.pose)


def test_processes_give_the_same_and_hear_a_cancel(monkeypatch) -> None:
    monkeypatch.setattr(engines, "ALONE", 0)
    monkeypatch.setattr(source_module, "CHUNK", 6)
    alone = StudioSource(workers=1, size=64)
    theirs = list(alone.observe("hat", types=None, views=20, seed=8, progress=silent))

    def stop(stage: str, fraction: float, message: str = "") -> None:
        if fraction >= 0.1:
            raise Cancelled("Stopped.")

    pooled = StudioSource(workers=2, size=64).observe("hat", types=None, views=200, seed=8, progress=stop)
    ours = [next(pooled) for _ in range(20)]
    with pytest.raises(Cancelled):
        next(pooled)
    assert len(ours) == 20
    for a, b in zip(ours, theirs, strict=True):
        assert a.id == b.id
        assert np.array_equal(a.object_mask, b.object_mask)
        assert np.array_equal(a.person_mask, b.person_mask)
        assert np.array_equal(a.keypoints, b.keypoints)
    assert not multiprocessing.active_children()


def test_the_truth_is_where_the_object_is() -> None:
    grid = Grid(resolution=32)
    truth = STUDIO.true_occupancy("umbrella", None, grid, scenes=12)
    assert set(truth) == {"all", "hold"}
    hold = truth["hold"]
    assert hold.shape == (32, 32, 32)
    assert hold.dtype == np.float32
    assert np.array_equal(hold, truth["all"])
    assert hold.min() == 0
    assert 0.5 < hold.max() <= 1
    centre = (grid.centres() * hold.reshape(-1, 1)).sum(0) / hold.sum()
    # The canopy is above the head (0.53 m in this grid), a little to the right where the hand is.
    assert 0.55 < centre[1] < 0.95
    assert abs(centre[0]) < 0.25


def test_all_is_the_mix_of_the_types() -> None:
    truth = STUDIO.true_occupancy("sports ball", None, Grid(resolution=24), scenes=6, seed=1)
    assert np.allclose(truth["all"], (truth["hold"] + truth["kick"]) / 2)
    assert truth["kick"].max() > 0
    # Held before the chest, kicked at the foot: each in its own place.
    heights = [
        np.average(Grid(resolution=24).centres()[:, 1], weights=truth[name].ravel() + 1e-12)
        for name in ("hold", "kick")
    ]
    assert heights[0] > heights[1] + 0.5


def test_a_hat_keeps_its_volume() -> None:
    """The head's voxels follow the head alone, so what it wears is not stretched."""
    grid = Grid(resolution=64)
    truth = STUDIO.true_occupancy("hat", None, grid, scenes=10)["wear"]
    recipe = STUDIO.recipe("hat", "wear")
    hat = build_scene(recipe, scene_random(recipe, 0, 0), mishaps=False).props[0]
    low, high = hat.mesh.bounds
    points = np.random.default_rng(0).uniform(low, high, (100_000, 3))
    volume = hat.inside(points).mean() * np.prod(high - low)
    assert truth.sum() * grid.voxel**3 == pytest.approx(volume, rel=0.35)
