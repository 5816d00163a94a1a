"""The library's folder: what is in it, what comes and goes, and what other programs do to it meanwhile."""

import json
import os
import threading

import numpy as np
import pytest

from propfield.errors import NotFound, PropfieldError, Unavailable
from propfield.field.file import load_field
from propfield.library import Library, name_for
from propfield.library.folder import CARD, SUFFIX

from .conftest import header, write_header


@pytest.fixture
def library(tmp_path) -> Library:
    return Library(tmp_path / "library")


@pytest.fixture
def stocked(library) -> Library:
    """Three fields of headers alone, oldest first."""
    library.folder.mkdir()
    for age, name in enumerate(("umbrella", "hat", "ball")):
        path = write_header(library.folder / (name + SUFFIX), header(name))
        os.utime(path, (1_000_000 + age, 1_000_000 + age))
    return library


def names(library: Library) -> list[str]:
    return [each["name"] for each in library.entries()]


def files(library: Library) -> set[str]:
    return {path.name for path in library.folder.iterdir()}


def test_a_library_that_is_not_there_is_empty(library):
    assert library.entries() == []
    with pytest.raises(NotFound):
        library.path("umbrella")


def test_the_newest_comes_first(stocked):
    assert names(stocked) == ["ball", "hat", "umbrella"]
    assert set(stocked.newest()) == {"ball", "hat", "umbrella"}


@pytest.mark.parametrize(
    "name", ["", "Umbrella", "../x", "a.b", "-a", "a b", "con", "lpt1", "x" * 101, "ä", "a\n"]
)
def test_a_name_is_a_plain_file_name_everywhere(stocked, name):
    with pytest.raises(PropfieldError):
        stocked.new_path(name)
    with pytest.raises(NotFound):
        stocked.path(name)
    with pytest.raises(PropfieldError):
        stocked.change("hat", new_name=name or "-")
    assert files(stocked) == {"umbrella.field.npz", "hat.field.npz", "ball.field.npz"}


@pytest.mark.parametrize(
    "content",
    [b"", b"PK", b"no zip at all" * 99, {"format": "other"}, header(types=3), header(version=9), b"[1, 2]"],
)
def test_what_cannot_be_read_is_listed_with_a_sentence(stocked, content):
    path = stocked.folder / ("broken" + SUFFIX)
    path.write_bytes(content) if content in (b"", b"PK") else write_header(path, content)
    told = next(each for each in stocked.entries() if each["name"] == "broken")
    assert told["problem"].startswith("broken.field.npz")
    assert told["problem"].endswith(".")
    json.dumps(told)
    assert "" not in stocked.newest()
    stocked.delete("broken")
    assert names(stocked) == ["ball", "hat", "umbrella"]


def test_a_header_is_read_once_while_its_file_stays_as_it_is(stocked):
    before = stocked.entries()
    path = stocked.folder / ("hat" + SUFFIX)
    status, content = path.stat(), path.read_bytes()
    # As long and as old, but nothing that could be read.
    path.write_bytes(bytes(len(content)))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert stocked.entries() == before
    assert Library(stocked.folder).entry("hat")["problem"]
    os.utime(path)
    assert stocked.entry("hat")["problem"]


