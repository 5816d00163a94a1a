"""The wire against requests that its own OpenAPI document makes up, by schemathesis, right and wrong ones.

There is no defect, no hang, every answer is as described, and nothing is written outside the home folder.
PROPFIELD_FUZZ_EXAMPLES changes how many requests each address gets, of each sort.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

EXAMPLES = int(os.environ.get("PROPFIELD_FUZZ_EXAMPLES", "6"))
# What a request is that is right in form and wrong in fact, such as an unknown category, no schema can say.
LEFT_OUT = {"positive_data_acceptance", "ensure_resource_availability", "use_after_free"}
SECONDS = 60


class Sandbox:
    """A backend whose home, temporary, working and user's folders all lie in one place."""

    def __init__(self, root: Path) -> None:
        self.root, self.home = root, root / "home"
        for name in ("user", "tmp", "here"):
            (root / name).mkdir()
        (root / "user" / "secret.jpg").write_bytes(b"somebody's photo")
        (root / "user" / "secret.field.npz").write_bytes(b"somebody's field")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "propfield", "serve", "--port", "0", "--home", str(self.home)],
            stdout=subprocess.PIPE,
            stderr=open(root / "errors", "wb"),  # noqa: SIM115
            text=True,
            cwd=root / "here",
            env=os.environ | {"HOME": str(root / "user"), "TMPDIR": str(root / "tmp")},
        )
        self.url = self.process.stdout.readline().split()[-1]
        self.token = (self.home / "token").read_text().strip()
        self.headers = {"Authorization": f"Bearer {self.token}"}
        self.client = httpx.Client(base_url=self.url, headers=self.headers, trust_env=False, timeout=SECONDS)
        self.before = self.snapshot()

    def snapshot(self) -> dict[str, str]:
        """What lies outside the home folder."""
        return {
            str(path.relative_to(self.root)): hashlib.sha256(path.read_bytes()).hexdigest()
            if path.is_file()
            else ""
            for path in sorted(self.root.rglob("*"))
            if not path.is_relative_to(self.home) and path.name != "errors"
        }

    def close(self) -> None:
        self.client.close()
        self.process.terminate()
        self.process.communicate(timeout=30)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    one = Sandbox(tmp_path_factory.mktemp("sandbox"))
    yield one
    one.close()


@pytest.fixture(scope="module")
def known(sandbox, a_field) -> dict[str, list[str]]:
    """Names that are there, since made-up ones never are. A job runs as long as the test, so that none of the
    others is begun."""
    add = sandbox.client.post
    small = {"kind": "check", "steps": 1, "seconds": 0, "megabytes": 0}
    ended = add("/v1/jobs", json=small).json()["id"]
    while sandbox.client.get(f"/v1/jobs/{ended}").json()["state"] != "done":
        pass
    busy = add("/v1/jobs", json=small | {"seconds": 3600, "steps": 1000}).json()["id"]
    queued = [add("/v1/jobs", json=small).json()["id"] for _ in range(3)]
    (sandbox.home / "jobs" / ended / "result").mkdir()
    shutil.copy(a_field, sandbox.home / "library" / "thing.field.npz")
    return {"busy": [busy], "ended": [ended], "job_id": [ended, *queued], "name": ["thing"]}


@pytest.fixture(scope="module")
def a_field(tmp_path_factory) -> Path:
    """A field file, learned from a few views."""
    from propfield.field.file import save_field
    from propfield.jobs.learn import learn
    from propfield.jobs.requests import learn_request

    path = tmp_path_factory.mktemp("field") / "thing.field.npz"
    save_field(learn(learn_request(category="umbrella", views=4, resolution=8)), path)
    return path


def operations() -> list[str]:
    """All addresses with their methods; found without a server, for the tests' names."""
    import tempfile

    from propfield.home import open_home
    from propfield.service.app import create_app
    from propfield.service.schema import openapi

    with tempfile.TemporaryDirectory() as folder:
        document = openapi(create_app(open_home(Path(folder))))
    return [f"{method.upper()} {path}" for path, here in document["paths"].items() for method in here]


