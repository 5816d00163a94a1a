"""`evaluate perception` on a few people: tables, JSON, what is left out, and sentences for wrong input."""

import json

import numpy as np
import pytest

from propfield.cli.evaluate_perception import show
from propfield.cli.main import run
from propfield.errors import Cancelled, PropfieldError
from propfield.evaluation.perception.people import studio_people
from propfield.evaluation.perception.scoreboard import evaluate_perception
from propfield.evaluation.perception.simulated_landmarks import simulated_landmarks
from propfield.perception.landmarks import LANDMARK_INDEX


@pytest.fixture(scope="module")
def people():
    return list(studio_people(60, 1, 256))


def test_simulated_landmarks_err_as_much_as_they_say(people):
    off, astray = [], 0
    for person in people:
        found = simulated_landmarks(person, ends=True, depth=True)
        size = np.ptp(person.landmarks, axis=0).max()
        distance = np.linalg.norm(found.image[:, :2] - person.landmarks, axis=1) / size
        off.append(np.median(distance[found.image[:, 2] > 0.75]))
        astray += (distance > 0.1).sum()
        assert (found.image[:, 2] > 0).sum() <= person.framed.sum()
        assert abs(found.world[11:13].mean(0)).max() < 0.3
    assert 0.005 < np.median(off) < 0.02
    assert astray > 10
    plain = simulated_landmarks(people[0], ends=False, depth=False)
    assert plain.world is None
    assert not plain.image[17:, 2].any()


def test_directions_in_space_are_about_true(people):
    bone = [LANDMARK_INDEX["left_hip"], LANDMARK_INDEX["left_shoulder"]]
    cosines = []
    for person in people:
        world = simulated_landmarks(person, ends=True, depth=True).world
        true = person.points @ person.camera.R.T
        (a, b), (c, d) = world[bone], true[bone]
        cosines.append((b - a) @ (d - c) / np.linalg.norm(b - a) / np.linalg.norm(d - c))
    assert np.median(cosines) > 0.95
    assert min(cosines) < 0.99


def test_the_scoreboard_without_weights(home, monkeypatch, capsys):
    monkeypatch.delenv("PROPFIELD_WEIGHTS", raising=False)
    monkeypatch.setenv("COLUMNS", "110")
    assert run(["evaluate", "perception", "--views", "3", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["on"], told["views"], told["seed"]) == ("studio", 3, 0)
    *simulated, pictures = told["levels"]
    assert [level["level"] for level in simulated] == ["keypoints", "whole body", "3D landmarks"]
    assert pictures["level"] == "pictures"
    assert "needs a model" in pictures["skipped"]
    for level in simulated:
        assert level["people"] == sum(group["people"] for group in level["by_view"].values()) == 3
        assert level["failure_rate"] == 0
        assert 5 < level["scores"]["pa_mpjpe_mm"] < 200
        assert [each["said_mm"] for each in level["uncertainty"]["bins"]] == sorted(
            each["said_mm"] for each in level["uncertainty"]["bins"]
        )
    show(told)
    shown = capsys.readouterr().out
    for word in (
        "Keypoints: 3 people",
        "3D landmarks: 3 people",
        "PA-MPJPE",
        "backpack, wear",
        "Pictures: left out",
        "mm off",
    ):
        assert word in shown


@pytest.mark.shared
def test_the_whole_chain_sees_people(shared, monkeypatch):
    pytest.importorskip("mediapipe")
    monkeypatch.setenv("PROPFIELD_WEIGHTS", str(shared / "models"))
    told = evaluate_perception(views=2, seed=5)["levels"][-1]
    assert told["skipped"] is None
    assert told["failure_rate"] == 0
    assert told["scores"]["mask_iou"] > 0.6
    assert told["scores"]["pa_mpjpe_mm"] < 120


def test_what_cannot_be_scored(capsys):
    assert run(["evaluate", "perception", "--on", "coco:x.json", "--json"]) == 2
    assert "only on studio" in json.loads(capsys.readouterr().out)["error"]
    with pytest.raises(PropfieldError, match="At least one view"):
        evaluate_perception(views=0)


def test_cancel_is_heard():
    def stop(stage, fraction, message=""):
        if stage == "fit body":
            raise Cancelled("Stopped; nothing was written.")

    with pytest.raises(Cancelled):
        evaluate_perception(views=2, progress=stop)
