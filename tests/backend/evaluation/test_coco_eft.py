"""COCO with EFT's fits, in a folder made of studio scenes in the published format."""

import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from propfield.body.loaders import open_body
from propfield.errors import NotFound, PropfieldError
from propfield.evaluation.coco_eft import REASONS, CocoEft
from propfield.imagery.studio import StudioSource
from propfield.observations.filters import failed_filter

from .eft_folder import box, posed_joints, save, write_folder


def is_close(view):
    (a, b, c, d), (e, f, g, h) = box(view.person_mask), box(view.object_mask)
    shared = max(min(c, g) - max(a, e), 0) * max(min(d, h) - max(b, f), 0)
    return shared / min((c - a) * (d - b), (g - e) * (h - f)) >= 0.5


@pytest.fixture(scope="module")
def views():
    """Whole persons, from some distance, near the object."""
    seen = StudioSource(workers=1).observe("motorcycle", views=50, seed=3)
    good = [view for view in seen if failed_filter(view) is None]
    far = [view for view in good if np.linalg.norm(view.camera.centre) > 3.0]
    whole = [view for view in far if (view.keypoints[5:, 2] > 0.3).all() and is_close(view)]
    assert len(whole) >= 5
    return whole[:5]


@pytest.fixture
def folder(tmp_path, views):
    write_folder(tmp_path, views)
    return tmp_path


def test_observations_are_those_of_the_scenes(folder, views):
    source = CocoEft(folder)
    assert source.categories() == ["surfboard"]
    found = list(source.observe("Surfboard", open_body()))
    assert source.rejected == dict.fromkeys(REASONS, 0)
    assert len(found) == len(views)
    for seen, view in zip(found, views, strict=True):
        assert (seen.source, seen.category, seen.licence) == ("coco-eft", "surfboard", "CC-BY-2.0")
        assert np.array_equal(seen.object_mask, view.object_mask)
        assert np.array_equal(seen.person_mask, view.person_mask)
        assert seen.pose == pytest.approx(view.pose, abs=1e-4)
        # A weak camera has lost the perspective, so that the true pixels are some off.
        joints = posed_joints(view.pose)
        apart = np.linalg.norm(seen.camera.project(joints) - view.camera.project(joints), axis=1)
        assert apart.mean() < 0.05 * 256
        turn = Rotation.from_matrix(seen.camera.R @ view.camera.R.T).magnitude()
        assert np.degrees(turn) < 15


def test_what_is_rejected_and_why(folder, views):
    coco, eft = write_folder(folder, views)
    extra = dict(coco["annotations"][0])
    coco["annotations"].append(extra | {"id": 901})
    coco["annotations"][3]["iscrowd"] = 1
    coco["annotations"][5]["bbox"] = [0, 0, 4, 4]
    eft["data"][3]["annotId"] = 77
    eft["data"][4]["parm_pose"][5][0][0] = float("nan")
    save(folder, coco, eft)
    source = CocoEft(folder)
    assert list(source.observe("surfboard", open_body())) == []
    assert source.rejected == {
        "one person": 1, "one object": 1, "close together": 1, "body fitted": 1, "finite numbers": 1,
        "camera found": 0,
    }  # fmt: skip


def test_a_camera_that_does_not_fit_is_rejected(folder, views):
    coco, eft = write_folder(folder, views)
    # As long as the picture is wide from a hand's breadth: no perspective looks like that.
    eft["data"][0]["parm_cam"][0] *= 12
    eft["data"][1]["parm_pose"] = (2 * np.eye(3))[None].repeat(24, 0).tolist()
    save(folder, coco, eft)
    source = CocoEft(folder)
    assert len(list(source.observe("surfboard", open_body()))) == len(views) - 2
    assert (source.rejected["camera found"], source.rejected["finite numbers"]) == (1, 1)


def test_folders_that_cannot_be_used(folder, tmp_path):
    with pytest.raises(NotFound, match="no folder"):
        CocoEft(tmp_path / "elsewhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(NotFound, match="instances"):
        CocoEft(empty)
    fits = folder / "eft_fit" / "COCO2014-Val-ver10.json"
    for content in ("[]", "oops", '{"data": [{"annotId": 1}]}', '{"data": 3}', '{"data": [[1]]}'):
        fits.write_text(content)
        with pytest.raises(PropfieldError, match="EFT's format"):
            CocoEft(folder)
    fits.unlink()
    with pytest.raises(NotFound, match="COCO2014-Val"):
        CocoEft(folder)
    (folder / "eft_fit" / "COCO2014-All-ver01.json").write_text("[]")
    with pytest.raises(PropfieldError, match="EFT's format"):
        CocoEft(folder)


def test_the_validation_set_is_taken_where_there_are_several(folder):
    (folder / "annotations" / "instances_train2014.json").write_text("not read")
    (folder / "eft_fit" / "COCO2014-Part-ver01.json").write_text("not read")
    source = CocoEft(folder)
    assert len(source.fits) == 5
    (folder / "instances_val2017.json").write_text(json.dumps({}))
    with pytest.raises(PropfieldError, match="keep one of"):
        CocoEft(folder)


def test_a_category_that_is_not_there(folder):
    with pytest.raises(NotFound, match="surfboard"):
        list(CocoEft(folder).observe("surfbord", open_body()))


def test_an_annotation_without_a_box(folder, views):
    coco, _ = write_folder(folder, views)
    del coco["annotations"][1]["bbox"]
    save(folder, coco)
    with pytest.raises(PropfieldError, match="bbox"):
        list(CocoEft(folder).observe("surfboard", open_body()))
