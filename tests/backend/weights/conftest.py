"""A server of files, and weights' folders of the tests' own."""

import importlib.util
from pathlib import Path

import pytest

from propfield.weights import download as downloading

_spec = importlib.util.spec_from_file_location("file_server", Path(__file__).parent / "file_server.py")
_file_server = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_file_server)


@pytest.fixture
def server():
    """A FileServer: `server.files` maps paths to what `server.served(...)` makes."""
    running = _file_server.FileServer()
    running.served = _file_server.Served
    yield running
    running.close()


@pytest.fixture
def weights(tmp_path, monkeypatch) -> Path:
    """An empty weights' folder, not yet made."""
    folder = tmp_path / "weights"
    monkeypatch.setenv("PROPFIELD_WEIGHTS", str(folder))
    for name in ("PROPFIELD_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch):
    monkeypatch.setattr(downloading, "PAUSE", 0.001)
