"""SMPL-family files made here from the open body: plain, wrapped by chumpy, hostile, broken."""

import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import torch

from propfield.body.loaders import body_by_name, load_body, open_body
from propfield.body.skeleton import JOINT_INDEX, PARENTS
from propfield.body.skinning import pose_vertices
from propfield.errors import NotFound, PropfieldError, Unavailable

HAND_TREE = (0, 1, 2) * 5
needs_smplx = pytest.mark.skipif(
    not __import__("importlib.util").util.find_spec("smplx"), reason="needs the smplx extra"
)


def smpl_arrays() -> dict:
    """The open body under SMPL's names, with types as in the official files."""
    body = open_body()
    tree = np.array([PARENTS, range(24)], dtype=np.int64)
    tree[0, 0] = 2**32 - 1
    return {
        "v_template": body.vertices.astype(np.float64),
        "f": body.faces.astype(np.uint32),
        "weights": body.skin_weights.astype(np.float64),
        "shapedirs": body.shape_directions.astype(np.float64),
        "posedirs": np.zeros((len(body.vertices), 3, 2)),
        "J_regressor": scipy.sparse.csc_matrix(body.joint_regressor.astype(np.float64)),
        "kintree_table": tree.astype(np.uint32),
        "bs_type": "lrotmin",
    }


def larger_arrays(joint_count: int) -> dict:
    """The open body as SMPL-H (52) or SMPL-X (55): its hands handed out to made-up fingers."""
    arrays, rng = smpl_arrays(), np.random.default_rng(0)
    regressor = arrays["J_regressor"].toarray()
    face = joint_count - 52
    weights = np.zeros((len(arrays["weights"]), joint_count))
    weights[:, :22] = arrays["weights"][:, :22]
    rows = np.zeros((joint_count, regressor.shape[1]))
    rows[:22] = regressor[:22]
    tree = list(PARENTS[:22]) + [15] * face
    rows[22 : 22 + face] = regressor[15]
    if face:
        jaw_share = 0.5 * weights[:, 15]
        weights[:, 22] += jaw_share
        weights[:, 15] -= jaw_share
    for side, (wrist, hand) in enumerate(((20, 22), (21, 23))):
        start = 22 + face + 15 * side
        shares = rng.dirichlet(np.ones(12), size=len(weights))
        weights[:, start : start + 12] = arrays["weights"][:, hand, None] * shares
        thumb_share = 0.3 * weights[:, wrist]
        weights[:, start + 14] += thumb_share
        weights[:, wrist] -= thumb_share
        rows[start : start + 15] = regressor[hand]
        tree += [wrist if step == 0 else start + bone - 1 for bone, step in enumerate(HAND_TREE)]
    arrays |= {"weights": weights, "J_regressor": rows, "kintree_table": np.array([tree, range(joint_count)])}
    arrays["shapedirs"] = np.concatenate([arrays["shapedirs"], np.ones((len(weights), 3, 10))], axis=2)
    return arrays


def save_pickle(arrays: dict, path: Path, protocol: int = 2) -> Path:
    path.write_bytes(pickle.dumps(arrays, protocol=protocol))
    return path


@pytest.fixture
def fake_chumpy(monkeypatch):
    """Modules that pickle as chumpy's classes do: their state is a dictionary with the array in `x`, or with
    `a`, `idxs` and `preferred_shape`."""
    root, ch, reordering = (types.ModuleType(name) for name in ("chumpy", "chumpy.ch", "chumpy.reordering"))

    def make(module, name):
        kind = type(name, (), {"__module__": module.__name__})
        setattr(module, name, kind)
        return kind

    ch_class, select_class = make(ch, "Ch"), make(reordering, "Select")
    for module in (root, ch, reordering):
        monkeypatch.setitem(sys.modules, module.__name__, module)

    def wrap(array):
        wrapped = ch_class()
        wrapped.__dict__.update(x=array, _dirty_vars={"x"}, _itr=None, _depends_on_deps={}, _make_dense=False)
        return wrapped

    def select(array, indices, shape):
        selected = select_class()
        selected.__dict__.update(a=wrap(array), idxs=indices, preferred_shape=shape, _dirty_vars=set())
        return selected

    return types.SimpleNamespace(
        wrap=wrap, select=select, modules=("chumpy", "chumpy.ch", "chumpy.reordering")
    )


def assert_is_the_open_body(body):
    expected = open_body()
    assert not body.commercial
    assert "non-commercial" in body.licence
    np.testing.assert_array_equal(body.vertices, expected.vertices)
    np.testing.assert_array_equal(body.faces, expected.faces)
    np.testing.assert_allclose(body.skin_weights, expected.skin_weights, atol=1e-6)
    np.testing.assert_allclose(body.joints, expected.joints, atol=1e-6)
    np.testing.assert_array_equal(body.shape_directions, expected.shape_directions)
    np.testing.assert_allclose(body.joint_regressor, expected.joint_regressor, atol=1e-6)


