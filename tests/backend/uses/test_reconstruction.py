"""A photo becomes a scene: the body and the object lie on it, the files say so, wrong input is a sentence."""

import json

import numpy as np
import pytest
import trimesh
from PIL import Image

from propfield.cli.main import run
from propfield.errors import NotFound, PropfieldError, Unavailable
from propfield.field.file import save_field
from propfield.observations.observation import Camera
from propfield.perception.annotations import read_annotations
from propfield.perception.rendering import silhouette
from propfield.uses.reconstruction import Wanted, reconstruct

BODY_ALONE = ["body.ply", "overlay.png", "photo.png", "scene.glb", "scene.json"]


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / (a | b).sum()


def test_body_and_object_lie_on_the_photo(staged, field, tmp_path):
    save_field(field, tmp_path / "ball.field.npz")
    scene = reconstruct(
        staged.photo,
        annotations=staged.annotations,
        field_files={"sports ball": tmp_path / "ball.field.npz", "umbrella": tmp_path / "none.field.npz"},
    )
    assert scene.category == "sports ball"
    assert scene.object.type == "hold"
    assert scene.reprojection_px < 0.01 * scene.person_height_px
    assert not scene.object.mirrored
    assert scene.object.mask_iou > 0.8 > scene.object.field_iou > 0.3
    assert scene.object.mesh.is_watertight
    # The mask alone does not know how far the ball is; the field does.
    assert np.linalg.norm(scene.object.mesh.bounds.mean(0) - staged.ball) < 0.16

    names = scene.write(tmp_path / "out")
    written = ["ball.field.npz", "body.ply", "object.glb", "object.ply", "overlay.png", "photo.png"]
    written += ["scene.glb", "scene.json"]
    assert names == written
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == written
    data = json.loads((tmp_path / "out" / "scene.json").read_text())
    assert (data["format"], data["version"], data["size"]) == ("propfield.scene", 1, [320, 320])
    assert data["field"] == "ball.field.npz"
    (person,) = data["people"]
    assert np.shape(person["pose"]) == (24, 3)
    assert person["pose"][0] == [0, 0, 0]
    assert np.shape(person["shape"]) == (10,)
    assert (person["category"], person["type"]) == ("sports ball", "hold")
    # What another program reads back lies on the photo through the camera that it reads back.
    camera = Camera(**{name: np.array(person["camera"][name], np.float32) for name in ("K", "R", "t")})
    body, ball = read_annotations(staged.annotations).segment([scene.picture])[0]
    seen = silhouette(trimesh.load(tmp_path / "out" / person["body"], process=False), camera, (320, 320))
    assert overlap(seen, body.mask | ball.mask & seen) > 0.9
    seen = silhouette(trimesh.load(tmp_path / "out" / person["object"], process=False), camera, (320, 320))
    assert overlap(seen, ball.mask) > 0.8
    assert person["object_mask_iou"] == pytest.approx(overlap(seen, ball.mask), abs=0.05)
    assert person["chosen"] == {
        "person": 1,
        "people": 1,
        "object": 1,
        "objects": 1,
        "why": "One person and one sports ball are there.",
    }
    placement = person["placement"]
    assert (placement["mesh"], placement["mirrored"], placement["closed"]) == (None, False, True)
    assert {each["type"] for each in placement["candidates"]} == {"hold", "kick"}
    costs = [each["cost"] for each in placement["candidates"]]
    assert costs == sorted(costs)
    assert (np.asarray(Image.open(tmp_path / "out" / "photo.png")) == scene.picture.pixels).all()
    assert Image.open(tmp_path / "out" / "overlay.png").size == (640, 640)


def test_without_a_field_there_is_the_body_alone(staged, tmp_path):
    scene = reconstruct(staged.photo, annotations=staged.annotations)
    assert scene.category == "sports ball"
    assert scene.object is None
    assert scene.write(tmp_path / "out") == BODY_ALONE
    person = json.loads((tmp_path / "out" / "scene.json").read_text())["people"][0]
    assert person["object"] is None
    assert person["object_mask_iou"] is None


