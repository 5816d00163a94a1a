"""`propfield weights` as a user runs it, with a hub on this machine."""

import io
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from propfield.cli.main import run

NAME = "PekingU/rtdetr_v2_r18vd"
CONTENT = np.random.default_rng(0).bytes(200_000)
FILES = {"config.json": b"{}", "model.safetensors": CONTENT}


@pytest.fixture
def hub(server, weights, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    server.add_repository(NAME, FILES)
    return server


@pytest.fixture
def said(capsys):
    def ran(*arguments: str) -> tuple[int, str, str]:
        code = run(["weights", *map(str, arguments)])
        return code, *capsys.readouterr()

    return ran


def test_list_get_and_where(hub, weights, said):
    code, out, _ = said("list", "--json")
    listed = {each["name"]: each for each in json.loads(out)["weights"]}
    assert (code, listed["rtdetr-v2-r18"]["path"]) == (0, None)
    assert listed["mask2former-swin-tiny"]["commercial"] is None
    assert listed["pose-landmarker-heavy"]["bytes"] == 30664242
    assert hub.asked == []

    code, out, err = said("where", "rtdetr-v2-r18")
    assert (code, out) == (2, "")
    assert "`propfield weights get rtdetr-v2-r18`" in err

    code, out, err = said("get", "rtdetr-v2-r18", "--json", "--yes")
    told = json.loads(out)
    assert (code, told["bytes"], told["commercial"]) == (0, 200_002, True)
    for words in ("licence Apache-2.0", "0.2 MB", "sha256:", "git-blob:", f"from {NAME}@c0ffee"):
        assert words in err

    assert said("where", "rtdetr-v2-r18") == (0, f"{weights / 'rtdetr-v2-r18'}\n", "")
    asked = len(hub.asked)
    code, out, _ = said("get", "rtdetr-v2-r18")
    assert (code, len(hub.asked)) == (0, asked)
    assert "already here" in out
    assert "yes " in next(line for line in said("list")[1].splitlines() if line.startswith("rtdetr"))


def test_nothing_is_fetched_unasked(hub, weights, said, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code, out, err = said("get", "rtdetr-v2-r18")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("propfield: Nothing was fetched")
    assert "licence Apache-2.0" in err
    # The size and the hashes were asked for, the files were not.
    assert [path for path, _ in hub.asked] == [f"/api/models/{NAME}/revision/main?blobs=true"]
    assert not (weights / "rtdetr-v2-r18").exists()
    code, _, err = said("get", "rtdetr-v2-r18", "--yes", "--offline")
    assert code == 3
    assert "--offline is set" in err


def test_weights_of_ones_own(weights, tmp_path, said):
    (tmp_path / "boards.onnx").write_bytes(CONTENT)
    code, out, _ = said("get", "Boards-seg", "--from", tmp_path / "boards.onnx", "--licence", "own work")
    assert (code, out.split(":")[0]) == (0, str(weights / "boards-seg.onnx"))
    assert said("where", "boards-seg")[1] == f"{weights / 'boards-seg.onnx'}\n"
    own = json.loads(said("list", "--json")[1])["weights"][-1]
    assert (own["name"], own["commercial"], own["bytes"]) == ("boards-seg", True, 200_000)
    for arguments, words in (
        (("get", "../x", "--from", tmp_path / "boards.onnx", "--licence", "MIT"), "is no name for weights"),
        (("get", "yolov5s-seg", "--from", tmp_path / "boards.onnx", "--licence", "MIT"), "another name"),
        (("get", "boards", "--from", tmp_path / "boards.onnx"), "no weights called"),
        (("get", "rtdetr-v2-r18", "--licence", "MIT"), "--from FILE"),
    ):
        code, out, err = said(*arguments)
        assert (code, out, len(err.splitlines())) == (2, "", 1)
        assert words in err


def test_a_file_that_somebody_put_there_is_compared(weights, said):
    weights.mkdir()
    (weights / "pose_landmarker_heavy.task").write_bytes(CONTENT)
    code, out, _ = said("get", "pose-landmarker-heavy")
    assert code == 0
    assert "already here; its hash is not the published one's" in out


def test_a_published_file_that_is_brought_is_compared(weights, tmp_path, said):
    (tmp_path / "mine.task").write_bytes(CONTENT)
    code, out, _ = said("get", "pose-landmarker-heavy", "--from", tmp_path / "mine.task")
    assert code == 0
    assert "not the published one's" in out


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another thing there")
def test_ctrl_c_leaves_a_part_that_is_gone_on_with(hub, weights):
    command = [sys.executable, "-m", "propfield", "weights", "get", "rtdetr-v2-r18", "--yes"]
    hub.files["/store/model.safetensors"].slow = 0.02
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    part = weights / ".parts" / "rtdetr-v2-r18" / "model.safetensors"
    end = time.monotonic() + 60
    while not (part.is_file() and part.stat().st_size > 10_000) and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "the same command goes on from there" in err
    assert "Traceback" not in err
    kept = part.stat().st_size
    assert CONTENT.startswith(part.read_bytes())
    hub.files["/store/model.safetensors"].slow = 0.0
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert hub.asked[-1] == ("/store/model.safetensors", f"bytes={kept}-")
    assert (weights / "rtdetr-v2-r18" / "model.safetensors").read_bytes() == CONTENT
    assert not (weights / ".parts").exists()
