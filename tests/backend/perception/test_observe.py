"""Persons of many photos at once: the same as one by one, an error for each that cannot be had, and bodies of
a regressor's file in the place of our own fit."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from propfield.body.loaders import open_body
from propfield.errors import PropfieldError
from propfield.imagery.photos import AT_ONCE, Photo, observe_photos
from propfield.imagery.sources import source_by_name
from propfield.observations.observation import mask_box
from propfield.perception.annotations import read_annotations
from propfield.perception.choice import NoKeypoints, PerceptionChoice
from propfield.perception.detection import Detection
from propfield.perception.known_body import CONFIDENCE
from propfield.perception.observe import Perceived, Sighting, observe, observe_all
from propfield.perception.picture import Picture
from propfield.perception.posed_body import posed_mesh
from propfield.perception.protocols import BodyEstimator, KeypointFinder, PosedBody
from propfield.perception.rendering import silhouette
from propfield.perception.smpl_file import RegressedBody

WIDTH, HEIGHT = 640, 480


def nobody_asks():
    raise AssertionError("keypoints are annotated, so that no model is needed")


def detection(known, keypoints: np.ndarray | None) -> Detection:
    mask = silhouette(posed_mesh(open_body(), known.pose), known.camera, (WIDTH, HEIGHT))
    return Detection("person", 1.0, mask_box(mask), mask, keypoints)


def sighting(known, name: str = "a.png", *, annotated: bool = True, cut: bool = False) -> Sighting:
    keypoints = known.landmarks.keypoints if annotated else None
    if cut and keypoints is not None:
        keypoints[5:, 2] = 0
    person = detection(known, keypoints)
    hat = Detection("hat", 0.8, np.array([300, 20, 340, 40], np.float32), np.zeros((HEIGHT, WIDTH), bool))
    hat.mask[20:40, 300:340] = True
    picture = Picture(np.zeros((HEIGHT, WIDTH, 3), np.uint8), name)
    return Sighting(picture, [person, hat], "hat", person, id=Path(name).stem, source="photo")


def test_many_are_the_same_as_one_by_one(make_person):
    people = [sighting(make_person(yaw)) for yaw in (0.0, 60.0, 180.0)]
    for together, each in zip(observe_all(people, nobody_asks, open_body()), people, strict=True):
        alone = observe(each, nobody_asks, open_body())
        assert (together.fit.pose == alone.fit.pose).all()
        assert (together.observation.camera.R == alone.observation.camera.R).all()
        assert together.observation.objects == together.observation.people == 1
        assert together.observation.detection_score == 0.8


def test_one_without_a_torso_leaves_the_others(make_person):
    known = make_person(20.0)
    first, second = observe_all([sighting(known, cut=True), sighting(known)], nobody_asks, open_body())
    assert "torso cannot be seen" in str(first)
    assert isinstance(second, Perceived)
    with pytest.raises(PropfieldError, match="torso cannot be seen"):
        observe(sighting(known, cut=True), nobody_asks, open_body())


def test_nobody_recognised_is_one_sentence(make_person):
    finder = NoKeypoints()
    assert isinstance(finder, KeypointFinder)
    with pytest.raises(PropfieldError, match=r"No pose was recognised in a\.png"):
        observe(sighting(make_person(0.0), annotated=False), lambda: finder, open_body())


def test_somebody_imagined_is_left_out(make_person):
    """Legs in the picture, and keypoints of a whole person above them, as detectors give."""
    known = make_person(20.0)
    whole = sighting(known)
    legs = whole.person.mask.copy()
    legs[: round(float(known.camera.project(known.joints[[4]])[0, 1]))] = False
    assert legs.any()
    person = Detection("person", 1.0, mask_box(legs), legs, whole.person.keypoints)
    imagined = Sighting(whole.picture, [person, whole.detections[1]], "hat", person, id="b", source="photo")
    first, second = observe_all([imagined, whole], nobody_asks, open_body())
    assert "could not be made out" in str(first)
    assert isinstance(second, Perceived)
    # A box of an annotator's says where somebody is and nothing of the outline.
    x0, y0, x1, y1 = whole.person.box.astype(int)
    box = np.zeros_like(legs)
    box[y0:y1, x0:x1] = True
    boxed = Detection("person", 1.0, whole.person.box, box, whole.person.keypoints)
    seen = Sighting(whole.picture, [boxed, whole.detections[1]], "hat", boxed, id="c", source="photo")
    assert isinstance(observe_all([seen], nobody_asks, open_body())[0], Perceived)


@pytest.fixture
def smpl_file(make_person, tmp_path):
    """A regressor's file of the person at 30°, as 4D-Humans would write it."""
    known, pelvis = make_person(30.0), open_body().joints[0]
    place = known.camera.R @ pelvis + known.camera.t - pelvis
    person = {
        "image": "a.png",
        "img_size": [WIDTH, HEIGHT],
        "global_orient": known.camera.R.tolist(),
        "body_pose": known.pose[1:].tolist(),
        "betas": [0.0] * 10,
        "pred_cam_t_full": place.tolist(),
        "scaled_focal_length": float(known.camera.K[0, 0]),
    }
    path = tmp_path / "bodies.json"
    path.write_text(json.dumps([person]))
    return path


