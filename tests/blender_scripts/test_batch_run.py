"""A batch in real Blenders: what it makes, and that stops, kills and crashes change nothing of it."""

import json
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

pytest.importorskip("bpy")
pytestmark = pytest.mark.blender

PATIENCE = 200
SPEC = {
    "characters": {"maya": "body"},
    "poses": {
        "stand": {"joints": {"left_shoulder": [0, 0, -60]}},
        "sit": {"joints": {"left_hip": [-80, 0, 0], "right_hip": [-80, 0, 0]}},
    },
    "fields": {"umbrella": "umbrella.field.npz"},
    "types": ["hold"],
    "cameras": {"front": "front", "round": {"turntable": 2, "elevation": 20}},
    "styles": {
        "shells": {
            "samples": 1,
            "denoise": False,
            "floor": False,
            "resolution": [16, 20],
            "files": ["png", "exr"],
            "passes": ["depth", "object"],
        }
    },
}


@pytest.fixture(scope="module")
def spec(tmp_path_factory, umbrella_file) -> Path:
    """Six tiny frames."""
    folder = tmp_path_factory.mktemp("batch")
    shutil.copyfile(umbrella_file, folder / "umbrella.field.npz")
    (folder / "spec.json").write_text(json.dumps(SPEC))
    return folder / "spec.json"


@pytest.fixture(scope="module")
def undisturbed(spec, batch_command) -> Path:
    """What the spec makes when nothing goes wrong."""
    out = spec.parent / "undisturbed"
    subprocess.run(batch_command(spec, "--out", str(out)), check=True, timeout=PATIENCE, capture_output=True)
    return out


def contents(out: Path) -> dict[str, bytes]:
    """All files that are for the user."""
    found = (path for path in out.rglob("*") if path.is_file() and ".batch" not in path.parts)
    return {str(path.relative_to(out)): path.read_bytes() for path in found}


def made(out: Path) -> int:
    journal = out / ".batch" / "made.jsonl"
    return journal.read_bytes().count(b'"key"') if journal.is_file() else 0


def wait_until(true, what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def all_gone(processes: list[psutil.Process]) -> bool:
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)


def test_a_batch_makes_pictures_a_sheet_and_a_manifest(undisturbed):
    files = contents(undisturbed)
    stems = [f"maya/umbrella-hold/{pose}/{camera}-shells" for pose in SPEC["poses"] for camera in
             ("front", "round-01", "round-02")]  # fmt: skip
    pictures = {f"{stem}.{suffix}" for stem in stems for suffix in ("png", "exr")}
    assert set(files) == pictures | {"manifest.json", "contact_sheet.png"}
    told = json.loads(files["manifest.json"])
    assert {one["path"] for frame in told["frames"] for one in frame["files"]} == pictures
    assert told["commercial"] is True
    assert ("pictures", "CC BY 4.0") in [(one["what"], one["licence"]) for one in told["licences"]]
    assert not told["failed"]
    for stem in stems:
        with Image.open(undisturbed / f"{stem}.png") as picture:
            pixels = np.asarray(picture).astype(int)
            assert pixels.shape == (20, 16, 3)
            assert set(picture.info) <= {"dpi"}
        # The backdrop is in the corners and the character in the middle.
        assert np.abs(pixels[0, 0] - (230, 232, 237)).max() <= 2
        assert np.abs(pixels[7:14, 6:10] - (230, 232, 237)).max() > 60
    assert all(b"cycles." not in content[:4000] for name, content in files.items() if name.endswith(".exr"))
    assert len({files[f"{stem}.png"] for stem in stems}) == 6


def test_multi_layer_pictures_are_whole(undisturbed):
    import bpy

    if not hasattr(bpy.utils, "expose_bundled_modules"):
        pytest.skip("needs a Blender that brings OpenImageIO for Python")
    bpy.utils.expose_bundled_modules()
    import OpenImageIO

    (path, *_) = sorted(undisturbed.rglob("front-shells.exr"))
    stream, layers = OpenImageIO.ImageInput.open(str(path)), {}
    while stream.seek_subimage(len(layers), 0):
        layer = stream.spec()
        name = layer.get_string_attribute("name").partition(".")[2]
        layers[name] = stream.read_image(len(layers), 0, 0, layer.nchannels)
    assert {"Combined", "Depth"} < set(layers)
    assert any(name.startswith("CryptoObject") for name in layers)
    depth = layers["Depth"][..., 0]
    assert depth[0, 0] > 1e9, "nothing in the corner"
    assert 2 < depth.min() < 12
    # The PNG is the same picture, seen through sRGB's curve and dithered.
    light = np.clip(layers["Combined"][..., :3], 0, 1)
    shown = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    with Image.open(path.with_suffix(".png")) as picture:
        assert np.abs(255 * shown - np.asarray(picture)).max() < 2


def test_a_dry_run_lists_and_makes_nothing(spec, run_batch, undisturbed, tmp_path):
    done = run_batch(spec, "--dry-run", "--out", str(tmp_path / "new"))
    lines = done.stdout.splitlines()
    assert sum(line.startswith("to make  maya/umbrella-hold/") for line in lines) == 12
    assert lines[-1].startswith("6 frames, 6 of them to make")
    assert not (tmp_path / "new").exists()
    assert "6 frames, 0 of them to make" in run_batch(spec, "--dry-run", "--out", str(undisturbed)).stdout


