"""What all tests share: shapes and dtypes of signatures are enforced, and the development data is found."""

import os
import sys
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

# Real threads of torch on top of xdist's processes would fight for the same two cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

install_import_hook("propfield", "beartype.beartype")

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_sessionfinish() -> None:
    # MediaPipe's models, kept for the process's life, complain of pytest's half taken down at its end.
    keypoints = sys.modules.get("propfield.perception.keypoints_mediapipe")
    if keypoints is not None:
        keypoints._landmarker.cache_clear()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The development data beside the checkout; skips where it is not."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs the development data (../shared), which is not here")
    return folder


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A home folder of the test's own, so that nothing touches the user's library."""
    folder = tmp_path / "home"
    monkeypatch.setenv("PROPFIELD_HOME", str(folder))
    return folder