def test_a_files_body_takes_the_place_of_the_fit(make_person, smpl_file, home):
    known = make_person(30.0)
    choice = PerceptionChoice(body=str(smpl_file))
    estimator = choice.body_estimator()
    assert isinstance(estimator, BodyEstimator)
    assert isinstance(RegressedBody(known.pose, np.zeros(10, np.float32), known.camera), PosedBody)
    # Keypoints that were found stay; the fit tells how far the body is from them.
    found = observe(sighting(known), nobody_asks, open_body(), estimator=estimator)
    assert np.allclose(found.fit.pose, known.pose, atol=1e-5)
    assert np.allclose(found.observation.camera.t, known.camera.t, atol=1e-4)
    assert (found.observation.keypoints == known.landmarks.keypoints).all()
    assert found.fit.reprojection_px < 0.05
    # Without any the body stands in, where it is inside the picture.
    bare = sighting(known, annotated=False)
    found = observe(bare, choice.keypoint_finder(), open_body(), estimator=estimator)
    assert set(found.observation.keypoints[:, 2]) == {np.float32(CONFIDENCE)}
    assert np.allclose(found.observation.keypoints[:, :2], known.landmarks.keypoints[:, :2], atol=0.05)
    assert np.isfinite(found.fit.joint_uncertainty).all()


def test_somebody_whom_the_file_does_not_know(make_person, smpl_file):
    estimator = PerceptionChoice(body=str(smpl_file)).body_estimator()
    stranger = sighting(make_person(30.0))
    away = Detection("person", 1.0, np.array([0, 0, 30, 60], np.float32), np.ones((HEIGHT, WIDTH), bool))
    stranger = Sighting(stranger.picture, [away], "hat", away, id="a", source="photo")
    with pytest.raises(PropfieldError, match=r"No body was given for the person in a\.png"):
        observe(stranger, NoKeypoints, open_body(), estimator=estimator)


def test_one_photo_that_tells_nothing_does_not_end_a_run(make_person, tmp_path):
    known = make_person(10.0)
    box = detection(known, None).box
    entry = {"image_id": 1, "iscrowd": 0, "bbox": [*box[:2].tolist(), *(box[2:] - box[:2]).tolist()]}
    marks = known.landmarks.keypoints.copy()
    marks[:, 2] = 2
    images, annotations = [], []
    for number in range(AT_ONCE + 3):
        name = f"{number:02}.png"
        if number == 4:
            (tmp_path / name).write_text("no picture")
        else:
            Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / name)
        if number == 2:
            continue  # A photo that the file says nothing about.
        images.append({"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT})
        person = entry | {"id": 2 * number, "image_id": number, "category_id": 1}
        hat = {"id": 2 * number + 1, "image_id": number, "category_id": 2, "bbox": [300, 20, 40, 20]}
        annotations += [person | {"keypoints": marks.ravel().tolist()}, hat]
    categories = [{"id": 1, "name": "person"}, {"id": 2, "name": "hat"}]
    (tmp_path / "coco.json").write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )
    told: list[str] = []
    photos = [Photo(tmp_path / f"{number:02}.png") for number in range(AT_ONCE + 3)]

    def run(views: int) -> list:
        return list(
            observe_photos(
                photos,
                read_annotations(tmp_path / "coco.json"),
                nobody_asks,
                source=source_by_name(f"coco:{tmp_path / 'coco.json'}"),
                category="hat",
                views=views,
                seed=3,
                progress=lambda stage, fraction, message="": told.append(message),
            )
        )

    found = run(100)
    assert sorted(each.id for each in found) == [
        f"{number:02}" for number in range(AT_ONCE + 3) if number not in (2, 4)
    ]
    assert any("says nothing about 02.png" in message for message in told)
    assert any("04.png is not a picture" in message for message in told)
    assert [each.id for each in run(3)] == [each.id for each in found[:3]]


def test_choices_that_a_source_has_no_use_for_are_refused(tmp_path):
    with pytest.raises(PropfieldError, match="The studio knows what it shows"):
        source_by_name("studio", choice=PerceptionChoice(segmenter="sam2"))
    assert source_by_name("studio", choice=PerceptionChoice()).name == "studio"
    with pytest.raises(PropfieldError, match=r"a\.json has masks already"):
        source_by_name(f"coco:{tmp_path / 'a.json'}", choice=PerceptionChoice(detector="rtdetr-v2"))
