"""COCO files: masks by polygon, by runs and by box agree; wrong files are one sentence."""

import json

import numpy as np
import pytest
from pycocotools import mask as rle_masks

from propfield.errors import NotFound, PropfieldError
from propfield.perception.annotations import read_annotations
from propfield.perception.picture import Picture


def picture(name: str = "photo.png", width: int = 40, height: int = 30) -> Picture:
    return Picture(np.zeros((height, width, 3), np.uint8), name)


def coco(**annotation) -> dict:
    entry = {"id": 7, "image_id": 1, "category_id": 1, "iscrowd": 0, **annotation}
    return {
        "images": [{"id": 1, "file_name": "photo.png", "width": 40, "height": 30}],
        "categories": [{"id": 1, "name": "Person"}],
        "annotations": [entry],
    }


@pytest.fixture
def detect(tmp_path):
    def from_data(data, photo=None):
        path = tmp_path / "coco.json"
        path.write_text(data if isinstance(data, str) else json.dumps(data))
        return read_annotations(path).segment([photo or picture()])[0]

    return from_data


SQUARE = np.zeros((30, 40), bool)
SQUARE[5:15, 10:30] = True


def _runs(mask: np.ndarray) -> list[int]:
    flat = mask.ravel(order="F").astype(int)
    changes = np.flatnonzero(np.diff(np.concatenate([[0], flat]))).tolist()
    return np.diff([0, *changes, flat.size]).tolist()


@pytest.mark.parametrize(
    "segmentation",
    [
        [[10, 5, 30, 5, 30, 15, 10, 15]],
        {"size": [30, 40], "counts": _runs(SQUARE)},
        {
            "size": [30, 40],
            "counts": rle_masks.encode(np.asfortranarray(SQUARE, np.uint8))["counts"].decode(),
        },
    ],
)
def test_polygons_and_runs_give_the_same_mask(detect, segmentation):
    (found,) = detect(coco(segmentation=segmentation))
    assert found.category == "person"
    assert (found.mask == SQUARE).all()
    assert found.box.tolist() == [10, 5, 30, 15]


def test_a_box_serves_where_there_is_no_segmentation(detect):
    (found,) = detect(coco(bbox=[10, 5, 20, 10]))
    assert (found.mask == SQUARE).all()


def test_points_outside_the_picture_are_clipped(detect):
    (found,) = detect(
        coco(
            segmentation=[[-50, -50, 90, -50, 90, 90, -50, 90]],
            keypoints=[20, 10, 2, -5, 10, 2, 20, 500, 1] + [15, 15, 1] + [0, 0, 0] * 13,
        )
    )
    assert found.mask.all()
    assert found.keypoints[:4, 2].tolist() == [1, 0, 0, 0.5]
    assert (found.keypoints[:, :2] >= 0).all()
    assert (found.keypoints[:, :2] <= [40, 30]).all()


def test_a_photo_of_another_size_is_scaled_or_refused(detect):
    (found,) = detect(coco(segmentation=[[10, 5, 30, 5, 30, 15, 10, 15]]), picture(width=80, height=60))
    assert found.box.tolist() == [20, 10, 60, 30]
    with pytest.raises(PropfieldError, match="40 × 30"):
        detect(coco(segmentation=[[10, 5, 30, 5, 30, 15]]), picture(width=40, height=40))


# By Exif 2.32, what a file with each orientation stores of the upright picture; 1 to 4 keep its sizes.
STORED = {
    5: lambda upright: upright.T,
    6: lambda upright: upright[:, ::-1].T,
    7: lambda upright: upright[::-1, ::-1].T,
    8: lambda upright: upright[::-1].T,
}


@pytest.mark.parametrize("orientation", STORED)
def test_a_turned_photo_may_be_annotated_upright_or_as_it_is_stored(detect, orientation):
    photo = Picture(np.zeros((30, 40, 3), np.uint8), "photo.png", orientation=orientation)
    stored = np.ascontiguousarray(STORED[orientation](SQUARE))
    rows, columns = np.nonzero(stored)
    x0, x1, y0, y1 = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    marks = [float(x0), float(y0), 2, float(x1), float(y1), 2, *[0, 0, 0] * 15]
    as_stored = coco(
        segmentation={"size": list(stored.shape), "counts": _runs(stored)},
        keypoints=marks,
    )
    as_stored["images"][0].update(width=30, height=40)
    (found,) = detect(as_stored, photo)
    assert (found.mask == SQUARE).all()
    # The corners of the square, whichever they were.
    assert sorted(found.keypoints[:2, 0]) == [10, 30]
    assert sorted(found.keypoints[:2, 1]) == [5, 15]
    assert found.keypoints[2:, 2].max() == 0
    (found,) = detect(coco(segmentation={"size": [30, 40], "counts": _runs(SQUARE)}), photo)
    assert (found.mask == SQUARE).all()
    # A photo that is not turned is not, whatever its annotations say.
    with pytest.raises(PropfieldError, match="annotate the photo as it is"):
        detect(as_stored, picture())


def test_one_image_serves_a_photo_of_another_name_but_two_do_not(detect):
    data = coco(bbox=[1, 1, 5, 5])
    assert len(detect(data, picture("other.jpg"))) == 1
    data["images"].append({"id": 2, "file_name": "b.png", "width": 40, "height": 30})
    with pytest.raises(PropfieldError, match=r"says nothing about other\.jpg"):
        detect(data, picture("other.jpg"))


def test_crowds_are_left_out(detect):
    assert detect(coco(bbox=[1, 1, 5, 5], iscrowd=1)) == []


@pytest.mark.parametrize(
    "outside",
    [
        {"bbox": [500, 5, 20, 10]},
        {"bbox": [-50, -50, 20, 10]},
        {"segmentation": [[400, 50, 600, 50, 600, 90]]},
        {"segmentation": [[-9, -9, -9, -50, -50, -9]]},
    ],
)
def test_what_lies_outside_the_picture(detect, outside):
    with pytest.raises(PropfieldError, match=r"lies outside of the picture, which has 40 × 30 pixels"):
        detect(coco(**outside))
    # Where something else lies inside, that is taken.
    data = coco(**outside)
    data["annotations"].append({"id": 8, "image_id": 1, "category_id": 1, "bbox": [10, 5, 20, 10]})
    (found,) = detect(data)
    assert (found.mask == SQUARE).all()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("this is no JSON", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("\x00\x80", "is not JSON"),
        ([], "COCO's format"),
        ({"images": []}, "COCO's format"),
        (coco(bbox=[1, 1, 5, 5], category_id=9), "category 9"),
        (coco(), "segmentation"),
        (coco(segmentation=[[1, 2]]), "segmentation"),
        (coco(segmentation=[["a"] * 6]), "segmentation"),
        (coco(segmentation={"size": [30, 40], "counts": [5, 10]}), "segmentation"),
        (coco(segmentation={"size": [30, 40], "counts": [-5, 1205]}), "segmentation"),
        (coco(segmentation={"counts": [1]}), "segmentation"),
        (coco(bbox=[1, 1, "wide", 5]), "segmentation"),
        (coco(bbox=[1, 1, 5, 5], keypoints=[1, 2, 3]), "keypoints"),
    ],
)
def test_wrong_files_are_one_sentence(detect, data, words):
    with pytest.raises(PropfieldError, match=words) as caught:
        detect(data)
    assert "\n" not in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(NotFound, match="no annotation file"):
        read_annotations(tmp_path / "none.json")
