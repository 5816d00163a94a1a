"""The library over the wire: lists, search, pictures, tags, files coming and going; what is refused."""

import io
import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import psutil
import pytest
from PIL import Image

from propfield.body.loaders import open_body
from propfield.body.skeleton import canonical_pose
from propfield.field.file import save_field
from propfield.field.grid import Grid
from propfield.field.occupancy import OccupancyField, TypeField
from propfield.field.skinning_weights import voxel_weights
from propfield.observations.interaction import InteractionType


@pytest.fixture(scope="module")
def field_file(tmp_path_factory):
    """A ball at the right hand, 16³."""
    grid, body = Grid(16), open_body()
    near = np.exp(-((np.linalg.norm(grid.centres() - (-0.8, 0.25, 0), axis=1) / 0.3) ** 2))
    occupancy = near.reshape(grid.shape).astype(np.float32)
    support = np.full(grid.shape, 9, np.uint32)
    types = tuple(
        TypeField(kind, occupancy, support, 9)
        for kind in (
            InteractionType("all", ""),
            InteractionType("hold", "A person holds a ball", "right hand"),
        )
    )
    ledger = {"licences": [{"what": "pictures", "licence": "CC0-1.0", "commercial": True}]}
    path = tmp_path_factory.mktemp("made") / "ball.field.npz"
    save_field(
        OccupancyField("sports ball", grid, types, voxel_weights(body, grid), body, canonical_pose(), ledger),
        path,
    )
    return path


@pytest.fixture
def name(backend, field_file):
    """A field in the library, by way of an upload."""
    answer = add(backend, field_file.read_bytes())
    assert answer.status_code == 201, answer.text
    yield answer.json()["name"]
    backend.client.delete(f"/v1/fields/{answer.json()['name']}")
    for field in backend.client.get("/v1/fields").json()["fields"]:
        backend.client.delete(f"/v1/fields/{field['name']}")


def add(backend, content: bytes, **more):
    upload = backend.client.post("/v1/uploads", content=content, headers={"X-Filename": "Ball.field.npz"})
    return backend.client.post("/v1/fields", json={"upload": upload.json()["id"], **more})


def picture(backend, name: str, **query):
    """Asks for as long as it is being drawn."""
    end = time.monotonic() + 200
    while time.monotonic() < end:
        answer = backend.client.get(f"/v1/fields/{name}/preview", params=query)
        if answer.status_code != 202:
            return answer
        assert answer.json() == {"drawing": name}
    raise AssertionError("no picture came")


def sentence(answer, status: int) -> str:
    assert answer.status_code == status, answer.text
    told = answer.json()["error"]
    assert told.endswith(".")
    return told


def test_an_upload_becomes_a_field_that_words_find(backend, name, field_file):
    assert name == "ball"
    (entry,) = backend.client.get("/v1/fields", params={"search": "hold hand", "commercial": True}).json()[
        "fields"
    ]
    assert (entry["name"], entry["category"], entry["commercial"]) == ("ball", "sports ball", True)
    assert entry["tags"] == ["held", "right hand"]
    assert entry["types"][1]["part"] == "right hand"
    assert (entry["resolution"], entry["estimator"], entry["preview"]) == (16, "voting", False)
    assert backend.client.get("/v1/fields", params={"search": "umbrella"}).json() == {"fields": []}
    assert backend.client.get(f"/v1/fields/{name}/file").content == field_file.read_bytes()
    # The same again is the same field; another under its name is refused.
    assert add(backend, field_file.read_bytes()).json()["name"] == "ball"
    assert "already" in sentence(add(backend, field_file.read_bytes() + b" ", name="ball"), 422)
    assert "not a field file" in sentence(add(backend, b"PK no field"), 422)
    assert len(backend.client.get("/v1/fields").json()["fields"]) == 1


def test_a_picture_is_drawn_when_it_is_asked_for(backend, name):
    answer = picture(backend, name)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(answer.content)) as image:
        assert (image.mode, image.size) == ("RGBA", (256, 256))
    assert backend.client.get("/v1/fields").json()["fields"][0]["preview"] is True
    file = backend.home / "library" / "ball.png"
    before = file.stat().st_mtime_ns
    assert picture(backend, name, type="hold").content == answer.content
    assert file.stat().st_mtime_ns == before
    assert "hold" in sentence(
        backend.client.get(f"/v1/fields/{name}/preview", params={"type": "juggle"}), 404
    )


