"""A user's mesh: what can be read, and one sentence for what cannot."""

import numpy as np
import pytest
import trimesh

from propfield.errors import NotFound, PropfieldError
from propfield.uses import prop_file
from propfield.uses.prop_file import SUFFIXES, read_prop
from propfield.uses.simple_mesh import simplified


@pytest.mark.parametrize("suffix", [suffix for suffix in SUFFIXES if suffix != ".gltf"])
def test_each_format_gives_the_same_mesh(suffix, tmp_path):
    trimesh.creation.box((1, 2, 3)).export(tmp_path / f"box{suffix}")
    prop = read_prop(tmp_path / f"box{suffix}")
    assert prop.name == f"box{suffix}"
    assert prop.closed
    assert np.allclose(sorted(prop.mesh.extents), [1, 2, 3], atol=1e-5)
    assert len(prop.mesh.faces) == 12


def test_parts_with_transforms_are_one_mesh(tmp_path):
    scene = trimesh.Scene()
    moved = np.eye(4)
    moved[0, 3] = 5
    scene.add_geometry(trimesh.creation.box(), transform=moved)
    scene.add_geometry(trimesh.creation.icosphere(1))
    scene.export(tmp_path / "two.glb")
    prop = read_prop(tmp_path / "two.glb")
    assert np.allclose(prop.mesh.bounds[:, 0], [-1, 5.5], atol=1e-3)
    assert len(prop.scene.geometry) == 2


def test_an_open_mesh_is_taken_and_known_to_be_open(tmp_path):
    open_box = trimesh.creation.box()
    open_box.update_faces(np.arange(10))
    open_box.export(tmp_path / "open.ply")
    assert not read_prop(tmp_path / "open.ply").closed


def _written(text: bytes):
    return lambda path: path.write_bytes(text)


BOX = trimesh.creation.box()
NOT_FINITE = trimesh.Trimesh(np.where(BOX.vertices > 0, np.nan, BOX.vertices), BOX.faces, process=False)
FLAT = trimesh.Trimesh(np.zeros((3, 3)), [[0, 1, 2]], process=False)
WRONG = {
    "a text": ("a.glb", _written(b"hello"), r"a\.glb is not a whole glb file"),
    "a text as ply": ("a.ply", _written(b"hello"), r"a\.ply is not a whole ply file"),
    "cut short": ("a.ply", lambda path: path.write_bytes(BOX.export(file_type="ply")[:300]), "not a whole"),
    "nothing": ("a.obj", _written(b""), r"a\.obj is (not a whole|empty)"),
    "points alone": ("a.obj", _written(b"v 0 0 0\nv 1 0 0\n"), r"a\.obj is empty"),
    "no numbers": ("a.ply", lambda path: NOT_FINITE.export(path), "is empty"),
    "no area": ("a.ply", lambda path: FLAT.export(path), "is empty"),
    "a picture": ("a.png", _written(b"x"), r"a\.png is not a mesh that can be read; give one of \.glb"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_mesh_gets_one_sentence(name, tmp_path):
    file, write, sentence = WRONG[name]
    write(tmp_path / file)
    with pytest.raises(PropfieldError, match=sentence) as caught:
        read_prop(tmp_path / file)
    assert "\n" not in str(caught.value)


def test_huge_and_missing_meshes_are_sentences(tmp_path, monkeypatch):
    with pytest.raises(NotFound, match="no mesh at"):
        read_prop(tmp_path / "nowhere.glb")
    trimesh.creation.icosphere(2).export(tmp_path / "ball.stl")
    monkeypatch.setattr(prop_file, "MAX_FACES", 100)
    with pytest.raises(PropfieldError, match=r"has 320 triangles; give a mesh of at most 100"):
        read_prop(tmp_path / "ball.stl")
    monkeypatch.setattr(prop_file, "MAX_BYTES", 100)
    with pytest.raises(PropfieldError, match="larger than"):
        read_prop(tmp_path / "ball.stl")


def test_a_simplified_mesh_has_about_the_same_outline():
    ball = trimesh.creation.icosphere(4)
    vertices, faces = simplified(ball, 400)
    assert 50 < len(faces) <= 400
    assert faces.max() < len(vertices)
    assert np.abs(np.linalg.norm(vertices[np.unique(faces)], axis=1) - 1).max() < 0.1
    same, _ = simplified(BOX)
    assert (same == BOX.vertices).all()