def test_all_of_a_file_is_read_before_it_comes_in(library, field_file, tmp_path):
    cut = tmp_path / "cut.field.npz"
    content = bytearray(field_file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    cut.write_bytes(content)
    with pytest.raises(PropfieldError, match="damaged"):
        library.add(cut)
    with pytest.raises(PropfieldError):
        library.add(write_header(tmp_path / "head.field.npz", header()))
    assert library.entries() == []
    name = library.add(field_file)
    assert name == "red-balloon"
    assert library.path(name).read_bytes() == field_file.read_bytes()
    assert files(library) == {"red-balloon.field.npz"}


def test_names_that_clash_get_numbers_and_the_same_field_is_kept_once(library, field_file, stocked):
    assert library.add(field_file) == "red-balloon"
    assert library.add(field_file) == "red-balloon"
    write_header(library.folder / ("red-balloon" + SUFFIX), header())
    assert library.add(field_file) == "red-balloon-2"
    with pytest.raises(PropfieldError, match="already"):
        library.add(field_file, "hat")
    assert library.add(field_file, "my_balloon") == "my_balloon"
    assert load_field(library.path("my_balloon")).category == "balloon"


def test_many_at_once_get_names_of_their_own(library, field_file, tmp_path):
    library.folder.mkdir()
    originals = []
    for number in range(4):
        folder = tmp_path / str(number)
        folder.mkdir()
        originals.append(folder / "x.field.npz")
        with np.load(field_file) as data:
            # Each a field of its own.
            np.savez(originals[-1], **data, **{f"further_{number}": np.zeros(1)})
    got: list[str] = []
    threads = [
        threading.Thread(target=lambda f=f: got.append(Library(library.folder).add(f))) for f in originals
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == ["x", "x-2", "x-3", "x-4"]
    kept = sorted(library.path(name).read_bytes() for name in got)
    assert kept == sorted(file.read_bytes() for file in originals)


def test_tags_and_a_note_lie_beside_the_field_and_change_no_bit_of_it(stocked):
    before = (stocked.folder / ("hat" + SUFFIX)).read_bytes()
    stocked.change("hat", tags=["Rain", "rain ", "scene 12"], note=" wet ")
    assert (stocked.entry("hat")["own_tags"], stocked.entry("hat")["note"]) == (["rain", "scene 12"], "wet")
    stocked.change("hat", note="dry")
    assert (stocked.entry("hat")["own_tags"], stocked.entry("hat")["note"]) == (["rain", "scene 12"], "dry")
    assert (stocked.folder / ("hat" + SUFFIX)).read_bytes() == before
    with pytest.raises(PropfieldError, match="tag"):
        stocked.change("hat", tags=["a,b"])
    assert stocked.entry("hat")["own_tags"] == ["rain", "scene 12"]


def test_a_damaged_card_is_told_and_not_written_over(stocked):
    card = stocked.folder / ("hat" + CARD)
    card.write_text("{")
    assert "damaged" in stocked.entry("hat")["tags_problem"]
    with pytest.raises(PropfieldError, match="damaged"):
        stocked.change("hat", tags=["rain"])
    assert card.read_text() == "{"


def test_a_new_name_takes_tags_and_pictures_along(stocked):
    stocked.change("hat", tags=["rain"])
    for picture in ("hat.png", "hat.1.png"):
        (stocked.folder / picture).write_bytes(picture.encode())
    (stocked.folder / "hat-stand.png").write_bytes(b"of another field")
    assert stocked.change("hat", new_name="bowler", note="old") == "bowler"
    assert (stocked.entry("bowler")["own_tags"], stocked.entry("bowler")["note"]) == (["rain"], "old")
    assert files(stocked) == {
        *("bowler.field.npz", "bowler.card.json", "bowler.png", "bowler.1.png"),
        *("umbrella.field.npz", "ball.field.npz", "hat-stand.png"),
    }
    with pytest.raises(PropfieldError, match="already"):
        stocked.change("bowler", new_name="ball")
    assert names(stocked).count("bowler") == 1


def test_deleting_takes_all_that_is_the_fields_own(stocked):
    stocked.change("hat", tags=["rain"])
    for picture in ("hat.png", "hat.0.png", "hat.x.png", "hat-2.png"):
        (stocked.folder / picture).write_bytes(b"")
    stocked.delete("hat")
    assert files(stocked) == {"umbrella.field.npz", "ball.field.npz", "hat.x.png", "hat-2.png"}
    with pytest.raises(NotFound, match="nearest"):
        stocked.delete("hat")


def test_a_field_that_went_meanwhile_is_not_there_any_more(stocked):
    assert len(stocked.entries()) == 3
    (stocked.folder / ("hat" + SUFFIX)).unlink()
    assert names(stocked) == ["ball", "umbrella"]
    with pytest.raises(NotFound):
        stocked.entry("hat")


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path, field_file):
    (tmp_path / "file").write_text("in the way")
    library = Library(tmp_path / "file" / "library")
    assert library.entries() == []
    with pytest.raises(Unavailable, match="cannot be changed"):
        library.add(field_file)


def test_names_for_new_fields():
    assert name_for("Tennis racket!", "3f2a") == "tennis-racket-3f2a"
    assert name_for("日本", "3f2a") == "field-3f2a"
