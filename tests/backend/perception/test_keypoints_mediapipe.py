"""BlazePose on the person's crop: in the photo's pixels, upright, quiet."""

import gc
import subprocess
import sys

import numpy as np
import pytest

from propfield.errors import NotFound, PropfieldError, Unavailable
from propfield.perception.keypoints_mediapipe import MediaPipeKeypoints
from propfield.perception.landmarks import LANDMARK_INDEX
from propfield.perception.picture import Picture, load_picture
from propfield.perception.protocols import Person

pytest.importorskip("mediapipe")


def test_files_that_are_no_model_are_refused(tmp_path):
    (tmp_path / "a.task").write_bytes(b"no bundle")
    with pytest.raises(PropfieldError, match=r"a\.task is not a MediaPipe pose model"):
        MediaPipeKeypoints(tmp_path / "a.task")
    with pytest.raises(NotFound, match="no keypoint model"):
        MediaPipeKeypoints(tmp_path / "b.task")


def test_without_mediapipe_it_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.task").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "mediapipe.tasks", None)
    with pytest.raises(Unavailable, match="pip install"):
        MediaPipeKeypoints(tmp_path / "a.task")


@pytest.mark.shared
def test_a_tennis_player_from_his_box(shared, capfd):
    picture = load_picture(shared / "photos" / "000000000431.jpg")
    finder = MediaPipeKeypoints(shared / "models" / "pose_landmarker_full.task")
    (found,) = finder.estimate([Person(picture, np.array([154, 67, 309, 319], np.float32))])
    image = found.image
    assert image[LANDMARK_INDEX["nose"], 1] < image[LANDMARK_INDEX["left_hip"], 1]
    assert image[LANDMARK_INDEX["left_hip"], 1] < image[LANDMARK_INDEX["left_ankle"], 1]
    ankles = image[[LANDMARK_INDEX["left_ankle"], LANDMARK_INDEX["right_ankle"]], :2]
    assert ((ankles > [140, 260]) & (ankles < [300, 325])).all()
    # The camera's axes: y is down in metres too.
    assert found.world[LANDMARK_INDEX["nose"], 1] < found.world[LANDMARK_INDEX["left_ankle"], 1] - 0.5
    assert capfd.readouterr().err == ""


@pytest.mark.shared
def test_nobody_in_an_empty_picture(shared):
    finder = MediaPipeKeypoints(shared / "models" / "pose_landmarker_full.task")
    blank = Picture(np.full((200, 300, 3), 127, np.uint8), "a.png")
    assert finder.estimate([Person(blank, np.array([50, 20, 150, 180], np.float32))]) == [None]


@pytest.mark.shared
def test_joints_outside_the_picture_have_no_evidence(shared):
    picture = load_picture(shared / "photos" / "000000000459.jpg")
    finder = MediaPipeKeypoints(shared / "models" / "pose_landmarker_full.task")
    (found,) = finder.estimate([Person(picture, np.array([0, 85, 514, 632], np.float32))])
    for name in ("left_knee", "right_knee", "left_ankle", "right_ankle"):
        assert found.image[LANDMARK_INDEX[name], 2] == 0


@pytest.mark.shared
def test_a_model_is_not_closed_as_garbage(shared):
    """Closing takes a lock that another model's calls hold while they allocate, which is when Python collects
    garbage: seen to hang a process for good."""
    finder = MediaPipeKeypoints(shared / "models" / "pose_landmarker_full.task")
    model = finder._landmarker
    del finder
    gc.collect()
    assert model._handle is not None
    assert MediaPipeKeypoints(shared / "models" / "pose_landmarker_full.task")._landmarker is model


@pytest.mark.shared
def test_a_program_that_ends_with_a_model_says_nothing(shared):
    program = (
        "import sys; from pathlib import Path\n"
        "from propfield.perception.keypoints_mediapipe import MediaPipeKeypoints\n"
        "finder = MediaPipeKeypoints(Path(sys.argv[1]))"
    )
    bundle = shared / "models" / "pose_landmarker_full.task"
    told = subprocess.run(
        [sys.executable, "-c", program, bundle], capture_output=True, text=True, timeout=60, check=True
    )
    assert told.stderr == ""