def test_what_cannot_be_drawn_is_a_sentence(backend, name):
    path = backend.home / "library" / "ball.field.npz"
    with np.load(path) as data:
        arrays = dict(data)
    arrays["occupancy"] = arrays["occupancy"][:, :4]
    np.savez(path, **arrays)
    told = sentence(picture(backend, name), 503)
    assert "no picture" in told
    assert "Traceback" not in told
    assert sentence(picture(backend, name), 503) == told


def test_tags_and_names_change(backend, name):
    field = f"/v1/fields/{name}"
    entry = backend.client.patch(field, json={"tags": ["Rain", "scene 12"], "note": "wet"}).json()
    assert (entry["own_tags"], entry["note"]) == (["rain", "scene 12"], "wet")
    assert backend.client.get("/v1/fields", params={"search": "rain"}).json()["fields"] == [entry]
    entry = backend.client.patch(field, json={"name": "wet-ball"}).json()
    assert (entry["name"], entry["own_tags"]) == ("wet-ball", ["rain", "scene 12"])
    sentence(backend.client.patch(field, json={"note": "gone"}), 404)


@pytest.mark.parametrize(
    "change",
    [
        None,
        [],
        {"tags": "rain"},
        {"tags": [1]},
        {"tags": ["a,b"]},
        {"tags": ["x" * 41]},
        {"tags": ["t"] * 33},
        {"note": "x" * 2001},
        {"note": "a\0b"},
        {"name": "../token"},
        {"name": "Con"},
        {"name": "con"},
        {"name": ""},
        {"colour": "red"},
    ],
)
def test_other_changes_are_refused_and_change_nothing(backend, name, change):
    before = {path.name: path.read_bytes() for path in (backend.home / "library").iterdir()}
    sentence(backend.client.patch(f"/v1/fields/{name}", content=json.dumps(change)), 422)
    assert {path.name: path.read_bytes() for path in (backend.home / "library").iterdir()} == before


@pytest.mark.parametrize("wrong", [{}, {"upload": "x"}, {"upload": "0" * 32, "path": "/etc/passwd"}])
def test_only_uploads_come_in(backend, wrong):
    sentence(backend.client.post("/v1/fields", json=wrong), 422)
    sentence(backend.client.post("/v1/fields", json={"upload": "0" * 32}), 404)


def test_a_damaged_upload_is_refused(backend, field_file):
    content = bytearray(field_file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    told = sentence(add(backend, bytes(content)), 422)
    assert "damaged" in told
    assert backend.client.get("/v1/fields").json() == {"fields": []}


def test_a_header_that_json_cannot_say_is_a_sentence(backend):
    head = b'{"format": "propfield.field", "version": 1, "category": "\\ud800", "grid": NaN}'
    with open(backend.home / "library" / "odd.field.npz", "wb") as stream:
        np.savez(stream, header=np.frombuffer(head, np.uint8))
    (entry,) = backend.client.get("/v1/fields").json()["fields"]
    assert entry["problem"].endswith(".")
    sentence(backend.client.get("/v1/fields/odd"), 422)
    (backend.home / "library" / "odd.field.npz").unlink()


def _drawing(backend: int) -> list[psutil.Process]:
    """Of the backend's children the one that draws: libraries start others, to ask for the processor."""
    found = []
    for child in psutil.Process(backend).children():
        with suppress(psutil.Error):
            if "preview" in child.cmdline():
                found.append(child)
    return found


def test_a_backend_that_draws_a_picture_ends_at_once_and_takes_that_along(start, field_file):
    backend = start()
    shutil.copy(field_file, backend.home / "library" / "thing.field.npz")
    with ThreadPoolExecutor(1) as others:
        others.submit(backend.client.get, "/v1/fields/thing/preview")
        drawing = []
        while not drawing:
            drawing = _drawing(backend.process.pid)
        # Held up, as by a large field.
        drawing[0].suspend()
        assert backend.stop() == 0
    assert not drawing[0].is_running()
