"""What DESIGN.md's table promises of each address."""

import json
import re
import shutil

import pytest

from propfield import __version__
from propfield.field.file import load_field

JOB = {"id", "kind", "request", "state", "stage", "progress", "message"} | {
    "result",
    "error",
    "created",
    "finished",
}


def test_hello_introduces_the_backend(backend):
    hello = backend.client.get("/v1/hello").json()
    assert set(hello) == {
        *("name", "version", "protocol", "pid", "instance"),
        *("device", "providers", "categories"),
    }
    assert (hello["name"], hello["version"], hello["protocol"]) == ("propfield", __version__, 1)
    assert hello["pid"] == backend.process.pid
    assert set(hello["device"]) == {"kind", "name", "memory_free"}
    assert hello["device"]["kind"] in ("cpu", "cuda")
    assert hello["device"]["memory_free"] > 2**20
    for provider in hello["providers"]:
        assert set(provider) == {
            *("job", "name", "what", "available", "reason"),
            *("licence", "weights_licence", "commercial"),
        }
        assert provider["available"] == (provider["reason"] == "")
    umbrella = next(category for category in hello["categories"] if category["name"] == "umbrella")
    assert all(set(kind) == {"name", "prompt", "part"} for kind in umbrella["types"])


def test_an_unknown_category_names_the_nearest(backend):
    answer = backend.client.post("/v1/jobs", json={"kind": "learn", "category": "umbrela"})
    assert answer.status_code == 404
    assert "umbrella" in answer.json()["error"]


def test_an_unknown_type_names_those_there_are(backend):
    wanted = {"kind": "learn", "category": "umbrella", "types": ["juggle"]}
    answer = backend.client.post("/v1/jobs", json=wanted)
    assert answer.status_code == 404
    assert "juggle" in answer.json()["error"]
    assert "hold" in answer.json()["error"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("000000000431.jpg", "000000000431.jpg"),
        ("a photo.JPG", "a photo.JPG"),
        ("../../token.json", "token.json"),
        ("C:\\photos\\me.png", "me.png"),
        ("..hidden.jpg", "__hidden.jpg"),
        (".jpg", "upload.jpg"),
        ("a:b*c?.jpeg", "a_b_c_.jpeg"),
        ("x" * 500 + ".png", "x" * 80 + ".png"),
    ],
)
def test_uploads_are_kept_under_an_id(backend, name, kept):
    answer = backend.client.post("/v1/uploads", content=b"bytes", headers={"X-Filename": name})
    assert answer.status_code == 201
    upload_id = answer.json()["id"]
    assert re.fullmatch("[0-9a-f]{32}", upload_id)
    (folder,) = (backend.home / "uploads").iterdir()
    assert folder.name == upload_id
    assert [(file.name, file.read_bytes()) for file in folder.iterdir()] == [(kept, b"bytes")]
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["", "photo", "run.py", "x.jpg/..", "x.jpg\\..\\y.exe"])
def test_other_uploads_are_refused(backend, name):
    answer = backend.client.post("/v1/uploads", content=b"bytes", headers={"X-Filename": name})
    assert answer.status_code == 422
    assert "X-Filename" in answer.json()["error"]


def test_an_empty_upload_is_refused(backend):
    answer = backend.client.post("/v1/uploads", content=b"", headers={"X-Filename": "a.jpg"})
    assert answer.status_code == 422
    assert list((backend.home / "uploads").iterdir()) == []


def test_a_job_goes_through_its_states_and_its_events_tell_so(backend):
    job_id = backend.add(kind="check", steps=10, seconds=0.5, megabytes=1)
    with backend.client.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in stream.iter_lines() if line.startswith("data: ")]
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert all(set(event) == JOB for event in events)
    states = [event["state"] for event in events]
    assert states == sorted(states, key=["queued", "running", "done"].index)
    assert states[-1] == "done"
    progress = [event["progress"] for event in events]
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    assert len(set(progress)) > 3
    last = backend.job(job_id)
    assert last == events[-1] == backend.client.get("/v1/jobs").json()["jobs"][0]
    assert last["result"]["steps"] == 10
    assert last["created"] < last["finished"]
    # An ended job's stream is one event, and cancelling it changes nothing.
    assert backend.client.get(f"/v1/jobs/{job_id}/events").text.count("data: ") == 1
    assert backend.client.delete(f"/v1/jobs/{job_id}").json() == last


def test_jobs_run_in_the_order_in_which_they_came(backend):
    ids = [backend.add(kind="check", steps=1, seconds=0, megabytes=0) for _ in range(3)]
    finished = [backend.wait(job_id, "done")["finished"] for job_id in ids]
    assert finished == sorted(finished)


