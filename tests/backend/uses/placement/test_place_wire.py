"""Placing over the wire and from the terminal: the same placements, to the byte."""

import json

import numpy as np
import pytest

from propfield.cli.main import run
from propfield.field.file import save_field
from propfield.uses.placement.problem import problem_of_pose

from ...service.conftest import Backend
from .known_field import angle


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    running = Backend(tmp_path_factory.mktemp("place") / "home")
    yield running
    running.close()


@pytest.fixture(scope="module")
def field_file(held, tmp_path_factory):
    file = tmp_path_factory.mktemp("field") / "thing.field.npz"
    save_field(held[0], file)
    return file


@pytest.fixture(scope="module")
def problem_file(held, tmp_path_factory):
    mesh = angle()
    problem = problem_of_pose(
        held[0],
        np.asarray(mesh.vertices, np.float32),
        np.asarray(mesh.faces, np.int32),
        held[0].rest_pose,
    )
    file = tmp_path_factory.mktemp("problem") / "problem.npz"
    np.savez_compressed(
        file, prop_vertices=problem.prop_vertices, prop_faces=problem.prop_faces, bones=problem.bones
    )
    return file


def upload(backend, file, name):
    answer = backend.client.post("/v1/uploads", content=file.read_bytes(), headers={"X-Filename": name})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def test_the_wire_and_the_terminal_give_the_same_bytes(backend, field_file, problem_file, tmp_path):
    request = {
        "problem": upload(backend, problem_file, "problem.npz"),
        "field_file": upload(backend, field_file, "thing.field.npz"),
        "type": "use",
        "count": 3,
    }
    job = backend.wait(backend.add(kind="place", **request), "done", "failed", seconds=240)
    assert job["state"] == "done", job["error"]
    assert job["result"]["files"] == ["placements.json"]
    first = job["result"]["placements"][0]
    assert first["rank"] == 1
    assert list(first["joints"]) == ["right_wrist"]
    assert job["result"]["path"] is None
    sent = backend.client.get(f"/v1/jobs/{job['id']}/files/placements.json").content
    angle().export(tmp_path / "prop.ply")
    out, shown = tmp_path / "out.json", tmp_path / "placed.glb"
    words = ["place", str(field_file), "--prop", str(tmp_path / "prop.ply"), "--type", "use"]
    assert run([*words, "--count", "3", "--out", str(out), "--mesh-out", str(shown)]) == 0
    told = json.loads(sent)
    assert json.loads(out.read_text()) == told
    assert out.read_bytes() == sent
    assert shown.stat().st_size > 1000


@pytest.mark.parametrize(
    ("change", "status", "sentence"),
    [
        ({"problem": "no id"}, 422, "“problem” must be the id"),
        ({"problem": "0" * 32}, 404, "no upload of that id"),
        ({"field": "nothing"}, 422, "Give one of “field” and “field_file”"),
        ({"field_file": None}, 422, "Give one of “field” and “field_file”"),
        ({"field_file": None, "field": "nothing"}, 404, "no field of that name"),
        ({"scale": [2.0, 1.0]}, 422, "least factor, then the greatest"),
        ({"scale": [0.0, 1.0]}, 422, "“scale"),
        ({"count": 51}, 422, "“count” is wrong"),
        ({"ground": "floor"}, 422, "“ground” is wrong"),
        ({"type": ""}, 422, "“type” is wrong"),
        ({"mesh": "a.obj"}, 422, "has no “mesh”"),
    ],
)
def test_a_request_that_is_wrong_says_so(backend, problem_file, change, status, sentence):
    good = upload(backend, problem_file, "problem.npz")
    request = {"kind": "place", "problem": good, "field_file": good, "type": "use", **change}
    answer = backend.client.post("/v1/jobs", json=request)
    assert answer.status_code == status
    assert sentence in answer.json()["error"]


def test_a_problem_that_is_none_fails_the_job_with_a_sentence(backend, field_file, problem_file):
    field = upload(backend, field_file, "thing.field.npz")
    request = {"kind": "place", "field_file": field, "type": "use"}
    job = backend.wait(backend.add(problem=field, **request), "failed", "done", seconds=120)
    assert job["error"] == "The problem has no “prop_vertices”."
