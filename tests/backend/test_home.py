"""The home folder and the library in it."""

import stat
import threading

import pytest

from propfield.errors import NotFound, PropfieldError, Unavailable
from propfield.home import open_home
from propfield.library import Library, name_for


def test_the_home_is_where_the_environment_says(home):
    assert open_home().folder == home
    assert all(place.is_dir() for place in (home / "library", home / "jobs", home / "uploads"))
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_token_is_made_once_and_kept(home):
    token = open_home().token()
    assert open_home().token() == token
    assert stat.S_IMODE((home / "token").stat().st_mode) == 0o600
    assert sorted(path.name for path in home.iterdir()) == ["jobs", "library", "token", "uploads"]


@pytest.mark.parametrize("left", ["", "short\n", "é" * 40])
def test_a_token_that_was_cut_short_is_made_anew(home, left):
    place = open_home()
    place.token_file.write_text(left, encoding="utf-8")
    assert len(place.token()) >= 32
    assert place.token() == place.token()


def test_another_home_has_another_token(tmp_path):
    assert open_home(tmp_path / "one").token() != open_home(tmp_path / "two").token()


def test_a_home_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="home folder"):
        open_home(tmp_path / "file" / "home")


@pytest.mark.parametrize(
    "name", ["../token", "..", "", "a/b", "a\\b", "A", "a.b", "x" * 101, "a\0", "a\n", "-a"]
)
def test_no_name_leads_out_of_the_library(tmp_path, name):
    (tmp_path / "token.field.npz").write_text("secret")
    library = Library(tmp_path / "library")
    library.folder.mkdir()
    with pytest.raises(NotFound):
        library.path(name)
    with pytest.raises(PropfieldError):
        library.new_path(name)


def test_an_unknown_name_gives_the_nearest(tmp_path):
    (tmp_path / "umbrella-1.field.npz").write_text("")
    with pytest.raises(NotFound, match="umbrella-1"):
        Library(tmp_path).path("umbrela")


@pytest.mark.parametrize("category", ["umbrella", "tennis racket", "Sports  Ball!", "傘", "../..", "x" * 300])
def test_every_category_gives_a_name_that_the_library_takes(tmp_path, category):
    path = Library(tmp_path).new_path(name_for(category, "0a1b2c"))
    assert path.parent == tmp_path


def test_two_that_start_at_once_agree_on_the_token(tmp_path):
    place, tokens = open_home(tmp_path / "home"), []
    threads = [threading.Thread(target=lambda: tokens.append(place.token())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(tokens) == {place.token()}
    assert not list(place.folder.glob("*.tmp"))
