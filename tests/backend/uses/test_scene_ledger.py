"""A scene tells what went into it, and --commercial-safe keeps out what may not."""

import dataclasses
import json

import pytest
from PIL import Image

from propfield.cli.main import run
from propfield.errors import PropfieldError
from propfield.field.file import save_field
from propfield.ledger import CODE, Ledger
from propfield.licences import entry
from propfield.uses.reconstruction import reconstruct

BY = {"id": 1, "name": "Attribution License", "url": "http://creativecommons.org/licenses/by/2.0/"}
NON_COMMERCIAL = {"id": 1, "name": "Attribution-NonCommercial License", "url": ""}


@pytest.fixture(autouse=True)
def nobody_asks(monkeypatch):
    monkeypatch.delenv("PROPFIELD_COMMERCIAL_SAFE", raising=False)


def licensed(staged, licence):
    def change(data):
        data["licenses"] = [licence]
        data["images"][0]["license"] = licence["id"]

    staged.edit(change)


def made_from(field, licence: str):
    return dataclasses.replace(field, provenance={"licences": [entry("pictures", licence)]})


def test_a_scenes_ledger_has_photo_field_body_and_code(staged, field, tmp_path):
    licensed(staged, BY)
    scene = reconstruct(
        staged.photo,
        annotations=staged.annotations,
        field=made_from(field, "CC-BY-SA-4.0"),
        ledger=Ledger(commercial_safe=True),
    )
    scene.write(tmp_path / "out")
    listed = json.loads((tmp_path / "out" / "scene.json").read_text())["licences"]
    assert listed == [
        {"what": "body: open body", "licence": "CC0-1.0", "commercial": True},
        {"what": "photo: photo.png", "licence": "CC-BY-2.0", "commercial": True},
        {"what": "field of sports ball, pictures", "licence": "CC-BY-SA-4.0", "commercial": True},
        CODE,
    ]


def test_a_photo_must_be_known_to_be_safe(staged):
    def rebuilt(**options):
        return reconstruct(
            staged.photo, annotations=staged.annotations, ledger=Ledger(commercial_safe=True), **options
        )

    with pytest.raises(
        PropfieldError, match=r"photo\.png may .*is not known.*say its licence with --licence"
    ):
        rebuilt()
    licensed(staged, NON_COMMERCIAL)
    with pytest.raises(PropfieldError, match=r"Photo: photo\.png may not .*“CC-BY-NC”: .*non-commercial"):
        rebuilt()
    assert rebuilt(licence="own work").licences[1]["commercial"]


def test_a_field_must_be_known_to_be_safe(staged, field):
    licensed(staged, BY)
    for made, words in (
        (made_from(field, "CC-BY-NC-2.0"), "Field of sports ball, pictures may not"),
        (field, "Field of sports ball, inputs may not"),
    ):
        with pytest.raises(PropfieldError, match=words):
            reconstruct(
                staged.photo,
                annotations=staged.annotations,
                field=made,
                ledger=Ledger(commercial_safe=True),
            )


def test_the_terminal_asks_and_tells(staged, home, tmp_path, capsys):
    Image.open(staged.photo).save(
        staged.photo.with_suffix(".gif"), save_all=True, append_images=[Image.new("RGB", (320, 320), "red")]
    )
    command = ["reconstruct", str(staged.photo.with_suffix(".gif")), "--annotations", str(staged.annotations)]
    command += ["--out", str(tmp_path / "out"), "--json"]
    assert run([*command, "--commercial-safe"]) == 2
    said = capsys.readouterr()
    assert "--licence" in json.loads(said.out)["error"]
    assert not (tmp_path / "out").exists()
    assert run([*command, "--commercial-safe", "--licence", "CC0-1.0"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["commercial_safe"] is True
    assert told["note"] == "photo.gif is a moving picture; its first frame is taken."
    assert run(command) == 0
    assert json.loads(capsys.readouterr().out)["commercial_safe"] is False


def test_a_field_of_the_users_own_is_read_with_its_ledger(staged, field, tmp_path):
    licensed(staged, BY)
    save_field(made_from(field, "CC-BY-NC-2.0"), tmp_path / "ball.field.npz")
    with pytest.raises(PropfieldError, match=r"“CC-BY-NC-2\.0”"):
        reconstruct(
            staged.photo,
            annotations=staged.annotations,
            field_files={"sports ball": tmp_path / "ball.field.npz"},
            ledger=Ledger(commercial_safe=True),
        )
