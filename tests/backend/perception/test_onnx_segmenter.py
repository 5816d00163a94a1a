"""Every YOLO head is read right, from its shapes; files that are no segmenter are one sentence."""

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
WIDE = Picture(np.zeros((128, 256, 3), np.uint8), "a.png")
"""256 × 128: in the square it has borders of 32 above and below, at half its size."""


def head(
    boxes: list[tuple[tuple[float, ...], int, float]], objectness: bool, classes: int = 80
) -> np.ndarray:
    """Rows of box (centre, size), objectness, classes, coefficients: prototype 0 alone."""
    rows = np.zeros((len(boxes) + 20, 4 + objectness + classes + MASKS), np.float32)
    for row, (box, category, score) in zip(rows, boxes, strict=False):
        row[:4] = box
        row[4 + objectness + category] = score
        if objectness:
            row[4] = 0.9
        row[-MASKS] = 1
    return rows


def suppressed_head(boxes: list[tuple[tuple[float, ...], int, float]]) -> np.ndarray:
    """Rows of corners, score, class, coefficients, as an export with NMS gives them."""
    rows = np.zeros((len(boxes) + 20, 6 + MASKS), np.float32)
    for row, ((x, y, width, height), category, score) in zip(rows, boxes, strict=False):
        row[:6] = (x - width / 2, y - height / 2, x + width / 2, y + height / 2, score, category)
        row[6] = 1
    return rows


