"""`ablate`: its rows, what differs between them, and what it says."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time

import numpy as np
import pytest

from propfield.body.skeleton import canonical_pose
from propfield.cli.ablate import show
from propfield.cli.main import run
from propfield.errors import Cancelled, NotFound, PropfieldError
from propfield.evaluation.ablation import CATEGORIES, ROWS, SCORES, ablate, table_row
from propfield.evaluation.held_out import hold_out
from propfield.evaluation.scoring import score_views
from propfield.evaluation.training_views import TrainingViews
from propfield.evaluation.truth import truth_score
from propfield.field.grid import Grid
from propfield.imagery.studio import StudioSource
from propfield.jobs.learn import learn
from propfield.jobs.requests import LearnRequest

NAMES = ["without keypoint filter", "without canonicalization", "1%", "10%", "full", "fit"]
VOTING = [name for name in NAMES if name != "fit"]


@pytest.fixture(scope="module", autouse=True)
def few_true_scenes():
    """What the truth is drawn from; every ablation draws it anew, and a rough one does here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("propfield.evaluation.held_out.TRUTH_SCENES", 30)
        yield


@pytest.fixture(scope="module")
def result():
    """A thing that is caught at arm's length, in poses that differ."""
    return ablate(["baseball glove"], seeds=2, views=40, rows=VOTING, resolution=24)


def test_the_rows_are_those_of_the_table(result):
    assert [row.name for row in ROWS] == NAMES
    assert [row["name"] for row in result["rows"]] == VOTING
    for row in result["rows"]:
        for score in {*SCORES} - {"calibration_error"}:
            assert set(row[score]) == {"mean", "deviation"}
            assert 0 <= row[score]["mean"] <= 1
            assert row[score]["deviation"] >= 0
        assert row["mpap_strict"]["mean"] <= row["mpap"]["mean"]
        assert row["categories"]["baseball glove"]["mpap"] == row["mpap"]["mean"]
    still = result["rows"][1]
    assert 0 <= still["mpap_strict_as_it_lies"]["mean"] <= still["mpap_as_it_lies"]["mean"] <= 1
    full = result["rows"][4]
    assert "mpap_behind_full" not in full
    for row in result["rows"][:4]:
        gap = full["mpap"]["mean"] - row["mpap"]["mean"]
        assert row["mpap_behind_full"]["mean"] == pytest.approx(gap, abs=2e-4)


def test_rows_learn_from_as_many_views_as_they_should(result):
    images = {row["name"]: row["images"]["mean"] for row in result["rows"]}
    assert images["full"] == images["without keypoint filter"] == images["without canonicalization"]
    assert images["1%"] == 1
    assert images["10%"] == pytest.approx(images["full"] / 10, abs=1)


def test_more_views_and_warped_voxels_are_better(result):
    """As in the paper; so few views hardly tell 10% from 1%."""
    mpap = {row["name"]: row["mpap"]["mean"] for row in result["rows"]}
    iou = {row["name"]: row["iou"]["mean"] for row in result["rows"]}
    for score in (mpap, iou):
        assert score["full"] > max(score["10%"], score["1%"], score["without canonicalization"])
    assert any(row["mpap"]["deviation"] > 0 for row in result["rows"])


def test_means_and_deviations_of_a_row():
    found = {
        ("tie", 0, "full"): {"mpap": 0.2, "iou": None},
        ("tie", 1, "full"): {"mpap": 0.4, "iou": 0.5},
        ("hat", 0, "full"): {"mpap": 0.6, "iou": None},
        ("hat", 1, "full"): {"mpap": 0.5, "iou": 0.7},
    }
    row = table_row("full", ["tie", "hat"], 2, found)
    # Over categories 0.4 and 0.45 for the two seeds.
    assert row["mpap"] == pytest.approx({"mean": 0.425, "deviation": statistics.stdev([0.4, 0.45])})
    assert row["iou"] == pytest.approx({"mean": 0.6, "deviation": 0.0})
    assert row["categories"]["tie"] == pytest.approx({"mpap": 0.3, "iou": 0.5})
    alone = table_row("full", ["tie"], 1, found)
    assert alone["mpap"] == {"mean": 0.2, "deviation": 0.0}
    assert alone["iou"] == {"mean": None, "deviation": 0.0}


