"""The manual's page about the wire says what the OpenAPI document says: each address and job, no other."""

import re
from pathlib import Path

import pytest

from propfield.home import open_home
from propfield.service.app import create_app
from propfield.service.guard import JSON_LIMIT, UPLOAD_LIMIT
from propfield.service.schema import openapi

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "wire.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def document(tmp_path_factory) -> dict:
    return openapi(create_app(open_home(tmp_path_factory.mktemp("home"))))


def test_the_page_has_every_address_and_no_other(document):
    told = re.findall(r"^\| `([A-Z]+) (/\S+)` \|", PAGE, re.MULTILINE)
    there = [(method.upper(), path) for path, here in document["paths"].items() for method in here]
    assert sorted(told) == sorted(there)


def test_the_page_has_every_kind_of_job_with_its_fields(document):
    told = {
        kind: re.findall(r"`(\w+)`", fields)
        for kind, fields in re.findall(r"^\| `(\w+)` \| (`.*)\|$", PAGE, re.MULTILINE)
    }
    schemas = document["components"]["schemas"]
    kinds = {
        schema["properties"]["kind"]["const"]: [name for name in schema["properties"] if name != "kind"]
        for name, schema in schemas.items()
        if name.endswith("Request")
    }
    assert {kind: sorted(fields) for kind, fields in told.items()} == {
        kind: sorted(fields) for kind, fields in kinds.items()
    }


def test_the_pages_limits_and_statuses_are_the_guards(document):
    assert f"{JSON_LIMIT >> 10} kB, uploads {UPLOAD_LIMIT >> 20} MiB" in PAGE
    answers = {
        status
        for here in document["paths"].values()
        for each in here.values()
        for status in each["responses"]
    }
    for status in answers - {"500"}:
        if status >= "400":
            assert status in PAGE


def test_the_pages_program_runs(backend, tmp_path, monkeypatch):
    """As it stands there, but for the port, the place of the home folder, and the number of views."""
    program = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL).group(1)
    program = program.replace("http://127.0.0.1:8713", backend.url).replace('"views": 100', '"views": 12')
    program = program.replace(
        'pathlib.Path.home() / ".local/share/propfield"', f"pathlib.Path({str(backend.home)!r})"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("no_proxy", "*")
    exec(compile(program, "docs/wire.md", "exec"), {})
    assert (tmp_path / "umbrella.field.npz").stat().st_size > 100_000