def prototypes(height: int = 32, width: int = 32) -> np.ndarray:
    """Prototype 0 is the left quarter of the frame."""
    values = np.full((1, MASKS, height, width), -5, np.float32)
    values[0, 0, :, : width // 4] = 5
    return values


# Upper left quarter of the square; a double of it; an umbrella over the same place; something too faint.
BOXES = [
    ((32, 52, 64, 40), PERSON, 0.9),
    ((34, 52, 64, 40), PERSON, 0.6),
    ((32, 52, 64, 40), UMBRELLA, 0.5),
    ((100, 60, 20, 20), UMBRELLA, 0.1),
]
HEADS = {
    "v5 and v7": lambda boxes: [head(boxes, True)[None], prototypes()],
    "v8 and v11": lambda boxes: [head(boxes, False).T[None], prototypes()],
    "prototypes first": lambda boxes: [prototypes(), head(boxes, False).T[None]],
    "boxes first": lambda boxes: [head(boxes, False)[None], prototypes()],
    "v7 with its raw grids": lambda boxes: [
        head(boxes, True)[None],
        np.zeros((1, 3, 16, 16, 85 + MASKS)),
        prototypes(),
    ],
    "with NMS": lambda boxes: [suppressed_head(boxes)[None], prototypes()],
}


@pytest.mark.parametrize("frame", [(SIDE, SIDE), ("height", "width")], ids=["fixed", "free"])
@pytest.mark.parametrize("version", HEADS)
def test_boxes_and_masks_come_back_at_the_photos_size(version, frame, tmp_path):
    scale = 1 if frame == (SIDE, SIDE) else 640 / SIDE
    boxes = [(tuple(scale * value for value in box), *rest) for box, *rest in BOXES]
    weights = onnx_file.write_constant_network(tmp_path / "a.onnx", frame, HEADS[version](boxes))
    (found,) = OnnxSegmenter(weights).segment([WIDE])
    assert [each.category for each in found] == ["person", "umbrella"]
    assert [each.score for each in found] == pytest.approx(
        [0.81, 0.45] if "v7" in version else [0.9, 0.5], abs=1e-6
    )
    person = found[0]
    assert person.mask.shape == (128, 256)
    # The box is 0..64 × 32..72 in the square, 0..128 × 0..80 in the photo; the prototype ends at 64.
    assert person.box == pytest.approx([0, 0, 64, 80], abs=1)
    assert person.mask[:79, :63].all()
    assert not person.mask[81:].any()


def test_frames_need_not_be_square(tmp_path):
    # 128 high, 256 wide: the photo fills it, and the left quarter of the prototype is 64 wide.
    outputs = [head([((64, 40, 128, 80), PERSON, 0.9)], False).T[None], prototypes(32, 64)]
    weights = onnx_file.write_constant_network(tmp_path / "a.onnx", (128, 256), outputs)
    ((person,),) = OnnxSegmenter(weights).segment([WIDE])
    assert person.box == pytest.approx([0, 0, 64, 80], abs=1)


@pytest.mark.parametrize("words", ["{0: 'sofa', 1: 'Tennis_Racket', 2: 'person'}", "['sofa', 'x', 'person']"])
@pytest.mark.parametrize("objectness", [True, False])
def test_classes_of_its_own_are_read_from_the_metadata(words, objectness, tmp_path):
    rows = head([((32, 52, 64, 40), 0, 0.9), ((32, 52, 64, 40), 2, 0.8)], objectness, classes=3)
    weights = onnx_file.write_constant_network(
        tmp_path / "a.onnx",
        (SIDE, SIDE),
        [(rows if objectness else rows.T)[None], prototypes()],
        {"names": words},
    )
    (found,) = OnnxSegmenter(weights).segment([WIDE])
    assert [each.category for each in found] == ["couch", "person"]


def test_one_class_with_and_without_suppression_are_told_apart(tmp_path):
    # 5 + 1 + k and 6 + k are the same: only the metadata tells.
    names = {"names": "{0: 'person'}"}
    rows = suppressed_head([((32, 52, 64, 40), 0, 0.9)])
    inside = onnx_file.write_constant_network(
        tmp_path / "a.onnx", (SIDE, SIDE), [rows[None], prototypes()], names | {"args": "{'nms': True}"}
    )
    rows = head([((32, 52, 64, 40), 0, 0.9)], True, classes=1)
    outside = onnx_file.write_constant_network(
        tmp_path / "b.onnx", (SIDE, SIDE), [rows[None], prototypes()], names
    )
    boxes = [OnnxSegmenter(weights).segment([WIDE])[0][0].box for weights in (inside, outside)]
    assert (boxes[0] == boxes[1]).all()


def test_a_batch_is_the_same_as_one_by_one(tmp_path):
    weights = onnx_file.write_constant_network(tmp_path / "a.onnx", (SIDE, SIDE), HEADS["v8 and v11"](BOXES))
    tall = Picture(np.zeros((200, 100, 3), np.uint8), "b.png")
    segmenter = OnnxSegmenter(weights)
    together = segmenter.segment([WIDE, tall])
    for batch, alone in zip(together, (segmenter.segment([each])[0] for each in (WIDE, tall)), strict=True):
        assert len(batch) == len(alone)
        assert all((one.mask == other.mask).all() for one, other in zip(batch, alone, strict=True))


def test_nothing_above_the_score(tmp_path):
    outputs = [head([], objectness=True)[None], np.zeros((1, MASKS, 32, 32))]
    weights = onnx_file.write_constant_network(tmp_path / "a.onnx", (SIDE, SIDE), outputs)
    assert OnnxSegmenter(weights).segment([WIDE]) == [[]]


@pytest.mark.parametrize(
    "outputs",
    [
        [np.zeros((1, 10))],
        [np.zeros((1, 10, 10)), np.zeros((1, 10, 10))],
        [np.zeros((1, 50, 17)), np.zeros((1, 4, 32, 32))],
        [np.zeros((1, 84, 50))],
    ],
    ids=["a classifier", "two heads", "another width", "a detector without masks"],
)
def test_other_networks_are_refused(tmp_path, outputs):
    weights = onnx_file.write_constant_network(tmp_path / "a.onnx", (SIDE, SIDE), outputs)
    with pytest.raises(PropfieldError, match=r"a\.onnx is not a YOLO segmentation network") as caught:
        OnnxSegmenter(weights).segment([WIDE])
    assert "\n" not in str(caught.value)


def test_names_that_are_no_literal_are_passed_over(tmp_path):
    weights = onnx_file.write_constant_network(
        tmp_path / "a.onnx", (SIDE, SIDE), HEADS["v5 and v7"](BOXES), {"names": "__import__('os')"}
    )
    assert OnnxSegmenter(weights).vocabulary == COCO_80


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
    (found,) = OnnxSegmenter(shared / "models" / "yolov5s-seg.onnx").segment([picture])
    (truths,) = read_annotations(shared / "photos" / "instances.json").segment([picture])
    for truth in truths:
        best = next(each for each in found if each.category == truth.category)
        assert (best.mask & truth.mask).sum() / (best.mask | truth.mask).sum() > 0.6