@needs_smplx
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_plain_pickle(tmp_path, protocol):
    body = load_body(save_pickle(smpl_arrays(), tmp_path / "SMPL_NEUTRAL.pkl", protocol))
    assert_is_the_open_body(body)
    assert body.name == "SMPL (SMPL_NEUTRAL)"


@needs_smplx
@pytest.mark.parametrize("protocol", [0, 2])
def test_a_pickle_with_chumpy_arrays_without_chumpy(tmp_path, fake_chumpy, monkeypatch, protocol):
    arrays = smpl_arrays()
    shape = arrays["shapedirs"].shape
    order = np.random.default_rng(0).permutation(arrays["shapedirs"].size)
    shuffled = np.empty(arrays["shapedirs"].size)
    shuffled[order] = arrays["shapedirs"].ravel()
    arrays |= {
        "v_template": fake_chumpy.wrap(arrays["v_template"]),
        "shapedirs": fake_chumpy.select(shuffled, order, shape),
        "weights": fake_chumpy.wrap(fake_chumpy.wrap(arrays["weights"])),
    }
    path = save_pickle(arrays, tmp_path / "old.pkl", protocol)
    for name in fake_chumpy.modules:
        monkeypatch.delitem(sys.modules, name)
    assert_is_the_open_body(load_body(path))


@needs_smplx
def test_rows_of_a_sparse_matrix(tmp_path):
    arrays = smpl_arrays()
    arrays["J_regressor"] = arrays["J_regressor"].tocsr()
    assert_is_the_open_body(load_body(save_pickle(arrays, tmp_path / "body.pkl")))


@needs_smplx
def test_an_npz(tmp_path):
    arrays = smpl_arrays()
    arrays["J_regressor"] = arrays["J_regressor"].toarray()
    # The official SMPL-X file holds pickled dictionaries beside its arrays; they are never opened.
    np.savez(tmp_path / "SMPL_NEUTRAL.npz", joint2num=np.array({"pelvis": 0}), **arrays)
    assert_is_the_open_body(load_body(tmp_path / "SMPL_NEUTRAL.npz"))
    assert_is_the_open_body(body_by_name(str(tmp_path / "SMPL_NEUTRAL.npz")))


@needs_smplx
@pytest.mark.parametrize(("joint_count", "family"), [(52, "SMPL-H"), (55, "SMPL-X")])
@pytest.mark.parametrize("kind", ["pkl", "npz"])
def test_hands_and_faces_are_folded_into_the_joints_that_carry_them(tmp_path, joint_count, family, kind):
    path, arrays = tmp_path / f"model.{kind}", larger_arrays(joint_count)
    save_pickle(arrays, path) if kind == "pkl" else np.savez(path, **arrays)
    body = load_body(path)
    assert_is_the_open_body(body)
    assert body.provenance["family"] == family


@needs_smplx
def test_folding_agrees_with_smplx_while_the_fingers_rest(tmp_path):
    """smplx's own skinning over all 55 joints with resting fingers and face, against ours over 24."""
    from smplx.lbs import lbs

    arrays = larger_arrays(55)
    vertices, weights, regressor = (
        torch.from_numpy(arrays[key]).float() for key in ("v_template", "weights", "J_regressor")
    )
    body = load_body(save_pickle(arrays, tmp_path / "x.pkl"))
    pose = 0.4 * torch.randn(24, 3, generator=torch.Generator().manual_seed(0))
    pose[22:] = 0
    full = torch.zeros(1, 55, 3)
    full[0, :22] = pose[:22]
    theirs, _ = lbs(
        betas=torch.zeros(1, 10),
        pose=full.flatten(1),
        v_template=vertices,
        shapedirs=torch.zeros(len(vertices), 3, 10),
        posedirs=torch.zeros(54 * 9, 3 * len(vertices)),
        J_regressor=regressor,
        parents=torch.from_numpy(arrays["kintree_table"][0]).long(),
        lbs_weights=weights,
    )
    parts = (torch.from_numpy(part) for part in (body.vertices, body.skin_weights, body.joints))
    torch.testing.assert_close(pose_vertices(pose, *parts), theirs[0], atol=1e-5, rtol=0)


@needs_smplx
def test_our_skinning_agrees_with_smplx(shared):
    import json

    import smplx
    from smplx.utils import Struct

    arrays = smpl_arrays()
    ids = json.loads((shared / "body" / "vertex_ids.json").read_text())
    correctives = np.zeros((len(arrays["v_template"]), 3, 207))
    tree = np.array([PARENTS, range(24)])
    data = Struct(**{**arrays, "kintree_table": tree, "posedirs": correctives})
    model = smplx.SMPL(model_path="", data_struct=data, vertex_ids=ids, batch_size=4)
    generator = torch.Generator().manual_seed(0)
    poses = 0.5 * torch.randn(4, 24, 3, generator=generator)
    betas = torch.randn(1, 10, generator=generator)
    with torch.no_grad():
        theirs = model(
            betas=betas.expand(4, -1), global_orient=poses[:, 0], body_pose=poses[:, 1:].flatten(1)
        )
    body = open_body().shaped(betas[0].numpy())
    parts = (torch.from_numpy(part) for part in (body.vertices, body.skin_weights, body.joints))
    torch.testing.assert_close(pose_vertices(poses, *parts), theirs.vertices, atol=1e-5, rtol=0)