def test_a_scene_is_replaced_and_nothing_else_is(staged, tmp_path):
    scene = reconstruct(staged.photo, annotations=staged.annotations)
    scene.write(tmp_path / "out")
    (tmp_path / "out" / "left over.txt").write_text("from the old scene")
    assert scene.write(tmp_path / "out") == BODY_ALONE
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("all of it")
    with pytest.raises(PropfieldError, match="choose another folder"):
        scene.write(precious)
    (tmp_path / "file").write_text("a file")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(PropfieldError):
            scene.write(place)
    left = {"photo.png", "coco.json", "out", "precious", "file"}
    assert {path.name for path in tmp_path.iterdir()} == left
    assert [path.name for path in precious.iterdir()] == ["thesis.txt"]


def test_of_two_people_the_one_with_the_ball_is_taken(staged):
    def double(data):
        twin = json.loads(json.dumps(data["annotations"][0]))
        for key in range(0, 51, 3):
            twin["keypoints"][key] -= 60
        counts = twin["segmentation"]["counts"]
        # Moved 60 columns to the left.
        twin["segmentation"]["counts"] = [counts[0] - 60 * 320, *counts[1:-1], counts[-1] + 60 * 320]
        data["annotations"].append(twin | {"id": 3})

    staged.edit(double)
    proposed, left, right = (
        reconstruct(staged.photo, Wanted(person=number), annotations=staged.annotations)
        for number in (None, 1, 2)
    )
    assert left.perceived.person.box[0] == pytest.approx(right.perceived.person.box[0] - 60)
    assert (proposed.pair.person_number, proposed.pair.people) == (2, 2)
    assert np.allclose(proposed.body.vertices, right.body.vertices)
    # Whoever is not rebuilt may hide what is.
    assert (left.unknown & right.perceived.person.mask).any()
    assert not (left.unknown & left.perceived.person.mask).any()
    with pytest.raises(PropfieldError, match=r"no person 7 in photo\.png: it shows 2 people"):
        reconstruct(staged.photo, Wanted(person=7), annotations=staged.annotations)


def test_no_person_is_a_sentence(staged):
    staged.edit(lambda data: data["annotations"].pop(0))
    with pytest.raises(PropfieldError, match=r"No person was found in photo\.png"):
        reconstruct(staged.photo, annotations=staged.annotations)


def test_a_category_that_is_not_there_is_a_sentence(staged, field):
    with pytest.raises(NotFound, match=r"No “umbrella” was found in photo\.png; it shows: sports ball"):
        reconstruct(staged.photo, Wanted("umbrella"), annotations=staged.annotations)
    with pytest.raises(PropfieldError, match="The field is of a sports ball, not of “umbrella”"):
        reconstruct(staged.photo, Wanted("umbrella"), annotations=staged.annotations, field=field)


def test_missing_weights_say_what_to_do(staged, home, monkeypatch):
    monkeypatch.delenv("PROPFIELD_WEIGHTS", raising=False)
    with pytest.raises(Unavailable, match=r"--segmenter FILE.*--annotations"):
        reconstruct(staged.photo)
    staged.edit(lambda data: data["annotations"][0].pop("keypoints"))
    with pytest.raises(Unavailable, match=r"--keypoints FILE.*keypoints"):
        reconstruct(staged.photo, annotations=staged.annotations)


def test_imagined_keypoints_are_noticed(staged):
    def move(data):
        keypoints = data["annotations"][0]["keypoints"]
        for index in range(17):
            keypoints[3 * index] = keypoints[3 * index] * 0.25
            keypoints[3 * index + 1] = keypoints[3 * index + 1] * 0.25

    staged.edit(move)
    with pytest.raises(PropfieldError, match="could not be made out"):
        reconstruct(staged.photo, annotations=staged.annotations)


def test_a_text_file_as_photo_is_a_sentence(staged, tmp_path):
    (tmp_path / "photo.jpg").write_text("not a photo at all")
    with pytest.raises(PropfieldError, match=r"photo\.jpg is not a picture"):
        reconstruct(tmp_path / "photo.jpg", annotations=staged.annotations)


def _outside(data):
    for entry in data["annotations"]:
        entry["segmentation"] = [[900, 900, 950, 900, 950, 950]]
        entry.pop("keypoints", None)


def _broken(data):
    data["annotations"][0]["segmentation"] = [[1, 2]]


