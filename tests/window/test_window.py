"""A whole Blender with a window, driven by simulated events: an animator's afternoon with a real backend.

BLENDER names the program, as in `BLENDER=/usr/bin/blender make test-window`. It must be able to open a window
(a screen or Xvfb) and to run this environment's Python. Screenshots go to WINDOW_PICTURES where that is set;
they need ImageMagick's `import`.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
PATIENCE = 1200.0
# What Blender says that is nobody's fault.
HARMLESS = ("Warning: region type", "could not get a list of mounted", "Cannot open 'CURRENT")


@pytest.fixture(scope="module")
def blender() -> str:
    program = os.environ.get("BLENDER")
    if not program:
        pytest.skip("needs a whole Blender with a window: set BLENDER to its program")
    return program


class Studio:
    """A folder with an animator's Blender: its settings, the extension installed, a home and a port of its
    own."""

    def __init__(self, blender: str, folder: Path) -> None:
        self.blender, self.folder = blender, folder
        self.pictures = Path(os.environ.get("WINDOW_PICTURES") or folder / "pictures").absolute()
        self.pictures.mkdir(parents=True, exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def settings(self, **more: str) -> Path:
        """What a script inside Blender is told, as a file."""
        told = {
            "home": str(self.folder / "home"),
            "port": self.port,
            "python": sys.executable,
            "blend": str(self.folder / "scene.blend"),
            "pictures": str(self.pictures),
            "verdict": str(self.folder / "verdict.json"),
            "vertices": str(self.folder / "posed.npy"),
        }
        path = self.folder / "settings.json"
        path.write_text(json.dumps(told | more), encoding="utf-8")
        return path

    def run(self, *arguments: str, resources: str = "resources") -> str:
        """Runs Blender to its end; gives what it said. AssertionError with that where it failed."""
        (self.folder / resources).mkdir(exist_ok=True)
        process = subprocess.Popen(
            [self.blender, *arguments],
            env=os.environ | {"BLENDER_USER_RESOURCES": str(self.folder / resources)},
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # BLENDER may be a script around the program: all of it is ended together.
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=PATIENCE)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        assert process.returncode == 0, said
        return said

    def install(self) -> None:
        """Installs and enables the extension from its zip, as "Install from Disk" does."""
        subprocess.run(
            [sys.executable, str(REPOSITORY / "blender_scripts" / "build_extension.py"), str(self.folder)],
            check=True,
        )
        [archive] = self.folder.glob("propfield-*.zip")
        self.run("--command", "extension", "install-file", "-r", "user_default", "-e", str(archive))

    def play(self, script: str, **more: str) -> dict:
        """Lets a script drive the window; gives what it told."""
        settings = self.settings(**more)
        said = self.run(
            *("--enable-event-simulate", "--python-exit-code", "1", "--python", str(HERE / script)),
            *("--", str(settings)),
        )
        verdict = json.loads((self.folder / "verdict.json").read_text(encoding="utf-8"))
        assert not verdict["error"], f"{verdict['error']}\n{said}"
        assert complaints(said) == []
        return verdict["told"]


def complaints(said: str) -> list[str]:
    """The lines of Blender's console that tell of errors."""
    return [
        line
        for line in said.splitlines()
        if any(word in line for word in ("Error", "Traceback", "Warning", "error:"))
        and not any(word in line for word in HARMLESS)
    ]


@pytest.fixture(scope="module")
def studio(blender, tmp_path_factory) -> Studio:
    studio = Studio(blender, tmp_path_factory.mktemp("studio"))
    studio.install()
    return studio


@pytest.fixture(scope="module")
def told(studio) -> dict:
    """The afternoon, which all tests look at."""
    return studio.play("animator.py")


def test_learn_cancel_import_pose_undo_place_save(told):
    assert told["moved"][1] > 0.2


def test_closing_blender_ends_the_backend_that_it_started(told):
    # It was asked to stop, and finishes what it writes.
    deadline = time.monotonic() + 60
    while psutil.pid_exists(told["backend"]):
        assert time.monotonic() < deadline, "the backend outlives the Blender that started it"
        time.sleep(0.2)


def test_the_saved_file_works_where_the_add_on_is_not(studio, told):
    """In a Blender that never saw it the field is where it was, and follows on; nothing complains."""
    out = studio.folder / "without.npz"
    said = studio.run(
        *("--background", "--python-exit-code", "1", str(studio.folder / "scene.blend")),
        *("--python", str(HERE / "without_addon.py"), "--"),
        *(told["shells"], told["character"], told["prop"], str(out)),
        resources="bare",
    )
    assert complaints(said) == []
    with np.load(out) as found:
        assert np.abs(found["as_saved"] - np.load(studio.folder / "posed.npy")).max() < 1e-5
        assert np.abs(found["posed_further"] - found["as_saved"]).max() > 0.1
        assert np.abs(found["prop"] - found["prop_as_saved"]).max() > 0.05


def test_the_saved_file_opened_again_goes_on(studio, told):
    studio.play("reopened.py")


def test_every_panel_draws(studio, told):
    """Each alone, with a backend that works and a field at hand; the console stays quiet."""
    [field] = (studio.folder / "home" / "library").glob("*.field.npz")
    studio.play("panels.py", field=str(field))
