"""The starter set: made once, gone on with, and shown on a sheet."""

import numpy as np
import pytest
from PIL import Image

from propfield.errors import Cancelled, NotFound, PropfieldError
from propfield.field.file import read_header
from propfield.library import Library
from propfield.library.sheet import write_sheet
from propfield.library.starter import StarterSet, make_starter_set

RECIPE = StarterSet(("hat", "tie"), views=24, resolution=24)


def test_a_set_goes_on_where_it_was_stopped(tmp_path):
    library = Library(tmp_path)

    def stop(stage: str, fraction: float, message: str = "") -> None:
        if fraction > 0.55:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        make_starter_set(tmp_path, RECIPE, progress=stop)
    assert library.names() == ["hat"]
    first = library.path("hat").read_bytes()
    # Somebody's own tie is not taken for ours, nor written over.
    library.new_path("tie").write_bytes(b"my own")
    told: list[float] = []
    lines, _ = make_starter_set(tmp_path, RECIPE, score=True, progress=lambda s, f, m="": told.append(f))
    assert [(line["name"], line["made"]) for line in lines] == [("hat", False), ("tie-2", True)]
    assert told == sorted(told)
    assert told[-1] == 1
    assert library.path("hat").read_bytes() == first
    assert library.path("tie").read_bytes() == b"my own"
    for line in lines:
        assert line["commercial"] is True
        assert line["types"] == ["wear"]
        assert library.entry(line["name"])["preview"]
        assert read_header(library.path(line["name"]))["provenance"]["estimator"] == "fit"
    # A tie is thinner than such voxels: it is truly in none of them, which is no reason to fail.
    assert 0.1 < lines[0]["correlation"] <= 1
    assert 0 < lines[0]["iou"] <= 1
    assert (lines[1]["correlation"], lines[1]["iou"]) == (None, None)
    again, _ = make_starter_set(tmp_path, RECIPE)
    assert [line["made"] for line in again] == [False, False]
    assert not RECIPE.made("hat", {"provenance": []})
    write_sheet(tmp_path, ["hat", "tie-2"], tmp_path / "sheet.jpg")
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        pixels = np.asarray(sheet.convert("RGB")).astype(int)
    # The fields' colours are on it.
    assert (pixels[..., 0] > pixels[..., 2] + 80).sum() > 100
    with pytest.raises(PropfieldError, match="jpg"):
        write_sheet(tmp_path, ["hat"], tmp_path / "sheet.gif")


def test_what_the_studio_does_not_know_is_a_sentence(tmp_path):
    with pytest.raises(NotFound, match="hat"):
        make_starter_set(tmp_path, StarterSet(("hta",)))
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_library_and_that_is_said_before_anything_is_learned(tmp_path):
    (tmp_path / "file").write_bytes(b"mine")
    told: list[str] = []
    with pytest.raises(PropfieldError, match="is no folder"):
        make_starter_set(tmp_path / "file", RECIPE, progress=lambda s, f, m="": told.append(s))
    assert told == []
    assert (tmp_path / "file").read_bytes() == b"mine"