def test_without_canonicalization_nobody_moves():
    view = next(StudioSource(workers=1).observe("sports ball", views=1, seed=0))
    row = next(row for row in ROWS if row.name == "without canonicalization")
    (still,) = row.choose(TrainingViews((view,), ()), np.random.default_rng(0))
    assert not row.warped
    assert np.array_equal(still.pose, canonical_pose())
    assert still.object_mask is view.object_mask
    assert still.camera is view.camera


def test_held_out_views_score_as_one_by_one():
    grid = Grid(resolution=24)
    field = learn(LearnRequest(category="backpack", views=20, resolution=24))
    held_out = hold_out(StudioSource(workers=1), "backpack", grid, types=["wear"], views=12, seed=77)
    scores, (truth,) = held_out.score(field)
    singly = score_views(field, "wear", held_out.views["wear"])
    assert scores == singly
    assert held_out.score(field)[0] == scores
    assert held_out.images == len(held_out.views["wear"]) > 0
    assert truth == truth_score(field.type("wear"), held_out.truth["wear"])
    still, _ = held_out.score(field, posed=False)
    assert still == score_views(field, "wear", held_out.views["wear"], posed=False)


def test_the_fitted_row_is_carried_its_own_way():
    told = ablate(["backpack"], seeds=1, views=12, rows=["fit", "full"], resolution=16)
    assert [row["name"] for row in told["rows"]] == ["full", "fit"]
    full, fit = told["rows"]
    assert full["images"] == fit["images"]
    assert full["iou"] != fit["iou"]
    assert fit["mpap"]["mean"] > 0.2


def test_what_it_cannot_do():
    with pytest.raises(NotFound, match="no “submarine”"):
        ablate(["tie", "submarine"], views=4)
    with pytest.raises(PropfieldError, match="no row “half”"):
        ablate(["tie"], rows=["half"])
    with pytest.raises(PropfieldError, match="at least one"):
        ablate(["tie"], seeds=0)
    with pytest.raises(PropfieldError, match="at least one"):
        ablate(["tie"], views=0)


def test_it_can_be_cancelled():
    told = []

    def stop(stage: str, fraction: float, message: str = "") -> None:
        told.append(message)
        if "learn from" in message:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        ablate(["backpack"], seeds=1, views=4, resolution=16, progress=stop)
    assert told[0] == "backpack: views to score on"


def test_the_verb(result, capsys):
    known = StudioSource(workers=1).categories()
    assert set(CATEGORIES) <= set(known)
    arguments = ["ablate", "--category", "backpack", "--views", "6", "--seeds", "1", "--row", "full"]
    assert run([*arguments, "--resolution", "16", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in told["rows"]] == ["full"]
    assert (told["seeds"], told["views"], list(told["categories"])) == (1, 6, ["backpack"])
    show(result)
    shown = capsys.readouterr().out
    for word in ("mPAP", "IoU", "without keypoint", "±", "baseball glove"):
        assert word in " ".join(shown.split())
    assert run(["ablate", "--category", "submarine", "--json"]) == 2
    assert "no “submarine”" in json.loads(capsys.readouterr().out)["error"]


def test_an_interrupt_ends_it_with_one_sentence():
    ablation = subprocess.Popen(
        [sys.executable, "-m", "propfield", "ablate", "--category", "backpack", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert ablation.stderr.readline() == "ablate …\n"
    time.sleep(1)
    # A terminal's Ctrl-C goes to the whole group.
    os.killpg(ablation.pid, signal.SIGINT)
    stdout, stderr = ablation.communicate(timeout=120)
    assert ablation.returncode == 130
    assert json.loads(stdout) == {"error": "Stopped; nothing was written."}
    assert stderr == "propfield: Stopped; nothing was written.\n"