def test_again_makes_nothing_and_a_change_makes_what_changed(spec, run_batch, undisturbed, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(undisturbed, out)
    before = contents(out)
    assert "6 frames, 0 of them to make" in run_batch(spec, "--out", str(out), "--verify").stderr
    assert contents(out) == before
    (out / "maya/umbrella-hold/sit/front-shells.png").write_bytes(b"touched")
    other = json.loads(json.dumps(SPEC))
    other["poses"]["stand"]["joints"]["neck"] = [20, 0, 0]
    other["cameras"] = {"front": "front"}
    changed = spec.parent / "changed.json"
    changed.write_text(json.dumps(other))
    done = run_batch(changed, "--out", str(out))
    assert "2 frames, 2 of them to make" in done.stderr
    assert "8 files of an earlier spec are left" in done.stderr
    after = contents(out)
    stand, sit = (f"maya/umbrella-hold/{pose}/front-shells.png" for pose in ("stand", "sit"))
    assert after[sit] == before[sit]
    assert after[stand] != before[stand]
    assert "deleted 8 files" in run_batch(changed, "--out", str(out), "--prune").stderr
    assert set(contents(out)) == {
        *("manifest.json", "contact_sheet.png"),
        *(name.replace("png", suffix) for name in (stand, sit) for suffix in ("png", "exr")),
    }


@pytest.mark.parametrize("jobs", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_killed_twice_it_makes_the_same(jobs, spec, batch_command, undisturbed, tmp_path):
    killed_and_gone_on(batch_command(spec, "--out", str(tmp_path), "--jobs", jobs), tmp_path, (1, 4))
    assert contents(tmp_path) == contents(undisturbed)


def killed_and_gone_on(command: list[str], out: Path, after: tuple[int, ...]) -> None:
    """Starts a batch, kills it after so many frames, and again; then lets it end."""
    for count in after:
        started = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while made(out) < count and started.poll() is None:
            time.sleep(0.01)
        workers = psutil.Process(started.pid).children(recursive=True)
        started.kill()
        assert started.wait() == -signal.SIGKILL, "it ended before it could be killed"
        wait_until(lambda workers=workers: all_gone(workers), "a worker outlived its launcher")
    subprocess.run(command, check=True, timeout=600, stderr=subprocess.DEVNULL)


def test_stopped_by_ctrl_c_it_leaves_nothing_half_made(spec, batch_command, undisturbed, tmp_path):
    command = batch_command(spec, "--out", str(tmp_path))
    started = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: made(tmp_path) >= 1, "no frames")
    workers = psutil.Process(started.pid).children(recursive=True)
    started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=30)
    assert started.returncode == 130
    assert said.splitlines()[-1] == "batch: stopped; the same command goes on from here."
    assert all_gone(workers)
    assert not (tmp_path / ".batch" / "half").exists()
    whole = contents(undisturbed)
    assert 0 < len(contents(tmp_path)) < len(whole)
    assert contents(tmp_path).items() <= whole.items()


def test_a_worker_that_is_killed_costs_nothing(spec, batch_command, undisturbed, tmp_path):
    started = subprocess.Popen(batch_command(spec, "--out", str(tmp_path)), stderr=subprocess.DEVNULL)
    for count in (0, 2):
        wait_until(lambda count=count: made(tmp_path) >= count and workers_of(started), "no worker")
        assert started.poll() is None
        for worker in workers_of(started):
            worker.kill()
    assert started.wait(timeout=PATIENCE) == 0
    assert contents(tmp_path) == contents(undisturbed)


def workers_of(started: subprocess.Popen) -> list[psutil.Process]:
    return psutil.Process(started.pid).children()


def test_two_batches_do_not_work_in_one_folder(spec, batch_command, run_batch, tmp_path):
    started = subprocess.Popen(batch_command(spec, "--out", str(tmp_path)), stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: (tmp_path / ".batch" / "half").is_dir(), "no folder")
        done = run_batch(spec, "--out", str(tmp_path), code=2)
        assert "Another batch is at work in" in done.stderr
    finally:
        started.terminate()
        assert started.wait(timeout=30) == 130


def test_frames_that_cannot_be_made_are_named_and_the_others_made(spec, run_batch, tmp_path):
    content = json.loads(json.dumps(SPEC))
    content["poses"] = {"stand": SPEC["poses"]["stand"], "broken": "broken.npz"}
    content["cameras"] = {"front": "front"}
    np.savez(spec.parent / "broken.npz", pose=np.zeros((3, 3)))
    path = spec.parent / "broken.json"
    path.write_text(json.dumps(content))
    done = run_batch(path, "--out", str(tmp_path), code=1)
    sentence = "broken.npz holds no pose of 24 axis-angle rows."
    assert f"maya/umbrella-hold/broken/front-shells failed: {sentence}" in done.stderr
    told = json.loads((tmp_path / "manifest.json").read_text())
    assert told["failed"] == [{"name": "maya/umbrella-hold/broken/front-shells", "error": sentence}]
    assert [frame["name"] for frame in told["frames"]] == ["maya/umbrella-hold/stand/front-shells"]


@pytest.mark.slow
def test_200_frames_killed_five_times_are_the_same(spec, batch_command, tmp_path):
    content = json.loads(json.dumps(SPEC))
    content["cameras"] = {"round": {"turntable": 50}}
    style = {**SPEC["styles"]["shells"], "resolution": [64, 64], "samples": 2}
    content["styles"] = {"one": {**style, "levels": [0.5]}, "two": {**style, "levels": [0.3, 0.7]}}
    path = spec.parent / "many.json"
    path.write_text(json.dumps(content))
    a, b = tmp_path / "a", tmp_path / "b"
    subprocess.run(batch_command(path, "--out", str(a)), check=True, timeout=1800)
    options = ["--jobs", "2", "--frames-per-worker", "30"]
    after = tuple(sorted(random.Random(5).sample(range(1, 199), 5)))
    killed_and_gone_on(batch_command(path, "--out", str(b), *options), b, after)
    assert len(contents(a)) == 2 * 200 + 2
    assert contents(a) == contents(b)
