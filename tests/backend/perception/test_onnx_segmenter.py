"""Both YOLO heads are read right; files that are no segmenter are one sentence."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from propfield.errors import NotFound, PropfieldError, Unavailable
from propfield.perception.coco_names import COCO_80
from propfield.perception.onnx_segmenter import OnnxSegmenter
from propfield.perception.picture import Picture, load_picture

pytest.importorskip("onnxruntime")
_spec = importlib.util.spec_from_file_location("onnx_file", Path(__file__).parent / "onnx_file.py")
onnx_file = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(onnx_file)

SIDE, MASKS = 128, 4
PERSON, UMBRELLA = COCO_80.index("person"), COCO_80.index("umbrella")


def head(boxes: list[tuple[tuple[float, ...], int, float]], objectness: bool) -> np.ndarray:
    """Rows of box (centre, size), objectness, classes, coefficients: prototype 0 alone."""
    rows = np.zeros((len(boxes) + 20, 4 + objectness + 80 + MASKS), np.float32)
    for row, (box, category, score) in zip(rows, boxes, strict=False):
        row[:4] = box
        row[4 + objectness + category] = score
        if objectness:
            row[4] = 0.9
        row[-MASKS] = 1
    return rows


# Upper left quarter of the square; a double of it; an umbrella over the same place; something too faint.
BOXES = [
    ((32, 52, 64, 40), PERSON, 0.9),
    ((34, 52, 64, 40), PERSON, 0.6),
    ((32, 52, 64, 40), UMBRELLA, 0.5),
    ((100, 60, 20, 20), UMBRELLA, 0.1),
]


@pytest.fixture(params=["yolov5", "yolov8"])
def segmenter(request, tmp_path) -> OnnxSegmenter:
    prototypes = np.full((1, MASKS, 32, 32), -5, np.float32)
    prototypes[0, 0, :, :8] = 5  # the left quarter of the square
    rows = head(BOXES, objectness=request.param == "yolov5")
    first = rows[None] if request.param == "yolov5" else rows.T[None]
    return OnnxSegmenter(onnx_file.write_constant_network(tmp_path / "a.onnx", SIDE, [first, prototypes]))


def test_boxes_and_masks_come_back_at_the_photos_size(segmenter):
    # 256 × 128: the square has borders of 32 above and below, at half the photo's size.
    found = segmenter.segment([Picture(np.zeros((128, 256, 3), np.uint8), "a.png")])[0]
    assert [each.category for each in found] == ["person", "umbrella"]
    person = found[0]
    assert person.mask.shape == (128, 256)
    # The box is 0..64 × 32..72 in the square, 0..128 × 0..80 in the photo; the prototype ends at 64.
    assert person.box == pytest.approx([0, 0, 64, 80], abs=1)
    assert person.mask[:79, :63].all()


def test_nothing_above_the_score(tmp_path):
    empty = head([], objectness=True)[None]
    weights = onnx_file.write_constant_network(
        tmp_path / "a.onnx", SIDE, [empty, np.zeros((1, MASKS, 32, 32))]
    )
    assert OnnxSegmenter(weights).segment([Picture(np.zeros((60, 60, 3), np.uint8), "a.png")])[0] == []


@pytest.mark.parametrize(
    "outputs",
    [
        [np.zeros((1, 10))],
        [np.zeros((1, 10, 10)), np.zeros((1, 10, 10))],
        [np.zeros((1, 50, 17)), np.zeros((1, 4, 32, 32))],
    ],
)
def test_other_networks_are_refused(tmp_path, outputs):
    weights = onnx_file.write_constant_network(tmp_path / "a.onnx", SIDE, outputs)
    with pytest.raises(PropfieldError, match=r"a\.onnx is not a YOLO segmentation network"):
        OnnxSegmenter(weights).segment([Picture(np.zeros((60, 60, 3), np.uint8), "a.png")])[0]


def test_files_that_are_no_network_are_refused(tmp_path, capfd):
    (tmp_path / "a.onnx").write_bytes(b"\x08\x07garbage" * 50)
    (tmp_path / "b.onnx").write_bytes(b"")
    for name in ("a.onnx", "b.onnx"):
        with pytest.raises(PropfieldError, match=r"not an ONNX network|not a YOLO") as caught:
            OnnxSegmenter(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(NotFound, match="no weights"):
        OnnxSegmenter(tmp_path / "c.onnx")
    assert capfd.readouterr().err == ""


def test_without_onnxruntime_it_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.onnx").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(Unavailable, match=r"pip install"):
        OnnxSegmenter(tmp_path / "a.onnx")


@pytest.mark.shared
def test_real_weights_cut_in_half_are_refused(shared, tmp_path):
    whole = (shared / "models" / "yolov5s-seg.onnx").read_bytes()
    (tmp_path / "half.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PropfieldError, match=r"half\.onnx"):
        OnnxSegmenter(tmp_path / "half.onnx")


@pytest.mark.shared
def test_real_weights_find_the_woman_and_her_umbrella(shared):
    from propfield.perception.annotations import read_annotations

    picture = load_picture(shared / "photos" / "000000000036.jpg")
    found = OnnxSegmenter(shared / "models" / "yolov5s-seg.onnx").segment([picture])[0]
    for truth in read_annotations(shared / "photos" / "instances.json").segment([picture])[0]:
        best = next(each for each in found if each.category == truth.category)
        assert (best.mask & truth.mask).sum() / (best.mask | truth.mask).sum() > 0.6
