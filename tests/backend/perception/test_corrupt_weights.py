"""Weights that were cut or garbled are one sentence with the file's name; nothing takes the process down."""

import io
import json
import subprocess
import sys
import zipfile

import pytest

# Run apart: a loader in C++ that aborts would end the tests as well.
LOADING = """
import json, sys
from propfield.errors import PropfieldError

said = {}
for path in sys.argv[1:]:
    try:
        if path.endswith(".task"):
            from propfield.perception.keypoints_mediapipe import MediaPipeKeypoints as Model
        else:
            from propfield.perception.onnx_segmenter import OnnxSegmenter as Model
        Model(__import__("pathlib").Path(path))
    except PropfieldError as error:
        said[path] = str(error)
print(json.dumps(said))
"""


def sentences_of(paths) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", LOADING, *map(str, paths)], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def cut_and_garbled(whole: bytes) -> dict[str, bytes]:
    return {
        "empty": b"",
        "text": b"This is no network.\n" * 20,
        "head": whole[:100],
        "half": whole[: len(whole) // 2],
        "almost": whole[:-1000],
    }


def repacked(bundle: bytes, change) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(bundle)) as old, zipfile.ZipFile(packed, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)))
    return packed.getvalue()


def check(folder, kinds: dict[str, bytes], suffix: str) -> None:
    paths = [folder / f"{name}{suffix}" for name in kinds]
    for path, content in zip(paths, kinds.values(), strict=True):
        path.write_bytes(content)
    said = sentences_of(paths)
    for path in paths:
        sentence = said[str(path)]
        assert path.name in sentence
        assert "\n" not in sentence
        assert sentence.endswith(".")


@pytest.mark.shared
def test_pose_bundles(shared, tmp_path):
    pytest.importorskip("mediapipe")
    whole = (shared / "models" / "pose_landmarker_full.task").read_bytes()
    kinds = {
        **cut_and_garbled(whole),
        "networks-of-words": repacked(whole, lambda network: b"garbage" * 1000),
        "networks-cut": repacked(whole, lambda network: network[: len(network) // 2]),
        "networks-flipped": repacked(
            whole, lambda network: network[:2000] + bytes(255 - value for value in network[2000:4000])
        ),
        "no-networks": repacked(whole, lambda network: b""),
    }
    check(tmp_path, kinds, ".task")


@pytest.mark.shared
def test_segmentation_networks(shared, tmp_path):
    pytest.importorskip("onnxruntime")
    whole = (shared / "models" / "yolov5s-seg.onnx").read_bytes()
    flipped = whole[:1000] + bytes(255 - value for value in whole[1000:9000]) + whole[9000:]
    check(tmp_path, {**cut_and_garbled(whole), "flipped": flipped}, ".onnx")