class Hostile:
    """Pickles as a call of the given function, as an attacker's file would."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_hostile_pickle_is_refused_and_not_run(tmp_path, protocol):
    target = tmp_path / "ran"
    attacks = [
        Hostile(Path.touch, target),
        Hostile(eval, f"open({str(target)!r}, 'w')"),
        Hostile(__import__("os").system, f"touch {target}"),
        Hostile(np.load, str(target)),
        Hostile(getattr, "words", "format"),
    ]
    for number, attack in enumerate(attacks):
        path = save_pickle(
            {"v_template": np.zeros((2, 3)), "f": attack}, tmp_path / f"{number}.pkl", protocol
        )
        with pytest.raises(PropfieldError, match="was not opened, as it wants to run"):
            load_body(path)
    assert not target.exists()


@pytest.mark.parametrize("name", ["chumpy.ch_ops.add", "numpy.core.multiarray.fromfile", "builtins.getattr"])
def test_names_that_are_near_the_allowed_ones_are_refused(tmp_path, name):
    module, _, attribute = name.rpartition(".")
    path = tmp_path / "near.pkl"
    path.write_bytes(f"c{module}\n{attribute}\n.".encode())
    with pytest.raises(PropfieldError, match="was not opened"):
        load_body(path)


def test_wrong_files_get_one_sentence(tmp_path):
    with pytest.raises(NotFound, match="no body model at"):
        load_body(tmp_path / "none.pkl")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(PropfieldError, match=r"end in \.pkl or \.npz"):
        load_body(tmp_path / "notes.txt")
    whole = save_pickle(smpl_arrays(), tmp_path / "whole.pkl").read_bytes()
    for number, content in enumerate((b"", b"hello", whole[: len(whole) // 2], pickle.dumps([1, 2]))):
        (tmp_path / f"{number}.pkl").write_bytes(content)
        with pytest.raises(PropfieldError, match="or is damaged"):
            load_body(tmp_path / f"{number}.pkl")
    np.savez(tmp_path / "body.npz", **{**smpl_arrays(), "J_regressor": np.zeros((24, 3))})
    half = (tmp_path / "body.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(half[: len(half) // 2])
    with pytest.raises(PropfieldError, match="cannot be read as an"):
        load_body(tmp_path / "half.npz")
    np.savez(tmp_path / "objects.npz", **{**smpl_arrays(), "J_regressor": np.array({"no": "array"})})
    with pytest.raises(PropfieldError, match="plain arrays"):
        load_body(tmp_path / "objects.npz")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"weights": None}, "it lacks weights"),
        ({"J_regressor": np.zeros((16, 6892))}, "has 16 joints"),
        ({"v_template": np.full((6892, 3), np.nan)}, "not finite"),
        ({"weights": np.ones((6892, 24))}, "do not sum to 1"),
        ({"weights": np.ones((10, 24))}, r"weights is \(10, 24\)"),
        ({"f": np.array([[0, 1, 6892]])}, "faces name vertices"),
        ({"kintree_table": np.zeros((2, 24), dtype=int)}, "another tree"),
        ({"v_template": "words"}, "not all of its arrays are numbers"),
    ],
)
def test_models_that_do_not_fit_get_one_sentence(tmp_path, change, sentence):
    arrays = {key: value for key, value in {**smpl_arrays(), **change}.items() if value is not None}
    with pytest.raises(PropfieldError, match=sentence):
        load_body(save_pickle(arrays, tmp_path / "body.pkl"))


def test_without_smplx_the_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "smplx", None)
    path = save_pickle(smpl_arrays(), tmp_path / "body.pkl")
    with pytest.raises(Unavailable, match=r"pip install 'propfield\[smplx\]'"):
        load_body(path)


def test_hand_joints_of_the_larger_models_are_between_the_knuckles():
    from propfield.body.smpl_family import merge_to_24, regressor_to_24

    for joint_count, first in ((52, 22), (55, 25)):
        left = np.flatnonzero(regressor_to_24(joint_count)[JOINT_INDEX["left_hand"]])
        np.testing.assert_array_equal(left, first + np.array([0, 3, 6, 9]))
        merge = merge_to_24(joint_count)
        assert merge.shape == (joint_count, 24)
        np.testing.assert_array_equal(merge.sum(1), 1)
        assert merge[:, JOINT_INDEX["right_hand"]].sum() == 12
