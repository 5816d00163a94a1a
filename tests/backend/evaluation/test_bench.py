"""What the bench prints: every figure with its twin. How fast it is, no test asserts."""

import json

import numpy as np
import psutil
import pytest

from propfield.body.loaders import open_body
from propfield.cli.bench import show, show_growth
from propfield.cli.main import run
from propfield.errors import Cancelled, PropfieldError
from propfield.evaluation.bench import OFFICIAL, bench, hardware
from propfield.evaluation.bench_growth import growth
from propfield.evaluation.bench_inputs import (
    BenchInputs,
    ReferenceOutputs,
    reference_inputs,
    studio_inputs,
)
from propfield.evaluation.dense_baseline import dense_posed, dense_votes, dense_weights
from propfield.evaluation.growth_point import showing_a_ball
from propfield.field.grid import Grid
from propfield.observations.filters import failed_filter

RESOLUTION = 16
DIFFERENCES = ("weights_max_abs", "votes_differing", "posed_differing")


@pytest.fixture(scope="module")
def inputs():
    return studio_inputs(views=4, size=128)


@pytest.fixture(scope="module")
def expected(inputs):
    """What a reference of these views would hold."""
    body, grid = open_body(), Grid(resolution=RESOLUTION)
    weights = dense_weights(body, grid)
    mask, image = dense_votes(inputs.views, body, grid, weights)
    occupancy = (mask / np.maximum(image, np.float32(1e-7))).reshape(grid.shape)
    posed = [dense_posed(occupancy, body, grid, view.pose) for view in inputs.views[:3]]
    return ReferenceOutputs(weights.numpy(), np.stack([mask, image]), np.stack(posed))


def test_the_studios_views_are_ones_to_learn_from(inputs):
    assert len(inputs.views) == 4
    assert all(failed_filter(view) is None for view in inputs.views)
    assert len({view.prompt for view in inputs.views}) == 2
    assert "studio" in inputs.told


def test_every_figure_has_its_twin_and_its_ratios(inputs, expected, capsys):
    told = BenchInputs(inputs.views, inputs.told, expected)
    result = bench(told, resolution=RESOLUTION, repeats=2, baseline_repeats=1)
    for name in OFFICIAL:
        assert result[name] > 0
        assert result["medians"][name] >= result[name]
        assert result["ratios"]["baseline"][name] == pytest.approx(
            result[f"{name}_baseline"] / result[name], rel=0.01
        )
        # They are of another grid.
        assert result["ratios"]["official"][name] is None
    # It is compared with itself here.
    assert [result[f"{name}_baseline"] for name in DIFFERENCES] == [0, 0, 0]
    assert result["weights_max_abs"] < 1e-4
    assert result["votes_differing"] <= 4
    assert result["posed_differing"] <= 4
    assert json.loads(json.dumps(result)) == result
    show(result)
    shown = capsys.readouterr().out
    for word in ("Voxel weights", "PAP", "official", "studio", "16³", "Against the reference"):
        assert word in shown


def test_differences_are_counted(inputs, expected):
    votes, posed = expected.votes.copy(), expected.posed.copy()
    votes[1, :7] += 0.5
    posed[2].flat[:9] += 0.5
    wrong = ReferenceOutputs(expected.weights + np.float32(0.25), votes, posed)
    told = BenchInputs(inputs.views, inputs.told, wrong)
    result = bench(told, resolution=RESOLUTION, repeats=1, baseline_repeats=1)
    assert result["weights_max_abs_baseline"] == pytest.approx(0.25)
    assert result["votes_differing_baseline"] == 7
    assert result["posed_differing_baseline"] == 9


def test_without_a_reference_nothing_is_compared(inputs):
    result = bench(inputs, resolution=RESOLUTION, repeats=1, baseline_repeats=1)
    assert not any(name.startswith(DIFFERENCES) for name in result)


@pytest.mark.parametrize("damage", ["text", "another"])
def test_a_damaged_reference_gives_one_sentence(tmp_path, damage):
    for name in ("inputs.npz", "outputs.npz"):
        if damage == "text":
            (tmp_path / name).write_text("only words")
        else:
            np.savez(tmp_path / name, pose=np.zeros(3))
    with pytest.raises(PropfieldError, match="is no reference"):
        reference_inputs(tmp_path)


def test_growth_is_measured_in_processes_of_their_own(capsys):
    curves = growth(resolutions=(), radii=(), views=(40,), different=30)
    assert (curves["resolution"], curves["support"]) == ([], [])
    (point,) = curves["views"]
    assert (point["resolution"], point["views"], point["radius"]) == (48, 40, 0)
    assert 0 < point["supported"] < point["counted"] <= 48**3
    assert point["seconds"] > 0
    assert point["peak_mb"] >= point["start_mb"] > 50
    show_growth({**curves, "hardware": hardware()})
    shown = capsys.readouterr().out
    assert "48³" in shown
    assert "cores" in shown


def test_a_ball_is_shown_where_it_is(inputs):
    for view in inputs.views:
        shown = showing_a_ball(view, 0.2)
        assert failed_filter(shown) is None
        x, y = view.camera.project(open_body().joints[0])
        rows, columns = np.nonzero(shown.object_mask)
        assert (columns.mean(), rows.mean()) == pytest.approx((x, y), abs=1)
        depth = (view.camera.R @ open_body().joints[0] + view.camera.t)[2]
        assert np.ptp(columns) / 2 == pytest.approx(0.2 * view.camera.K[0, 0] / depth, abs=1)


def test_a_cancelled_growth_leaves_no_process():
    seen = []

    def stop(stage, fraction, message=""):
        seen.extend(measuring())
        if seen:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        growth(resolutions=(12,), different=10, progress=stop)
    assert seen
    assert not measuring()


def measuring() -> list[psutil.Process]:
    """The processes that measure a point."""
    children = psutil.Process().children()
    return [child for child in children if "propfield.evaluation.growth_point" in child.cmdline()]


@pytest.mark.slow
@pytest.mark.shared
def test_the_verb_against_the_reference(shared, capsys):
    assert run(["bench", "--reference", str(shared / "reference"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    for suffix in ("", "_baseline"):
        assert result["weights_max_abs" + suffix] < 1e-4
        assert result["votes_differing" + suffix] <= 11
        assert result["posed_differing" + suffix] <= 11
    assert "reference" in result["inputs"]["views"]