def test_a_learned_field_is_listed_fetched_and_deleted(backend, tmp_path):
    job_id = backend.add(kind="learn", category="umbrella", types=None, source="studio", views=24, seed=0)
    job = backend.wait(job_id, "done", "failed", seconds=120)
    assert job["error"] is None
    assert set(job["result"]) == {"field", "seconds", "views_kept", "views_rejected"}
    name = job["result"]["field"]
    (listed,) = backend.client.get("/v1/fields").json()["fields"]
    assert (listed["name"], listed["category"]) == (name, "umbrella")
    assert [kind["name"] for kind in listed["types"]] == ["all", "hold"]
    assert listed["views"] == job["result"]["views_kept"]
    header = backend.client.get(f"/v1/fields/{name}").json()
    assert (header["format"], header["version"]) == ("propfield.field", 1)
    answer = backend.client.get(f"/v1/fields/{name}/file")
    assert len(answer.content) == listed["bytes"] == int(answer.headers["content-length"])
    copy = tmp_path / "copy.field.npz"
    copy.write_bytes(answer.content)
    assert load_field(copy).type("hold").views > 0
    # A file that is no field is listed with a sentence, and no reason to fail.
    (backend.home / "library" / "broken.field.npz").write_bytes(b"PK")
    problems = [each["problem"] for each in backend.client.get("/v1/fields").json()["fields"]]
    assert sorted(problem or "" for problem in problems)[0] == ""
    assert sorted(problem or "" for problem in problems)[1].endswith(".")
    broken = backend.client.get("/v1/fields/broken")
    assert broken.status_code == 422
    assert broken.json()["error"].endswith(".")
    assert backend.client.delete(f"/v1/fields/{name}").status_code == 204
    assert backend.client.delete("/v1/fields/broken").status_code == 204
    assert backend.client.get("/v1/fields").json() == {"fields": []}
    assert list((backend.home / "library").iterdir()) == []
    assert backend.client.delete(f"/v1/fields/{name}").status_code == 404


def test_a_failed_job_tells_why(backend):
    upload = backend.client.post("/v1/uploads", content=b"no picture", headers={"X-Filename": "me.jpg"})
    job_id = backend.add(kind="reconstruct", photo=upload.json()["id"], annotations=None, category=None)
    job = backend.wait(job_id, "failed", seconds=60)
    assert "me.jpg" in job["error"]
    assert job["error"].endswith(".")
    assert "\n" not in job["error"]
    assert backend.client.get(f"/v1/jobs/{job_id}/files/scene.json").status_code == 404


def test_a_reconstruction_over_the_wire(start, shared, monkeypatch):
    """The photo's own name travels with it: the annotations find it by that."""
    monkeypatch.setenv("PROPFIELD_WEIGHTS", str(shared / "models"))
    backend = start()
    ids = []
    for path in (shared / "photos" / "000000000431.jpg", shared / "photos" / "instances.json"):
        answer = backend.client.post(
            "/v1/uploads", content=path.read_bytes(), headers={"X-Filename": path.name}
        )
        ids.append(answer.json()["id"])
    job_id = backend.add(kind="reconstruct", photo=ids[0], annotations=ids[1], category=None)
    job = backend.wait(job_id, "done", "failed", seconds=200)
    assert job["error"] is None
    result = job["result"]
    assert {"scene.json", "photo.png", "body.ply"} <= set(result["files"])
    assert result["reprojection_px"] < 0.05 * result["person_height_px"]
    for name in result["files"]:
        answer = backend.client.get(f"/v1/jobs/{job_id}/files/{name}")
        assert answer.status_code == 200
        assert answer.content == (backend.home / "jobs" / job_id / "result" / name).read_bytes()
    for name in ("..%2fworker.log", "worker.log", "%2e%2e"):
        assert backend.client.get(f"/v1/jobs/{job_id}/files/{name}").status_code == 404


def test_a_prop_of_a_field_that_is_not_there_is_refused(backend):
    upload = backend.client.post("/v1/uploads", content=b"PK", headers={"X-Filename": "problem.npz"}).json()[
        "id"
    ]
    wanted = {"kind": "place", "problem": upload, "field": "nothing", "type": "hold"}
    answer = backend.client.post("/v1/jobs", json=wanted)
    assert answer.status_code == 404
    assert "field of that name" in answer.json()["error"]
    shutil.rmtree(backend.home / "uploads" / upload)
