"""A COCO file with its pictures as a source: what it gives, in what order, what it says when it cannot."""

import json

import numpy as np
import pytest
from PIL import Image

from propfield.errors import Cancelled, NotFound, PropfieldError, Unavailable
from propfield.imagery.coco import CocoSource
from propfield.imagery.source import Source
from propfield.imagery.sources import source_by_name

# A person standing upright before the camera, arms hanging, in a picture of 200 × 300.
STANDING = [
    100, 50, 2, 104, 46, 2, 96, 46, 2, 109, 49, 2, 91, 49, 2, 122, 80, 2, 78, 80, 2, 128, 118, 2, 72, 118, 2,
    130, 150, 2, 70, 150, 2, 114, 150, 2, 86, 150, 2, 115, 205, 2, 85, 205, 2, 116, 260, 2, 84, 260, 2,
]  # fmt: skip


def box(x0, y0, x1, y1) -> list[list[float]]:
    return [[x0, y0, x1, y0, x1, y1, x0, y1]]


@pytest.fixture
def file(tmp_path):
    """Five pictures: three of a person with a suitcase, one of a suitcase alone, one that is not there."""
    images, annotations = [], []
    for number in range(5):
        name = f"{number}.png"
        images.append({"id": number, "file_name": f"train/{name}", "width": 200, "height": 300, "license": 3})
        if number < 4:
            Image.fromarray(np.full((300, 200, 3), 100, np.uint8)).save(tmp_path / name)
        if number != 3:
            annotations.append(
                {
                    "image_id": number,
                    "category_id": 1,
                    "segmentation": box(68, 30, 132, 275),
                    "keypoints": STANDING,
                }
            )
        annotations.append({"image_id": number, "category_id": 2, "segmentation": box(140, 200, 180, 270)})
    data = {
        "images": images,
        "annotations": [{"id": index, "iscrowd": 0, **entry} for index, entry in enumerate(annotations)],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "suitcase"}, {"id": 3, "name": "kite"}],
        "licenses": [{"id": 3, "name": "CC-BY-4.0"}],
    }
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(data))
    return path


def test_it_gives_what_a_person_is_with(file):
    source = source_by_name(f"coco:{file}")
    checked: Source = source
    assert checked.categories() == ["suitcase"]
    (kind,) = source.types("suitcase")
    assert (kind.prompt, kind.part) == ("", None)
    with pytest.raises(NotFound, match="nearest are suitcase"):
        source.types("suit case")
    with pytest.raises(NotFound, match="photos"):
        source.observe("suitcase", types=["pull"], views=1, seed=0)


def test_observations_hold_masks_pose_and_licence(file):
    source = CocoSource(file)
    seen = list(source.observe("Suitcase", views=10, seed=0))
    assert sorted(each.id for each in seen) == ["0", "1", "2"]
    one = seen[0]
    assert (one.source, one.category, one.licence, one.people, one.objects) == (
        "coco", "suitcase", "CC-BY-4.0", 1, 1,
    )  # fmt: skip
    assert one.object_box.tolist() == [140, 200, 180, 270]
    assert one.keypoints[:, :2].ravel().tolist() == [x for i, x in enumerate(STANDING) if i % 3 < 2]
    # Facing us: what is in front of the person is nearer to the camera.
    assert one.camera.R[2, 2] < -0.8
    ahead = one.camera.project(np.array([0, -0.2, 0], np.float32))
    assert ahead == pytest.approx([100, 145], abs=15)


def test_the_seed_chooses_the_order_and_repeats_it(file):
    source = CocoSource(file)

    def first(seed: int) -> str:
        def stop(stage: str, fraction: float, message: str = "") -> None:
            raise Cancelled(message)

        with pytest.raises(Cancelled) as looked_at:
            next(source.observe("suitcase", views=1, seed=seed, progress=stop))
        return str(looked_at.value)

    assert [first(seed) for seed in range(9)] == [first(seed) for seed in range(9)]
    assert {first(seed) for seed in range(9)} == {"0.png", "1.png", "2.png"}


def test_no_more_views_than_asked_for(file):
    assert len(list(CocoSource(file).observe("suitcase", views=1, seed=0))) == 1


def test_a_damaged_picture_is_passed_over_and_told(file):
    (file.parent / "1.png").write_bytes(b"oops")
    told = []
    source = CocoSource(file)
    seen = source.observe(
        "suitcase", views=10, seed=0, progress=lambda stage, fraction, message="": told.append(message)
    )
    assert sorted(each.id for each in seen) == ["0", "2"]
    assert any("1.png is not a picture" in message for message in told)


def test_without_keypoints_it_needs_weights(file, home, monkeypatch):
    monkeypatch.delenv("PROPFIELD_WEIGHTS", raising=False)
    data = json.loads(file.read_text())
    for entry in data["annotations"]:
        entry.pop("keypoints", None)
    file.write_text(json.dumps(data))
    with pytest.raises(Unavailable, match="pose_landmarker"):
        next(CocoSource(file).observe("suitcase", views=1, seed=0))


def test_a_file_without_its_pictures(file):
    for picture in file.parent.glob("*.png"):
        picture.unlink()
    with pytest.raises(NotFound, match="put the pictures"):
        CocoSource(file)
    with pytest.raises(PropfieldError, match="no annotation file"):
        source_by_name(f"coco:{file.parent / 'none.json'}")
