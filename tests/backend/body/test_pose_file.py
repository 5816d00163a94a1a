"""Poses in files."""

import json

import numpy as np
import pytest

from propfield.body.pose_file import read_pose
from propfield.errors import NotFound, PropfieldError

POSE = np.linspace(-1, 1, 72, dtype=np.float32).reshape(24, 3)


def test_every_form_gives_the_same_pose(tmp_path):
    np.savez(tmp_path / "pose.npz", pose=POSE.astype(np.float64))
    (tmp_path / "rows.json").write_text(json.dumps(POSE.tolist()))
    (tmp_path / "flat.json").write_text(json.dumps(POSE.ravel().tolist()))
    (tmp_path / "object.json").write_text(json.dumps({"pose": POSE.tolist(), "name": "walk"}))
    for path in tmp_path.iterdir():
        np.testing.assert_array_equal(read_pose(path), POSE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "walk",
        "{}",
        "null",
        '{"pose": "T"}',
        "[1, 2]",
        "[[0, 0, 0], [1]]",
        "[" * 5000,
        json.dumps([*[0.0] * 71, float("nan")]),
        json.dumps([[0] * 3] * 52),
    ],
)
def test_another_text_gives_one_sentence(tmp_path, text):
    path = tmp_path / "pose.json"
    path.write_text(text)
    with pytest.raises(PropfieldError, match=r"pose\.json .*24"):
        read_pose(path)


def test_an_npz_with_pickles_is_not_opened(tmp_path):
    np.savez(tmp_path / "pose.npz", pose=np.array([object()]))
    with pytest.raises(PropfieldError, match="24"):
        read_pose(tmp_path / "pose.npz")


def test_no_file(tmp_path):
    with pytest.raises(NotFound, match="nowhere"):
        read_pose(tmp_path / "nowhere.json")