WRONG = {
    "nobody of that number": (
        None,
        ("--person", "7"),
        "There is no person 7 in photo.png: it shows one person",
    ),
    "no such object": (None, ("--object", "2"), "There is no sports ball 2 in photo.png"),
    "a category without a field": (
        None,
        ("--category", "kite"),
        "The field is of a sports ball, not of “kite”",
    ),
    "a type that is not there": (None, ("--type", "throw"), "has no type “throw”; it has: "),
    "no mesh": (None, ("--mesh", "nowhere.glb"), "There is no mesh at"),
    "an empty mesh": (None, ("--mesh", "empty.obj"), "empty.obj is empty: it holds no triangles"),
    "a picture as mesh": (None, ("--mesh", "photo.png"), "photo.png is not a mesh that can be read"),
    "outside the picture": (_outside, (), "lies outside of the picture"),
    "half a polygon": (_broken, (), "has no readable segmentation"),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_input_is_one_sentence_and_writes_nothing(name, staged, field, tmp_path, monkeypatch, capsys):
    edit, options, sentence = WRONG[name]
    save_field(field, tmp_path / "ball.field.npz")
    (tmp_path / "empty.obj").write_text("v 0 0 0\n")
    if edit:
        staged.edit(edit)
    monkeypatch.chdir(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    arguments = ["reconstruct", "photo.png", "--annotations", "coco.json", "--field", "ball.field.npz"]
    assert run([*arguments, "--out", "out", *options]) != 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("propfield: ")]
    assert sentence in line
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_category_of_which_the_library_has_no_field_is_a_sentence(staged):
    with pytest.raises(NotFound, match="No field of sports ball is at hand"):
        reconstruct(staged.photo, Wanted("sports ball"), annotations=staged.annotations, field_files={})
    with pytest.raises(NotFound, match="No field of sports ball is at hand"):
        reconstruct(staged.photo, Wanted(type="hold"), annotations=staged.annotations, field_files={})


def test_a_folder_that_may_not_be_replaced_is_told_before_the_long_work(staged, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("all of it")
    stages = []
    with pytest.raises(PropfieldError, match="choose another folder"):
        reconstruct(
            staged.photo,
            annotations=staged.annotations,
            out=precious,
            progress=lambda stage, fraction, message="": stages.append(stage),
        )
    assert stages == ["read photo"]


def test_other_programs_can_open_the_scene(staged, field, tmp_path):
    """glTF: the body, the object where it is, and a camera that sees them where the photo does."""
    ball = trimesh.creation.icosphere(2, 16.0)
    red = trimesh.visual.material.PBRMaterial(name="red", baseColorFactor=(255, 0, 0, 255))
    ball.visual = trimesh.visual.TextureVisuals(material=red)
    ball.export(tmp_path / "ball.glb")
    wanted = Wanted(mesh=tmp_path / "ball.glb")
    scene = reconstruct(staged.photo, wanted, annotations=staged.annotations, field=field)
    scene.write(tmp_path / "out")
    whole = trimesh.load_scene(tmp_path / "out" / "scene.glb")
    assert set(whole.geometry) == {"body", "object"}
    assert np.allclose(whole.geometry["object"].bounds, scene.object.mesh.bounds, atol=1e-4)
    # The first eight bytes are magic and version, then come the length and the JSON's own length and kind.
    data = (tmp_path / "out" / "scene.glb").read_bytes()
    header = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
    (lens,) = header["cameras"]
    K = scene.perceived.fit.camera.K
    assert lens["perspective"]["yfov"] == pytest.approx(2 * np.arctan(160 / K[1, 1]), abs=1e-4)
    node = next(each for each in header["nodes"] if "camera" in each)
    pose = np.reshape(node["matrix"], (4, 4)).T
    assert np.allclose(pose[:3, 3], scene.perceived.fit.camera.centre, atol=1e-4)
    assert np.allclose(pose[:3, 2], -scene.perceived.fit.camera.R[2], atol=1e-4)
    # A user's own mesh keeps its material.
    alone = trimesh.load_scene(tmp_path / "out" / "object.glb")
    (mesh,) = alone.geometry.values()
    assert mesh.visual.material.name == "red"
    assert np.allclose(alone.bounds, scene.object.mesh.bounds, atol=1e-3)
    person = json.loads((tmp_path / "out" / "scene.json").read_text())["people"][0]
    assert (person["placement"]["mesh"], person["object_glb"]) == ("ball.glb", "object.glb")
    assert person["placement"]["scale"] == pytest.approx(0.01, rel=0.4)
