"""Bodies from a regressor's file: the same person in every form that is documented, found by its box; files
that hold something else are one sentence, and pickles are not run."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from propfield.body.loaders import open_body
from propfield.errors import NotFound, PropfieldError
from propfield.perception.choice import PerceptionChoice
from propfield.perception.picture import Picture
from propfield.perception.protocols import Person
from propfield.perception.smpl_file import SmplFile

WIDTH, HEIGHT = 640, 480


@pytest.fixture
def known(make_person):
    """Somebody a little to the side, whose pose and camera are known."""
    return make_person(30.0, 5.0)


def record(known, camera: str = "full", size: float = 1.0) -> dict:
    """The known person as a regressor would write it, of a picture `size` times as large."""
    pelvis, R, t = open_body().joints[0], known.camera.R, known.camera.t
    # SMPL turns about the pelvis: R x + t = R (x − pelvis) + pelvis + place.
    place = R @ pelvis + t - pelvis
    matrices = Rotation.from_rotvec(known.pose).as_matrix()
    person = {
        "image": "C:\\photos\\a.png",
        "img_size": [WIDTH * size, HEIGHT * size],
        "global_orient": R[None],
        "body_pose": matrices[1:],
        "betas": np.linspace(-1, 1, 10),
    }
    if camera == "full":
        return person | {"pred_cam_t_full": place, "scaled_focal_length": known.camera.K[0, 0] * size}
    if camera == "sam":
        return person | {"pred_cam_t": place, "focal_length": [known.camera.K[0, 0] * size]}
    # As a weak camera sees it: depths are the pelvis', x and y as they are.
    scale = known.camera.K[0, 0] / (place + pelvis)[2] * size
    box, side = np.array([300.0, 200.0]) * size, 260 * size
    shift = (known.camera.K[:2, 2] * size + scale * place[:2] - box) / scale
    if camera == "weak":
        return person | {"pred_cam": [2 * scale / side, *shift], "box_center": box, "box_size": side}
    # 4D-Humans': the weak camera from 5000 / 256 times the longer side away.
    focal = 5000 / 256 * WIDTH * size
    far = np.array([*place[:2], focal / scale - pelvis[2]])
    return person | {"pred_cam_t_full": far, "scaled_focal_length": focal}


def plain(person: dict) -> dict:
    return {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in person.items()}


def person_of(known, joints=None, name: str = "a.png", width: int = WIDTH, height: int = HEIGHT) -> Person:
    pixels = known.camera.project(known.joints if joints is None else joints) * (width / WIDTH)
    box = np.concatenate([pixels.min(0) - 5, pixels.max(0) + 5]).astype(np.float32)
    return Person(Picture(np.zeros((height, width, 3), np.uint8), name), box)


def written(tmp_path, people: list[dict], form: str):
    path = tmp_path / f"people.{form.split()[0]}"
    if form == "npz":
        np.savez(path, **{key: np.stack([np.asarray(each[key]) for each in people]) for key in people[0]})
    elif form == "json":
        path.write_text(json.dumps([plain(each) for each in people]))
    elif form == "json of columns":
        columns = {key: [plain(each)[key] for each in people] for key in people[0]}
        smpl = {key: columns.pop(key) for key in ("global_orient", "body_pose", "betas")}
        path.write_text(json.dumps(columns | {"pred_smpl_params": smpl}))
    else:
        path.write_bytes(pickle.dumps({"people": people}))
    return path


@pytest.mark.parametrize("form", ["npz", "json", "json of columns", "pkl"])
@pytest.mark.parametrize("camera", ["full", "sam", "weak", "far"])
def test_the_person_comes_back(known, camera, form, tmp_path):
    path = written(tmp_path, [record(known, camera)], form)
    (found,) = SmplFile(path).estimate([person_of(known)], open_body())
    assert np.allclose(found.pose, known.pose, atol=1e-4)
    # The open body's shape numbers mean something else than SMPL's.
    assert (found.shape == 0).all()
    pixels = found.camera.project(known.joints)
    away = np.linalg.norm(pixels - known.camera.project(known.joints), axis=1)
    # A weak camera cannot tell what perspective does, which at 4 m is some pixels.
    assert away.mean() < (0.01 if camera in ("full", "sam") else 6)
    if camera in ("full", "sam"):
        assert np.allclose(found.camera.R, known.camera.R, atol=1e-5)
        assert np.allclose(found.camera.t, known.camera.t, atol=1e-4)
    else:
        turned = Rotation.from_matrix(found.camera.R @ known.camera.R.T).magnitude()
        assert np.degrees(turned) < 6
        # The paper's field of view, not a telescope.
        assert found.camera.K[0, 0] == pytest.approx(1.167 * WIDTH, rel=1e-3)


@pytest.mark.parametrize("camera", ["full", "weak", "far"])
def test_photos_that_were_made_smaller(known, camera, tmp_path):
    path = written(tmp_path, [record(known, camera, size=3.0)], "npz")
    (small,) = SmplFile(path).estimate([person_of(known)], open_body())
    (same,) = SmplFile(written(tmp_path, [record(known, camera)], "npz")).estimate(
        [person_of(known)], open_body()
    )
    assert np.allclose(small.camera.project(known.joints), same.camera.project(known.joints), atol=0.05)


def test_several_people_are_told_apart_by_their_boxes(known, make_person, tmp_path):
    other = make_person(-60.0)
    away = record(other)
    away["pred_cam_t_full"] = away["pred_cam_t_full"] + np.array([1.5, 0, 2])
    path = written(tmp_path, [away, record(known)], "npz")
    far_joints = other.joints @ other.camera.R.T + other.camera.t + [1.5, 0, 2]
    pixels = far_joints @ other.camera.K.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    left = Person(person_of(known).picture, np.concatenate([pixels.min(0), pixels.max(0)]).astype(np.float32))
    nobody = Person(left.picture, np.array([0, 0, 20, 20], np.float32))
    here, there, none = SmplFile(path).estimate([person_of(known), left, nobody], open_body())
    assert np.allclose(here.pose, known.pose, atol=1e-4)
    assert np.allclose(there.camera.R, other.camera.R, atol=1e-5)
    assert none is None


def test_a_body_of_the_users_gets_its_shape(known, tmp_path):
    theirs = replace(open_body(), name="SMPL neutral")
    person = record(known)
    worn = theirs.shaped(person["betas"].astype(np.float32))
    (found,) = SmplFile(written(tmp_path, [person], "npz")).estimate([person_of(known)], theirs)
    assert np.allclose(found.shape, person["betas"])
    # It turns about the pelvis that it has with that shape.
    pelvis = worn.joints[0]
    assert np.allclose(
        found.camera.R @ pelvis + found.camera.t, pelvis + person["pred_cam_t_full"], atol=1e-5
    )


def test_other_pictures_have_nobody(known, tmp_path):
    both = [record(known), record(known) | {"image": "b.png"}]
    path = written(tmp_path, both, "json")
    assert SmplFile(path).estimate([person_of(known, name="c.png")], open_body()) == [None]
    wide = person_of(known, width=800)
    with pytest.raises(PropfieldError, match=r"640 × 480 pixels, but a\.png has 800 × 480"):
        SmplFile(path).estimate([wide], open_body())


def test_smplx_bodies_of_21_joints_and_axis_angle(known, tmp_path):
    person = record(known) | {"body_pose": known.pose[1:22].ravel(), "betas": [0.5, 1]}
    person["global_orient"] = Rotation.from_matrix(known.camera.R).as_rotvec()
    (found,) = SmplFile(written(tmp_path, [person], "json")).estimate([person_of(known)], open_body())
    assert np.allclose(found.pose[:22], known.pose[:22], atol=1e-5)
    assert (found.pose[22:] == 0).all()


WRONG = {
    "nothing": {},
    "no betas": {"betas": None},
    "not finite": {"betas": [float("nan")] * 10},
    "no rotations": {"global_orient": np.full((3, 3), 0.7)},
    "a mirror": {"global_orient": np.diag([1.0, 1.0, -1.0])},
    "too few joints": {"body_pose": np.zeros((5, 3))},
    "words": {"body_pose": ["a"] * 69},
    "no size": {"img_size": [0, 0]},
    "no focal length": {"scaled_focal_length": -1.0},
    "a camera of two": {"pred_cam_t_full": [1.0, 2.0]},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_files_are_one_sentence(known, wrong, tmp_path):
    people = [plain(record(known) | WRONG[wrong])] if wrong != "nothing" else [{}]
    path = tmp_path / "people.json"
    path.write_text(json.dumps(people))
    with pytest.raises(PropfieldError, match=r"people\.json holds no bodies that can be read") as caught:
        SmplFile(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.npz", "a.json", "a.pkl"])
def test_files_of_something_else_are_one_sentence(name, tmp_path):
    (tmp_path / name).write_bytes(b"\x93NUMPY or what")
    with pytest.raises(PropfieldError, match="holds no bodies") as caught:
        SmplFile(tmp_path / name)
    assert "\n" not in str(caught.value)
    with pytest.raises(NotFound, match="no file of bodies"):
        SmplFile(tmp_path / f"none{name}")


def test_pickles_are_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "run"), "w"))

    (tmp_path / "a.pkl").write_bytes(pickle.dumps([Evil()]))
    with pytest.raises(PropfieldError, match=r"was not opened, as it wants to run"):
        SmplFile(tmp_path / "a.pkl")
    np.savez(tmp_path / "a.npz", global_orient=np.array([Evil()], dtype=object))
    with pytest.raises(PropfieldError, match="holds no bodies"):
        SmplFile(tmp_path / "a.npz")
    assert not (tmp_path / "run").exists()


def test_by_name(known, tmp_path):
    path = written(tmp_path, [record(known)], "npz")
    for text in (str(path), f"smpl-file:{path}"):
        assert isinstance(PerceptionChoice(body=text).body_estimator(), SmplFile)
    assert PerceptionChoice(body="fit").body_estimator() is None
    with pytest.raises(PropfieldError, match=r"smpl-file:FILE\.npz"):
        PerceptionChoice(body="smpl-file").body_estimator()
