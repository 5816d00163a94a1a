"""`propfield library`: each verb on a real home folder."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from propfield.cli.main import app, run

from .library.conftest import field as made_field
from .library.conftest import field_file as made_field_file

field, field_file = made_field, made_field_file


@pytest.fixture
def told(home, monkeypatch):
    """Runs a verb; gives what it printed, which is an object with --json."""
    monkeypatch.setenv("COLUMNS", "200")

    def run_verb(*arguments: object):
        result = CliRunner().invoke(app, ["library", *map(str, arguments)])
        assert result.exit_code == 0, result.output + repr(result.exception)
        return json.loads(result.stdout) if "--json" in arguments else result.stdout

    return run_verb


def test_a_field_comes_in_is_found_tagged_renamed_and_goes(told, home, field_file, tmp_path):
    assert "library make" in told("list")
    entry = told("import", field_file, "--json")
    assert (entry["name"], entry["preview"]) == ("red-balloon", True)
    assert Path(entry["file"]).read_bytes() == field_file.read_bytes()
    assert [each["name"] for each in told("search", "hold", "right hand", "--json")["fields"]] == [
        "red-balloon"
    ]
    assert "No field fits" in told("search", "umbrella", "--commercial")
    entry = told("tag", "red-balloon", "Party", "scene 12", "--note", "for the street", "--json")
    assert (entry["own_tags"], entry["note"]) == (["party", "scene 12"], "for the street")
    entry = told("tag", "red-balloon", "--remove", "PARTY", "--json")
    assert (entry["own_tags"], entry["note"]) == (["scene 12"], "for the street")
    shown = told("show", "red-balloon")
    assert "A person holds a balloon" in shown
    assert "held, right hand, scene 12" in shown
    assert "for the street" in shown
    told("rename", "red-balloon", "up")
    assert "scene 12" in told("list")
    assert [Path(each).name for each in told("preview", "up", "--json")["pictures"]] == [
        *("up.0.png", "up.1.png", "up.png")
    ]
    out = told("export", "up", tmp_path, "--json")["out"]
    assert Path(out).read_bytes() == field_file.read_bytes()
    assert told("remove", "up", "--json") == {"removed": "up"}
    assert list((home / "library").iterdir()) == []


def test_what_is_wrong_is_a_sentence(home, tmp_path, capsys):
    broken = tmp_path / "broken.field.npz"
    broken.write_bytes(b"PK")
    for arguments in (
        ["show", "nothing"],
        ["import", str(broken)],
        ["import", str(tmp_path / "nowhere.npz")],
        ["tag", "nothing", "rain"],
        ["remove", "nothing"],
        ["preview", "nothing"],
        ["make", "--category", "umbrela"],
        ["make", "--views", "0"],
    ):
        assert run(["library", *arguments]) == 2, arguments
        told = capsys.readouterr().err.strip()
        assert told.startswith("propfield: ")
        assert told.endswith(".")
    assert list((home / "library").iterdir()) == []


def test_a_broken_field_is_listed_with_its_sentence(told, home):
    told("list")
    (home / "library" / "broken.field.npz").write_bytes(b"PK")
    assert "broken.field.npz is not a field file" in told("list")
    assert "broken.field.npz is not a field file" in told("show", "broken")
