"""propfield with nothing but what it depends on: each verb works, or says in one sentence what it needs.

Everybody's test hides the optional packages of this environment; the slow one installs into a fresh one.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[2]
EXTRAS = ("onnxruntime", "mediapipe", "transformers", "smplx", "ray", "bpy", "pyfqmr")
# Python's own search for modules, but for some that it never finds, nor find_spec: as where they are not.
HIDING = """
import importlib.machinery, json, os, sys

hidden = set(json.loads(os.environ["PROPFIELD_TEST_HIDDEN"]))


class Finder(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in hidden else super().find_spec(name, path, target)


sys.meta_path = [Finder if each is importlib.machinery.PathFinder else each for each in sys.meta_path]
"""


# Verbs one after the other in one process: most of a verb's time is the loading of torch.
SERVING = """
import contextlib, io, json, sys
from propfield.cli.main import run

answers = sys.stdout
for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(json.loads(line))
    print(json.dumps([code, out.getvalue(), err.getvalue()]), file=answers, flush=True)
"""


class Installed:
    """A propfield to be run, in a home and a folder of its own; each verb in a process of its own."""

    def __init__(self, python: Path, folder: Path, **env: str) -> None:
        self.python, self.folder = python, folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PROPFIELD_")}
        self.env = {**kept, **env, "PROPFIELD_HOME": str(folder / "home"), "NO_COLOR": "1", "COLUMNS": "160"}

    def run(self, *arguments: object) -> subprocess.CompletedProcess:
        return subprocess.run(
            [self.python, "-m", "propfield", *map(str, arguments)],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def works(self, *arguments: object) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, (arguments, done.stderr)
        assert "Traceback" not in done.stderr
        return done.stdout

    def explains(self, words: str, *arguments: object) -> None:
        """That it says in one sentence what it needs; progress may come before that."""
        done = self.run(*arguments)
        said = [line for line in done.stderr.splitlines() if not line.endswith("…")]
        assert done.returncode in (2, 3), (arguments, done.stdout, done.stderr)
        assert len(said) == 1, (arguments, done.stderr)
        assert re.search(words, said[0]), (arguments, said[0])
        assert said[0].startswith("propfield: ")
        assert said[0].endswith(".")
        assert done.stdout == ""


class InOneProcess(Installed):
    """The same, but that all verbs are run in one process."""

    def __enter__(self) -> "InOneProcess":
        self._process = subprocess.Popen(
            [self.python, "-c", SERVING],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def run(self, *arguments: object) -> subprocess.CompletedProcess:
        self._process.stdin.write(json.dumps([str(each) for each in arguments]) + "\n")
        self._process.stdin.flush()
        return subprocess.CompletedProcess(arguments, *json.loads(self._process.stdout.readline()))


def check_every_verb(here: Installed) -> None:
    folder = here.folder
    assert "reconstruct" in here.works("--help")

    listed = {each["name"]: each for each in json.loads(here.works("providers", "--json"))["providers"]}
    assert listed["studio"]["available"]
    assert listed["fit"]["available"]
    for name, package in (
        ("onnx-yolo-seg", "onnxruntime"),
        ("mediapipe", "mediapipe"),
        ("sam2", "transformers"),
    ):
        assert not listed[name]["available"]
        assert re.search(rf"{package} is not installed; .*pip install", listed[name]["reason"])
    assert "not installed" in here.works("providers")
    here.works("check")
    here.works("categories")
    assert "pose-landmarker-heavy" in here.works("weights", "list")
    here.explains("propfield weights get", "weights", "where", "pose-landmarker-heavy")
    here.explains("--offline", "weights", "get", "rtdetr-v2-r18", "--yes", "--offline")

    field = folder / "umbrella.field.npz"
    small = ("learn", "umbrella", "--type", "hold", "--views", 16, "--resolution", 16, "--out", field)
    assert json.loads(here.works(*small, "--json"))["views_kept"] > 0
    here.explains(r"pip install .*propfield\[ray\]", *small, "--engine", "ray")
    assert json.loads(here.works("info", field, "--json"))["commercial_safe"] is True
    assert "All of its inputs allow commercial use." in here.works("info", field)
    (folder / "pose.json").write_text(json.dumps(np.zeros((24, 3)).tolist()))
    here.works("pose", field, "--pose", "pose.json", "--out", "posed.ply")
    assert (folder / "posed.ply").stat().st_size > 1000

    from skimage import data

    Image.fromarray(data.camera()).save(folder / "camera.png")
    rebuild = ("reconstruct", "camera.png", "--out", "scene")
    annotated = ("--annotations", REPOSITORY / "examples" / "cameraman.json")
    here.explains("Finding persons and objects needs", *rebuild)
    assert not (folder / "scene").exists()
    assert json.loads(here.works(*rebuild, *annotated, "--json"))["commercial_safe"] is True
    assert (folder / "scene" / "scene.json").is_file()
    for segmenter in ("mask2former", "net.onnx"):
        here.explains("is not installed; .*pip install", *rebuild, "--segmenter", segmenter)
    photos = folder / "photos"
    photos.mkdir()
    Image.new("RGB", (64, 64)).save(photos / "a.png")
    here.explains(
        "Finding persons and objects needs", "learn", "tie", "--source", f"folder:{photos}", "--out", field
    )


def needed(name: str, found: set[str]) -> None:
    """Adds a distribution, and all that it depends on without extras."""
    plain = re.sub(r"[-_.]+", "-", name).lower()
    if plain in found:
        return
    found.add(plain)
    with suppress(metadata.PackageNotFoundError):
        for requirement in map(Requirement, metadata.requires(name) or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                needed(requirement.name, found)


def test_everything_optional_is_hidden(tmp_path):
    # Of the checkout: what was installed may be of before its last change.
    dependencies = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["dependencies"]
    kept: set[str] = {"propfield"}
    for dependency in dependencies:
        needed(Requirement(dependency).name, kept)
    hidden = sorted(
        module
        for module, owners in metadata.packages_distributions().items()
        if not kept & {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners}
        and module.isidentifier()
        and not module.startswith("_")
    )
    assert {"onnxruntime", "smplx", "ray", "beartype"} & set(hidden)
    assert not {"numpy", "torch", "PIL", "skimage", "propfield"} & set(hidden)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(HIDING)
    here = InOneProcess(
        Path(sys.executable),
        tmp_path,
        PYTHONPATH=str(tmp_path / "site"),
        PROPFIELD_TEST_HIDDEN=json.dumps(hidden),
    )
    absent = f"from importlib.util import find_spec; print([find_spec(name) for name in {EXTRAS}])"
    said = subprocess.run(
        [here.python, "-c", absent], env=here.env, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == str([None] * len(EXTRAS))
    with here:
        check_every_verb(here)


@pytest.mark.slow
def test_a_fresh_environment(tmp_path):
    place = tmp_path / "venv"
    venv.create(place, with_pip=True)
    python = place / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    # A copy, since building leaves its traces; installed as users do, so that data files are there or not.
    source = tmp_path / "source"
    built = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.nbi", "*.nbc")
    shutil.copytree(REPOSITORY / "backend", source / "backend", ignore=built)
    for name in ("pyproject.toml", "README.md", "LICENSE", "constraints.txt"):
        shutil.copyfile(REPOSITORY / name, source / name)
    installing = subprocess.run(
        [python, "-m", "pip", "install", "-q", "-c", source / "constraints.txt", source],
        capture_output=True,
        text=True,
    )
    if re.search(r"No matching distribution|Connection|Temporary failure", installing.stderr):
        pytest.skip("needs a package index, and none can be reached")
    assert installing.returncode == 0, installing.stderr
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format", "json"], capture_output=True, check=True
    )
    assert not {each["name"].lower() for each in json.loads(listed.stdout)} & set(EXTRAS)
    check_every_verb(Installed(python, tmp_path))
