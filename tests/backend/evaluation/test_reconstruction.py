"""The scoreboard of rebuilt photos: what it scores, against what, and what it says of bad input."""

import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as rle
from scipy.sparse import csr_array
from typer.testing import CliRunner

from propfield.body.loaders import open_body
from propfield.body.skeleton import canonical_pose
from propfield.cli.main import app
from propfield.errors import NotFound, PropfieldError
from propfield.evaluation.reconstruction import (
    IN_BOX,
    WAYS,
    evaluate_reconstruction,
    mean_box,
    moved_field,
)
from propfield.field.file import save_field
from propfield.field.grid import Grid
from propfield.field.occupancy import OccupancyField, TypeField
from propfield.field.skinning_weights import voxel_weights
from propfield.imagery.studio import StudioSource
from propfield.observations.filters import torso_seen
from propfield.observations.interaction import InteractionType

SEED, SIZE = 78, 320


def test_the_mean_box_has_the_fields_mean_and_spread():
    occupancy = np.zeros((20, 20, 20), np.float32)
    occupancy[4:10, 12:14, 8] = 0.6
    # What is hardly likely does not move it.
    occupancy[18, 1, 1] = 0.01
    box = mean_box(occupancy)
    assert set(np.unique(box)) == {0, np.float32(IN_BOX)}
    assert ((box > 0) == (occupancy > 0.1)).all()
    assert not mean_box(np.zeros((8, 8, 8), np.float32)).any()


def test_a_moved_field_lies_where_the_object_was_put():
    grid = Grid(resolution=24, size=2.4)
    posed = np.zeros(grid.shape, np.float32)
    posed[10:13, 10:13, 10:13] = 1.0
    moved = np.eye(4)
    moved[:3, 3] = 3 * grid.voxel, 0, -2 * grid.voxel
    found = moved_field(posed, moved, grid)
    assert np.allclose(found, np.roll(posed, (3, 0, -2), (0, 1, 2)), atol=1e-4)


@pytest.fixture(scope="module")
def boards() -> OccupancyField:
    """Where the studio's surfboards truly are."""
    grid, body, studio = Grid(), open_body(), StudioSource(workers=1)
    truth = studio.true_occupancy("surfboard", None, grid, scenes=20, seed=1)
    kinds = {kind.name: kind for kind in studio.types("surfboard")} | {"all": InteractionType("all", "")}
    seen = np.full(grid.shape, 99, np.uint32)
    return OccupancyField(
        category="surfboard",
        grid=grid,
        types=tuple(TypeField(kinds[name], occupancy, seen, 99) for name, occupancy in truth.items()),
        weights=csr_array(voxel_weights(body, grid)),
        body=body,
        rest_pose=canonical_pose(),
        skinning="forward",
    )


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Pictures of the studio with annotations, which know nothing of poses: one of each type."""
    folder = tmp_path_factory.mktemp("photos")
    studio = StudioSource(workers=1, size=SIZE)
    images, annotations = [], []
    for name in ("carry", "ride"):
        index, taken = 0, False
        while not taken:
            view = studio.view("surfboard", name, index, SEED)
            if (view.people, view.objects) == (1, 1) and torso_seen(view) and view.object_mask.sum() > 1500:
                number = len(images)
                images.append({"id": number, "file_name": f"{name}.png", "width": SIZE, "height": SIZE})
                pixels = studio.picture("surfboard", name, index, SEED)
                Image.fromarray(pixels).save(folder / images[-1]["file_name"])
                marks = view.keypoints.copy()
                marks[:, 2] = np.where(marks[:, 2] > 0.5, 2, 0)
                annotations += [
                    _entry(number, 1, view.person_mask) | {"keypoints": marks.ravel().tolist()},
                    _entry(number, 42, view.object_mask),
                ]
                taken = True
            index += 1
    data = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person"}, {"id": 42, "name": "surfboard"}],
    }
    (folder / "coco.json").write_text(json.dumps(data))
    return folder / "coco.json"


def _entry(image: int, category: int, mask: np.ndarray) -> dict:
    packed = rle.encode(np.asfortranarray(mask, np.uint8))
    counts = packed["counts"].decode()
    return {
        "image_id": image,
        "category_id": category,
        "segmentation": {"size": [SIZE, SIZE], "counts": counts},
    }


def test_looking_at_the_mask_beats_not_looking(photos, boards, tmp_path):
    result = evaluate_reconstruction(f"coco:{photos}", {"surfboard": boards})
    assert result["failed"] == []
    told = {(each["photo"], each["type"]) for each in result["photos"]}
    assert told == {("carry.png", "carry"), ("ride.png", "ride")}
    (board,) = result["categories"]
    assert (board["category"], board["photos"]) == ("surfboard", 2)
    assert board["beats_both"] == {"iou": True, "pap": True}
    assert board["reconstruction"]["iou"] > 0.5
    for way in WAYS:
        each = [photo[way]["iou"] for photo in result["photos"]]
        assert board[way]["iou"] == pytest.approx(np.mean(each), abs=1e-3)
        assert 0 <= board[way]["pap"] <= 1
    # A box that holds the boards is better than none.
    assert board["box"]["iou"] > 0.02

    # The terminal tells the same.
    save_field(boards, tmp_path / "boards.field.npz")
    command = ["evaluate", "reconstruction", "--on", f"coco:{photos}", "--field", str(tmp_path), "--json"]
    told = CliRunner().invoke(app, command)
    assert told.exit_code == 0
    again = json.loads(told.stdout)
    assert [photo["type"] for photo in again["photos"]] == [photo["type"] for photo in result["photos"]]
    # The file keeps occupancy in half precision.
    assert again["mean"]["reconstruction"]["iou"] == pytest.approx(board["reconstruction"]["iou"], abs=0.05)


def test_a_photo_that_cannot_be_rebuilt_is_told_and_does_not_end_the_run(photos, boards, tmp_path):
    data = json.loads(photos.read_text())
    for image in data["images"]:
        (tmp_path / image["file_name"]).write_bytes((photos.parent / image["file_name"]).read_bytes())
    entries = data["annotations"]
    marks = np.reshape(entries[0]["keypoints"], (17, 3))
    marks[:13, 2] = 0
    entries[0]["keypoints"] = marks.ravel().tolist()
    (tmp_path / "coco.json").write_text(json.dumps(data))
    result = evaluate_reconstruction(f"coco:{tmp_path / 'coco.json'}", {"surfboard": boards})
    assert [each["photo"] for each in result["photos"]] == ["ride.png"]
    (failed,) = result["failed"]
    assert (failed["photo"], failed["category"]) == ("carry.png", "surfboard")
    assert "torso" in failed["why"]


def test_bad_input_is_a_sentence(photos, boards):
    with pytest.raises(PropfieldError, match="use “coco:FILE”"):
        evaluate_reconstruction("studio", {"surfboard": boards})
    with pytest.raises(NotFound, match=r"No photo of coco\.json shows kite; there are: surfboard"):
        evaluate_reconstruction(f"coco:{photos}", {"kite": boards})
    with pytest.raises(NotFound, match="no field"):
        evaluate_reconstruction(f"coco:{photos}", {})
    with pytest.raises(NotFound, match="annotation file"):
        evaluate_reconstruction("coco:nowhere.json", {"surfboard": boards})
