"""The open body as it ships."""

import json

import numpy as np
import pytest
import trimesh

from propfield.body.loaders import OPEN_BODY, body_by_name, open_body
from propfield.body.skeleton import BODY_PARTS, JOINT_INDEX, JOINT_NAMES, MIRROR, PARENTS, canonical_pose
from propfield.errors import NotFound, PropfieldError


@pytest.fixture(scope="module")
def mirror() -> np.ndarray:
    with np.load(OPEN_BODY) as data:
        return data["mirror"]


def test_is_a_person_in_the_t_pose():
    body = open_body()
    low, high = body.vertices.min(0), body.vertices.max(0)
    assert high[1] - low[1] == pytest.approx(1.72, abs=0.01)
    assert high[0] - low[0] == pytest.approx(1.72, abs=0.1)  # arms stretched out: about the height
    np.testing.assert_allclose(body.joints[0], [0, -0.22, 0], atol=1e-4)
    joint = {name: body.joints[index] for name, index in JOINT_INDEX.items()}
    assert joint["left_hand"][0] > joint["left_elbow"][0] > joint["left_shoulder"][0] > 0
    assert joint["head"][1] > joint["neck"][1] > joint["spine3"][1] > joint["pelvis"][1]
    assert joint["left_foot"][2] > joint["left_ankle"][2]  # toes point to +z


def test_surface_looks_outward_and_opens_only_at_eyes_and_lips():
    body = open_body()
    mesh = trimesh.Trimesh(body.vertices, body.faces, process=False)
    assert mesh.is_winding_consistent
    open_edges = mesh.edges[trimesh.grouping.group_rows(mesh.edges_sorted, require_count=1)]
    assert len(open_edges) == 94
    rims = body.vertices[open_edges].reshape(-1, 3)
    low, high = np.array([-0.05, 0.34, 0.12]), np.array([0.05, 0.43, 0.16])
    assert ((low < rims) & (rims < high)).all()
    assert 0.04 < mesh.volume < 0.1  # cubic metres; a person of 60 to 70 kg
    assert not (mesh.area_faces <= 0).any()


def test_skin_and_regressor_are_averages():
    body = open_body()
    np.testing.assert_allclose(body.skin_weights.sum(1), 1, atol=1e-6)
    assert (body.skin_weights >= 0).all()
    assert (body.skin_weights > 0).any(0).all(), "a joint moves nothing"
    np.testing.assert_allclose(body.joint_regressor.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(body.joint_regressor @ body.vertices, body.joints, atol=1e-6)


def test_is_mirror_symmetric(mirror):
    body = open_body()
    flip = np.array([-1, 1, 1], dtype=np.float32)
    swap = list(MIRROR)
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(mirror)))
    np.testing.assert_array_equal(body.vertices[mirror] * flip, body.vertices)
    np.testing.assert_array_equal(body.joints[swap] * flip, body.joints)
    np.testing.assert_array_equal(body.skin_weights[mirror][:, swap], body.skin_weights)
    np.testing.assert_array_equal(body.shape_directions[mirror] * flip[:, None], body.shape_directions)
    faces = {frozenset(face) for face in body.faces.tolist()}
    assert {frozenset(face) for face in mirror[body.faces].tolist()} == faces


def test_shape_numbers_change_the_body_and_its_joints():
    body = open_body()
    same = body.shaped(np.zeros(10, dtype=np.float32))
    np.testing.assert_array_equal(same.vertices, body.vertices)
    taller = body.shaped(np.array([2], dtype=np.float32))
    assert np.ptp(taller.vertices[:, 1]) > np.ptp(body.vertices[:, 1]) + 0.02
    assert taller.joints[JOINT_INDEX["head"], 1] > body.joints[JOINT_INDEX["head"], 1]
    with pytest.raises(PropfieldError, match="10 shape numbers, 11"):
        body.shaped(np.zeros(11, dtype=np.float32))


def test_provenance_names_every_source_and_licence():
    with np.load(OPEN_BODY, allow_pickle=False) as data:
        assert json.loads(str(data["provenance"])) == open_body().provenance
    sources = open_body().provenance["sources"]
    assert {source["licence"] for source in sources} == {"CC0-1.0", "Apache-2.0"}
    assert all(source["what"] and source["from"] and source["copyright"] for source in sources)
    assert len(open_body().provenance["wheel"]["sha256"]) == 64
    assert OPEN_BODY.stat().st_size < 1_100_000


def test_agrees_with_the_development_body(shared):
    body = open_body()
    with np.load(shared / "body" / "open_body.npz") as other:
        np.testing.assert_allclose(body.vertices, other["v_template"], atol=1e-6)
        np.testing.assert_array_equal(body.faces, other["f"])
        np.testing.assert_allclose(body.skin_weights, other["weights"], atol=1e-6)
        np.testing.assert_allclose(body.joints, other["J"], atol=2e-5)
        np.testing.assert_allclose(body.shape_directions, other["shapedirs"], atol=1e-6)


def test_parts_hold_each_vertex_once():
    body = open_body()
    assert sorted(name for names in BODY_PARTS.values() for name in names) == sorted(JOINT_NAMES)
    parts = [body.part_vertices(part) for part in BODY_PARTS]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(body.vertices)))


def test_parts_lie_where_their_names_say(mirror):
    body = open_body()
    part = {name: body.vertices[body.part_vertices(name)] for name in BODY_PARTS}
    for name in BODY_PARTS:
        if name.startswith("left"):
            twin = body.part_vertices(name.replace("left", "right"))
            np.testing.assert_array_equal(np.sort(mirror[body.part_vertices(name)]), np.sort(twin))
            assert (part[name][:, 0] > -0.03).all()
    assert part["head"][:, 1].max() == body.vertices[:, 1].max()
    assert part["left foot"][:, 1].min() == pytest.approx(body.vertices[:, 1].min(), abs=1e-3)
    assert part["left hand"][:, 0].max() == body.vertices[:, 0].max()
    assert part["left hand"][:, 0].min() > part["torso"][:, 0].max()
    assert part["hips"][:, 1].mean() < part["torso"][:, 1].mean() < part["head"][:, 1].mean()
    with pytest.raises(NotFound, match="left hand"):
        body.part_vertices("left wing")


def test_skeleton_is_a_tree_whose_mirror_is_a_reflection():
    assert all(parent < joint for joint, parent in enumerate(PARENTS))
    for joint, twin in enumerate(MIRROR):
        assert MIRROR[twin] == joint
        assert joint == 0 or MIRROR[PARENTS[joint]] == PARENTS[twin]
    assert canonical_pose().any(1).sum() == 2


def test_body_by_name():
    assert body_by_name("open") is open_body()
    with pytest.raises(NotFound, match="nowhere"):
        body_by_name("nowhere/SMPL_NEUTRAL.pkl")