@pytest.fixture(scope="module")
def document(sandbox):
    """The document as the server gives it."""
    answer = sandbox.client.get("/v1/openapi.json")
    assert answer.status_code == 200
    return schemathesis.openapi.from_dict(answer.json())


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
@pytest.mark.parametrize("operation", operations())
def test_an_address_answers_as_described(sandbox, known, document, operation, mode):
    method, path = operation.split()
    target = document[path][method]
    # A word too many in an address is no harm; one in a body is refused.
    left_out = LEFT_OUT | ({"negative_data_rejection"} if method in ("GET", "DELETE") else set())
    checks = [check for check in CHECKS.get_all() if check.__name__ not in left_out]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def fuzz(data) -> None:
        case = data.draw(target.as_strategy(generation_mode=mode))
        for parameter in case.path_parameters or {}:
            names = known["ended"] if path.endswith("/events") else known.get(parameter, [])
            if names and data.draw(st.booleans()):
                case.path_parameters[parameter] = data.draw(st.sampled_from(names))
        if (case.path_parameters or {}).get("name") == "thing" and method in ("DELETE", "PATCH"):
            case.path_parameters["name"] = "nothing"
        response = case.call(base_url=sandbox.url, headers=sandbox.headers, timeout=SECONDS)
        case.validate_response(response, checks=checks, headers=sandbox.headers)
        if response.status_code >= 400:
            assert list(response.json()) == ["error"], response.text

    try:
        fuzz()
    except Exception as error:
        if "Unsatisfiable" not in type(error).__name__:
            raise
        pytest.skip("no wrong request can be made up: it takes nothing")


def test_nothing_was_written_outside_and_the_backend_lives(sandbox, known):
    for job in sandbox.client.get("/v1/jobs").json()["jobs"]:
        sandbox.client.delete(f"/v1/jobs/{job['id']}")
    assert sandbox.client.get("/v1/pulse").json()["name"] == "propfield"
    assert sandbox.snapshot() == sandbox.before
    assert "Traceback" not in (sandbox.root / "errors").read_text()


@pytest.mark.parametrize(
    "name",
    ["../user/secret", "..%2fuser%2fsecret", "%2e%2e/user/secret", "/etc/passwd", "thing%00", "link", "LINK"],
)
def test_no_path_leads_out_of_the_library(sandbox, known, name):
    link = sandbox.home / "library" / "link.field.npz"
    if not link.is_symlink():
        link.symlink_to(sandbox.root / "user" / "secret.field.npz")
    for address in (
        f"/v1/fields/{name}",
        f"/v1/fields/{name}/file",
        f"/v1/jobs/{known['ended'][0]}/files/{name}",
    ):
        answer = sandbox.client.get(address)
        assert answer.status_code in (404, 405, 422), address
        assert b"somebody" not in answer.content


def test_what_the_document_says_is_whole(sandbox):
    """Each address has its answers described, and the kinds of job are there with all that they take."""
    document = sandbox.client.get("/v1/openapi.json").json()
    for path, here in document["paths"].items():
        for method, operation in here.items():
            answers = operation["responses"]
            good = [status for status in answers if status.startswith("2")]
            assert good, (method, path)
            assert operation["description"], (method, path)
            for status in (*good, "401", "404", "422"):
                content = answers[status].get("content", {})
                assert status == "204" or all(entry["schema"] for entry in content.values()), (
                    method,
                    path,
                    status,
                )
    assert json.dumps(document).count("#/components/schemas/Error") > 50
    assert {"LearnRequest", "ReconstructRequest", "CheckRequest"} <= set(document["components"]["schemas"])
    assert httpx.get(sandbox.url + "/v1/openapi.json", trust_env=False).status_code == 401
