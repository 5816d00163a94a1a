"""detectron2 and mmpose: their documented result types become ours; without them, the install line.

Neither can be installed beside this torch, so results are recorded: objects with the attributes that the
libraries' documentation names (detectron2's “Model Output Format”, mmpose's `PoseDataSample`), with shapes
and types as mmpose 1.3.2 gave them for HRNet-DARK, RTMPose and RTMPose-WholeBody.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from propfield.errors import NotFound, PropfieldError, Unavailable
from propfield.perception.choice import PerceptionChoice
from propfield.perception.coco_names import COCO_80
from propfield.perception.detectron2_segmenter import Detectron2Segmenter, detections_of
from propfield.perception.keypoint_sets import from_keypoints
from propfield.perception.landmarks import LANDMARK_INDEX
from propfield.perception.mmpose_keypoints import MmposeKeypoints, landmarks_of_sample
from propfield.perception.picture import Picture
from propfield.perception.protocols import Person

PERSON = Person(Picture(np.zeros((60, 80, 3), np.uint8), "a.png"), np.array([5, 5, 70, 55], np.float32))


class Instances:
    """As detectron2.structures.Instances: fields as attributes, `has`, a length."""

    def __init__(self, **fields):
        self.__dict__.update(fields)

    def has(self, name: str) -> bool:
        return name in self.__dict__

    def __len__(self) -> int:
        return len(self.scores)


def test_instances_become_detections_best_first():
    masks = torch.zeros((4, 60, 80), dtype=torch.bool)
    masks[0, 10:50, 20:40] = True
    masks[1, 5:15, 0:80] = True
    masks[3, 0:5, 0:5] = True
    boxes = SimpleNamespace(tensor=torch.tensor([[20.0, 10, 40, 50]] * 4))
    instances = Instances(
        pred_boxes=boxes,
        scores=torch.tensor([0.7, 0.99, 0.6, 0.9]),
        pred_classes=torch.tensor([0, COCO_80.index("umbrella"), 1, 500]),
        pred_masks=masks,
    )
    umbrella, person = detections_of(instances, COCO_80)
    assert (umbrella.category, person.category) == ("umbrella", "person")
    assert umbrella.score == pytest.approx(0.99)
    assert person.box.tolist() == [20, 10, 40, 50]
    assert (person.mask == masks[0].numpy()).all()


def test_instances_of_nothing_and_without_masks():
    nothing = Instances(
        scores=torch.zeros(0),
        pred_classes=torch.zeros(0, dtype=torch.int64),
        pred_masks=torch.zeros((0, 60, 80)),
    )
    assert detections_of(nothing, COCO_80) == []
    with pytest.raises(PropfieldError, match="without masks"):
        detections_of(Instances(scores=torch.zeros(1), pred_classes=torch.zeros(1)), COCO_80)


def sample(count: int) -> SimpleNamespace:
    """A PoseDataSample whose keypoint k is at (k / 2, k / 4)."""
    points = np.stack([np.arange(count) / 2, np.arange(count) / 4], 1)[None].astype(np.float32)
    scores = np.full((1, count), 0.8, np.float32)
    return SimpleNamespace(pred_instances=SimpleNamespace(keypoints=points, keypoint_scores=scores))


@pytest.mark.parametrize(
    ("count", "places"),
    [
        (17, {}),
        (26, {"left_toe": 20, "right_toe": 21, "left_heel": 24, "right_heel": 25}),
        (
            133,
            {"left_toe": 17, "left_heel": 19, "right_toe": 20, "right_heel": 22}
            | {"left_knuckle": 96, "right_knuckle": 117},
        ),
    ],
)
def test_samples_become_landmarks(count, places):
    marks = landmarks_of_sample(sample(count), PERSON).image
    for index in range(17):
        assert marks[index] == pytest.approx([index / 2, index / 4, 0.8])
    for name, index in LANDMARK_INDEX.items():
        if index >= 17:
            place = places.get(name)
            expected = [place / 2, place / 4, 0.8] if place is not None else [0, 0, 0]
            assert marks[index] == pytest.approx(expected)


def test_scores_are_clipped_and_points_outside_or_not_numbers_are_no_evidence():
    given = sample(17)
    given.pred_instances.keypoint_scores[0, :3] = [3.5, -1, np.nan]
    given.pred_instances.keypoints[0, 3] = [81, 10]
    given.pred_instances.keypoints[0, 4] = [np.nan, 10]
    marks = landmarks_of_sample(given, PERSON).image
    assert marks[:6, 2] == pytest.approx([1, 0, 0, 0, 0, 0.8])
    assert np.isfinite(marks).all()


def test_nobody_and_sets_that_are_not_known():
    nobody = SimpleNamespace(
        pred_instances=SimpleNamespace(keypoints=np.zeros((0, 17, 2)), keypoint_scores=np.zeros((0, 17)))
    )
    assert landmarks_of_sample(nobody, PERSON) is None
    with pytest.raises(PropfieldError, match="set of 21 keypoints is not known"):
        from_keypoints(np.zeros((21, 3), np.float32))


@pytest.mark.parametrize(
    ("adapter", "configuration", "weights", "words"),
    [
        (Detectron2Segmenter, "config.yaml", "model_final.pkl", "detectron2; install it with pip"),
        (MmposeKeypoints, "rtmpose.py", "best.pth", "mmpose; install it with pip"),
    ],
)
def test_a_models_folder_and_the_library(adapter, configuration, weights, words, tmp_path):
    with pytest.raises(NotFound, match="no folder"):
        adapter(tmp_path / "nowhere")
    with pytest.raises(PropfieldError, match=r"has no configuration; put one file ending in \."):
        adapter(tmp_path)
    (tmp_path / configuration).write_text("")
    with pytest.raises(PropfieldError, match=r"has no weights; put one file ending in \."):
        adapter(tmp_path)
    (tmp_path / weights).write_bytes(b"")
    with pytest.raises(Unavailable, match=words):
        adapter(tmp_path)
    (tmp_path / f"other{weights}").write_bytes(b"")
    with pytest.raises(PropfieldError, match="has 2 files of weights"):
        adapter(tmp_path)


def test_by_name_they_say_what_to_install(home):
    with pytest.raises(Unavailable, match=r"detectron2 is not installed; install it with pip install 'git\+"):
        PerceptionChoice(segmenter="detectron2:folder").open_segmenter(["person"])
    with pytest.raises(Unavailable, match=r"mmpose is not installed; install it with pip install openmim"):
        PerceptionChoice(keypoints="mmpose:folder").keypoint_finder()()
