import json
import warnings
import zipfile
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from propfield.body.skeleton import canonical_pose
from propfield.errors import NotFound, PropfieldError
from propfield.field import file as field_file
from propfield.field.file import load_field, read_header, save_field
from propfield.field.learning import ALL
from propfield.field.occupancy import OccupancyField, TypeField
from propfield.observations.interaction import InteractionType


@pytest.fixture(scope="module")
def field(body, grid, weights):
    noise = np.random.default_rng(0)
    kinds = (
        ALL,
        InteractionType("hold", "A person holds a thing", "left hand"),
        InteractionType("hug", "A person hugs a thing", "left arm", ("right arm", "torso"), ("head",)),
    )
    return OccupancyField(
        category="thing",
        grid=grid,
        types=tuple(
            TypeField(
                kind,
                # Values that float16 holds exactly.
                (noise.integers(0, 256, grid.shape) / 256).astype(np.float32),
                noise.integers(0, 500, grid.shape).astype(np.uint32),
                views=500,
            )
            for kind in kinds
        ),
        weights=weights,
        body=body,
        rest_pose=canonical_pose(),
        provenance={"licences": [{"what": "body", "licence": "CC0-1.0", "commercial": True}]},
    )


@pytest.fixture(scope="module")
def file(field, tmp_path_factory):
    path = tmp_path_factory.mktemp("fields") / "thing.field.npz"
    save_field(field, path)
    return path


def test_torch_takes_what_is_read_without_a_word_to_the_user(file):
    again = load_field(file)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for array in (again.body.vertices, again.body.joints, again.rest_pose, again.body.skin_weights):
            torch.from_numpy(array)


def test_what_is_saved_is_read_back(field, file):
    again = load_field(file)
    assert (again.category, again.grid, again.provenance) == (field.category, field.grid, field.provenance)
    for ours, theirs in zip(field.types, again.types, strict=True):
        assert ours.type == theirs.type
        assert ours.views == theirs.views
        assert np.array_equal(ours.occupancy, theirs.occupancy)
        assert np.array_equal(ours.support, theirs.support)
    assert (again.weights != field.weights).nnz == 0
    for name in ("vertices", "faces", "skin_weights", "joints"):
        assert np.array_equal(getattr(again.body, name), getattr(field.body, name))
    assert np.array_equal(again.rest_pose, field.rest_pose)


def test_a_field_that_could_not_be_read_again_is_not_written(field, file, tmp_path, monkeypatch):
    path = tmp_path / "large.field.npz"
    path.write_bytes(b"as it was")
    monkeypatch.setattr(field_file, "PACKED_LIMIT", file.stat().st_size - 1)
    with pytest.raises(PropfieldError, match="ask for fewer types, or for a lower resolution"):
        save_field(field, path)
    assert path.read_bytes() == b"as it was"
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_field_gives_the_same_bytes(field, file, tmp_path):
    save_field(field, tmp_path / "again.field.npz")
    assert (tmp_path / "again.field.npz").read_bytes() == file.read_bytes()


def test_the_header_is_the_documented_one(file):
    header = read_header(file)
    assert (header["format"], header["version"]) == ("propfield.field", 1)
    assert header["types"][1] == {
        "name": "hold",
        "prompt": "A person holds a thing",
        "part": "left hand",
        "views": 500,
        "peak": 255 / 256,
    }
    assert header["types"][2]["passes"] == ["right arm", "torso"]
    assert header["types"][2]["blocks"] == ["head"]
    assert len(header["joints"]) == len(header["parents"]) == 24
    assert header["body"] == {"name": "open body", "licence": "CC0-1.0", "commercial": True}


def rewritten(file, path, **arrays):
    """The file with some arrays changed; None takes one away."""
    with np.load(file) as data:
        kept = {name: data[name] for name in data.files} | arrays
    np.savez(path, **{name: array for name, array in kept.items() if array is not None})
    return path


def header_with(file, **changes):
    return np.frombuffer(json.dumps(read_header(file) | changes).encode(), np.uint8)


def test_wrong_files_are_refused_in_one_sentence(file, tmp_path):
    whole = file.read_bytes()
    bad = {
        "half.field.npz": whole[: len(whole) // 2],
        "text.field.npz": b"just words",
        "empty.field.npz": b"",
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(PropfieldError, match="not a field file, or it was cut short"):
            load_field(tmp_path / name)
    with pytest.raises(PropfieldError, match="is a folder; name a field file in it"):
        load_field(tmp_path)
    with pytest.raises(NotFound, match="no file"):
        load_field(tmp_path / "nowhere.field.npz")
    arrays = tmp_path / "arrays.npz"
    np.savez(arrays, a=np.zeros(3))
    with pytest.raises(PropfieldError, match="not a propfield field file"):
        load_field(arrays)
    with pytest.raises(PropfieldError, match="version 9"):
        load_field(rewritten(file, tmp_path / "newer.npz", header=header_with(file, version=9)))
    with pytest.raises(PropfieldError, match="“support” is missing"):
        load_field(rewritten(file, tmp_path / "missing.npz", support=None))
    with pytest.raises(PropfieldError, match="another form"):
        load_field(rewritten(file, tmp_path / "form.npz", rest_pose=np.zeros(3)))
    with pytest.raises(PropfieldError, match="“support” has another form"):
        load_field(rewritten(file, tmp_path / "shape.npz", support=np.zeros((1, 2, 2, 2), np.uint32)))
    nan = np.full((3, 48, 48, 48), np.nan, np.float16)
    with pytest.raises(PropfieldError, match="do not fit"):
        load_field(rewritten(file, tmp_path / "nan.npz", occupancy=nan))


def test_pickles_are_never_opened(file, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "opened"), "w"))

    path = rewritten(file, tmp_path / "pickle.field.npz", occupancy=np.array([Bomb()], dtype=object))
    with pytest.raises(PropfieldError, match="holds pickled objects, which propfield never opens"):
        load_field(path)
    assert not (tmp_path / "opened").exists()


def test_a_file_that_would_unpack_too_large_is_refused_before_unpacking(tmp_path):
    path = tmp_path / "bomb.field.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("header.npy", "w", force_zip64=True) as stream,
    ):
        for _ in range(33):
            stream.write(bytes(64 * 2**20))
    assert path.stat().st_size < 16 * 2**20
    with pytest.raises(PropfieldError, match="unpack to more than 2 GiB"):
        read_header(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 0.999), value=st.integers(0, 255))
def test_a_changed_byte_never_gives_another_error_than_our_own(file, tmp_path, place, value):
    content = bytearray(file.read_bytes())
    content[int(place * len(content))] = value
    path = tmp_path / "changed.field.npz"
    path.write_bytes(content)
    with suppress(PropfieldError):
        load_field(path)


def test_a_failed_write_leaves_the_old_file_whole(field, file, tmp_path):
    path = tmp_path / "kept.field.npz"
    path.write_bytes(file.read_bytes())
    broken = OccupancyField(
        category="thing", grid=field.grid, types=field.types, weights=field.weights, body=field.body,
        rest_pose=field.rest_pose, provenance={"not": {"json"}},
    )  # fmt: skip
    with pytest.raises(TypeError):
        save_field(broken, path)
    assert path.read_bytes() == file.read_bytes()
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept.field.npz"]
