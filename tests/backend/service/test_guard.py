"""Who may speak to the backend, and how much they may say."""

import stat
import subprocess
import sys

import httpx
import pytest


def is_sentence(answer: httpx.Response) -> bool:
    error = answer.json()["error"]
    return list(answer.json()) == ["error"] and error.endswith(".") and "\n" not in error and len(error) < 300


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Bearer", "Basic x", "bearer é"])
def test_no_request_without_the_token(backend, header):
    headers = {} if header is None else {"Authorization": header.encode()}
    for method, path in (
        ("GET", "/v1/hello"),
        ("POST", "/v1/jobs"),
        ("GET", "/nowhere"),
        ("DELETE", "/v1/jobs/1"),
    ):
        answer = httpx.request(method, backend.url + path, headers=headers, trust_env=False)
        assert answer.status_code == 401
        assert is_sentence(answer)


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:8713", "localhost.evil.example", ""]
)
def test_a_foreign_host_is_refused(backend, host):
    answer = backend.client.get("/v1/hello", headers={"Host": host})
    assert answer.status_code == 403
    assert is_sentence(answer)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8713", "127.0.0.1:1", "[::1]:8713"])
def test_a_local_host_is_not(backend, host):
    assert backend.client.get("/v1/fields", headers={"Host": host}).status_code == 200


def test_the_token_is_its_owners_alone(backend):
    assert stat.S_IMODE((backend.home / "token").stat().st_mode) == 0o600
    assert stat.S_IMODE(backend.home.stat().st_mode) == 0o700
    assert len(backend.token) >= 32


def test_no_page_may_read_an_answer(backend):
    answer = backend.client.options(
        "/v1/hello", headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "GET"}
    )
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("announced", [True, False])
def test_too_large_json_is_refused(backend, announced):
    body = b'{"kind": "' + b"x" * 70_000 + b'"}'
    answer = backend.client.post(
        "/v1/jobs", content=body if announced else iter([body[:40_000], body[40_000:]])
    )
    assert answer.status_code == 413
    assert is_sentence(answer)


def test_too_large_uploads_are_refused_and_leave_nothing(backend):
    chunks = (b"\xff" * 2**20 for _ in range(65))
    answer = backend.client.post("/v1/uploads", content=chunks, headers={"X-Filename": "photo.jpg"})
    assert answer.status_code == 413
    assert is_sentence(answer)
    assert list((backend.home / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"learn"',
        b"[" * 60_000,
        b"1" * 60_000,
        b"\xff\xfe",
        b"{}",
        b'{"kind": "dance"}',
        b'{"kind": ["learn"]}',
        b'{"kind": "learn"}',
        b'{"kind": "learn", "category": "umbrella", "views": 0}',
        b'{"kind": "learn", "category": "umbrella", "views": 1e400}',
        b'{"kind": "learn", "category": "umbrella", "views": "5"}',
        b'{"kind": "learn", "category": "umbrella", "extra": 1}',
        b'{"kind": "learn", "category": 7}',
        b'{"kind": "learn", "category": "umbrella", "source": "folder:/etc"}',
        b'{"kind": "reconstruct", "photo": "../../etc/passwd"}',
        b'{"kind": "check", "steps": -1}',
        b'{"kind": "check", "seconds": NaN}',
    ],
)
def test_a_wrong_job_gives_one_sentence(backend, body):
    answer = backend.client.post("/v1/jobs", content=body)
    assert answer.status_code in (404, 422)
    assert is_sentence(answer)
    assert backend.client.get("/v1/jobs").json() == {"jobs": []}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/jobs/0123456789abcdef",
        "/v1/jobs/..%2f..%2ftoken",
        "/v1/jobs/0123456789abcdef/events",
        "/v1/jobs/0123456789abcdef/files/token",
        "/v1/fields/..%2ftoken",
        "/v1/fields/..",
        "/v1/fields/token/file",
        "/v1/fields/%2e%2e%2fjobs.sqlite3/file",
        "/v1/fields/a%00b/file",
        "/docs",
        "/openapi.json",
        "/",
    ],
)
def test_what_is_not_there_is_not_found(backend, path):
    answer = backend.client.get(path)
    assert answer.status_code == 404
    assert is_sentence(answer)


def test_another_method_gives_a_sentence(backend):
    answer = backend.client.put("/v1/jobs", json={})
    assert answer.status_code == 405
    assert is_sentence(answer)


@pytest.mark.parametrize("host", ["0.0.0.0", "localhost", "example.com", "224.0.0.1", "::"])
def test_it_listens_on_one_address_that_is_named_by_number(tmp_path, host):
    answer = _serve("--host", host, "--home", str(tmp_path))
    assert answer.returncode == 2
    assert answer.stderr.count("\n") == 1
    assert "address" in answer.stderr


def test_an_address_of_the_network_is_warned_of(tmp_path):
    # 192.0.2.0/24 is for documentation: no machine has it, so it ends after the warning.
    answer = _serve("--host", "192.0.2.1", "--home", str(tmp_path))
    assert answer.returncode == 3
    warning, refusal = answer.stderr.splitlines()
    assert "unencrypted" in warning
    assert "cannot be opened" in refusal


def test_another_address_of_its_own_is_a_host_of_its_own(start):
    backend = start("--host", "127.0.0.2")
    assert backend.url.startswith("http://127.0.0.2:")
    assert backend.client.get("/v1/pulse").status_code == 200
    assert backend.client.get("/v1/pulse", headers={"Authorization": "Bearer x"}).status_code == 401
    assert backend.client.get("/v1/pulse", headers={"Host": "127.0.0.20"}).status_code == 403


def _serve(*options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "propfield", "serve", "--port", "0", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)
