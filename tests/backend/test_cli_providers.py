"""`propfield providers`: what can run here and why not, with nothing optional installed as well."""

import json
import os
import subprocess
import sys

import pytest

OPTIONAL = ("onnxruntime", "mediapipe", "transformers", "detectron2", "mmpose", "smplx", "ray", "bpy", "cv2")
WITHOUT = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {OPTIONAL!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
from propfield.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def _run(home, *arguments: str, without: bool = False) -> subprocess.CompletedProcess:
    program = ["-c", WITHOUT] if without else ["-m", "propfield"]
    environment = {**os.environ, "PROPFIELD_HOME": str(home), "HF_HOME": str(home / "hub")}
    environment.pop("PROPFIELD_WEIGHTS", None)
    return subprocess.run(
        [sys.executable, *program, *arguments], capture_output=True, text=True, env=environment, timeout=120
    )


@pytest.mark.parametrize("without", [False, True], ids=["with all packages", "with none that is optional"])
def test_every_provider_says_whether_it_can_run(home, without):
    answer = _run(home, "providers", "--json", without=without)
    assert answer.returncode == 0, answer.stderr
    parts = {(part["job"], part["name"]): part for part in json.loads(answer.stdout)["providers"]}
    assert parts["body", "fit"]["available"]
    assert parts["segmenter", "coco"]["available"]
    for part in parts.values():
        assert part["available"] == (part["reason"] == "")
        assert "\n" not in part["reason"]
    for job, name in (("segmenter", "onnx-yolo-seg"), ("keypoints", "mediapipe"), ("detector", "rtdetr-v2")):
        part = parts[job, name]
        assert not part["available"]
        assert ("is not installed; install it with pip install" in part["reason"]) == without


def test_the_table_fits_a_terminal_and_tells_what_is_missing(home):
    answer = _run(home, "providers")
    assert answer.returncode == 0
    table, _, needs = answer.stdout.partition("What the others are and need:")
    assert max(len(line) for line in table.splitlines()) <= 80
    assert "- sam2, " in needs
    assert "propfield weights get sam2.1-hiera-small" in needs


def test_without_packages_a_photo_is_refused_in_one_sentence(home, tmp_path):
    from PIL import Image

    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    answer = _run(home, "reconstruct", str(tmp_path / "a.png"), "--out", str(tmp_path / "out"), without=True)
    assert answer.returncode == 3
    assert "propfield: Finding persons and objects needs a model" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "out").exists()


def test_help_shows_examples(home):
    answer = _run(home, "providers", "--help")
    assert answer.returncode == 0
    assert "Example" in answer.stdout
