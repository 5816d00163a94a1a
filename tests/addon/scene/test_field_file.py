import io
import json
import zipfile

import numpy as np
import pytest


def test_it_reads_what_the_backend_writes(field, learned):
    assert field.category == "umbrella"
    assert field.voxel == learned.grid.voxel
    assert np.allclose(field.first_centre, learned.grid.centres()[0])
    assert [kind.name for kind in field.types] == ["all", "stick", "empty"]
    for index, kind in enumerate(learned.types):
        assert np.array_equal(field.occupancy[index], kind.occupancy)
        assert field.types[index].peak == pytest.approx(float(kind.occupancy.max()))
        assert field.types[index].part == kind.type.part
    rows = np.arange(0, 48**3, 997)
    assert np.array_equal(field.voxel_weights.dense(rows), learned.weights[rows].toarray())
    assert np.array_equal(field.body_vertices, learned.body.vertices)
    assert np.array_equal(field.body_faces, learned.body.faces)
    assert np.array_equal(field.rest_pose, learned.rest_pose)
    assert field.provenance == learned.provenance


def test_a_type_that_is_not_there_names_those_that_are(field):
    from addon.scene.errors import SceneError

    with pytest.raises(SceneError, match=r"no type “spin”; it has: all, stick, empty\."):
        field.type_index("spin")


def _arrays(path) -> dict[str, np.ndarray]:
    with np.load(path) as data:
        return dict(data)


def _changed(path, target, **changes):
    arrays = _arrays(path)
    for name, value in changes.items():
        arrays[name] = value(arrays[name]) if callable(value) else value
    np.savez(target, **{name: value for name, value in arrays.items() if value is not None})
    return target


def _header(**changes):
    def change(raw: np.ndarray) -> np.ndarray:
        header = json.loads(raw.tobytes()) | changes
        return np.frombuffer(json.dumps(header).encode(), np.uint8)

    return change


DAMAGED = {
    "another format": ({"header": _header(format="other")}, "not a propfield field file"),
    "newer": ({"header": _header(version=2)}, "update the add-on"),
    "header is no JSON": ({"header": np.frombuffer(b"{", np.uint8)}, "not a propfield field file"),
    "an array is missing": ({"support": None}, "“support” is missing"),
    "another dtype": ({"occupancy": lambda a: a.astype(np.float32)}, "“occupancy” has another form"),
    "Fortran order": ({"body_vertices": np.asfortranarray}, "“body_vertices” has another form"),
    "pickled": (
        {"body_joints": np.array([[{}, 1, 2]], dtype=object)},
        "pickled objects, which propfield never",
    ),
    "other grid": ({"occupancy": lambda a: a[:, :-1]}, "“occupancy” has another form"),
    "not a probability": ({"occupancy": lambda a: a + np.float16(1)}, "parts do not fit"),
    "faces point nowhere": ({"body_faces": lambda a: a + 7000}, "parts do not fit"),
    "weights are cut": ({"voxel_weight_values": lambda a: a[:-1]}, "parts do not fit"),
    "joints of no one": ({"body_weight_joints": lambda a: a + np.uint8(200)}, "parts do not fit"),
    "not finite": ({"rest_pose": lambda a: a * np.float32(np.nan)}, "parts do not fit"),
    "other joints": ({"header": _header(joints=["a"] * 24)}, "parts do not fit"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_gets_one_sentence(name, field_path, tmp_path):
    from addon.scene.field_file import FieldFileError, read_field

    changes, sentence = DAMAGED[name]
    path = _changed(field_path, tmp_path / "x.field.npz", **changes)
    with pytest.raises(FieldFileError, match=sentence) as caught:
        read_field(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("x.field.npz")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_cut_file_gets_one_sentence(share, field_path, tmp_path):
    from addon.scene.field_file import FieldFileError, read_field

    whole = field_path.read_bytes()
    path = tmp_path / "cut.field.npz"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(FieldFileError, match="not a field file, or it was cut short"):
        read_field(path)


def test_a_flipped_byte_is_seen(field_path, tmp_path):
    from addon.scene.field_file import FieldFileError, read_field

    content = bytearray(field_path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path = tmp_path / "bad.field.npz"
    path.write_bytes(content)
    with pytest.raises(FieldFileError):
        read_field(path)


def test_a_text_file_and_no_file(tmp_path):
    from addon.scene.field_file import FieldFileError, read_field

    path = tmp_path / "notes.field.npz"
    path.write_text("hello")
    with pytest.raises(FieldFileError, match="not a field file"):
        read_field(path)
    with pytest.raises(FieldFileError, match="There is no file"):
        read_field(tmp_path / "nowhere.field.npz")


def test_a_shape_that_lies_about_its_size_allocates_nothing(field_path, tmp_path):
    """An npy header may claim petabytes; the zip directory knows better."""
    from addon.scene.field_file import FieldFileError, read_field

    path = tmp_path / "huge.field.npz"
    with zipfile.ZipFile(field_path) as source, zipfile.ZipFile(path, "w") as target:
        for entry in source.namelist():
            content = source.read(entry)
            if entry == "occupancy.npy":
                stream = io.BytesIO()
                shape = {"descr": "<f2", "fortran_order": False, "shape": (1, 1 << 16, 1 << 16, 1 << 16)}
                np.lib.format.write_array_header_1_0(stream, shape)
                content = stream.getvalue()
            target.writestr(entry, content)
    with pytest.raises(FieldFileError, match="“occupancy” has another form"):
        read_field(path)


def test_what_would_unpack_to_too_much_is_not_unpacked(field_path, tmp_path, monkeypatch):
    from addon.scene import field_file

    monkeypatch.setattr(field_file, "UNPACKED_LIMIT", 2**20)
    with pytest.raises(field_file.FieldFileError, match="would unpack to more than"):
        field_file.read_field(field_path)
    monkeypatch.setattr(field_file, "PACKED_LIMIT", 2**10)
    with pytest.raises(field_file.FieldFileError, match="larger than a field file may be"):
        field_file.read_field(field_path)
