"""Weights come whole, verified and when asked for, or not at all."""

import dataclasses
import hashlib

import numpy as np
import pytest

from propfield.errors import Cancelled, NotFound, PropfieldError, Unavailable
from propfield.licences import read_licence
from propfield.weights.catalogue import Entry, WeightsFile, catalogue, find_entry
from propfield.weights.fetching import bring, fetch, hash_of, plan
from propfield.weights.records import is_here, licence_of, named_weights, place_of, read_record

CONTENT = np.random.default_rng(0).bytes(50_000)
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
REPOSITORY = {
    "config.json": b'{"model_type": "rt_detr_v2"}',
    "preprocessor_config.json": b"{}",
    "model.safetensors": CONTENT,
    "pytorch_model.bin": b"a pickle",
    "README.md": b"# Words",
}


def entry_at(server, digest: str = SHA256, size: int | None = len(CONTENT)) -> Entry:
    server.files["/a.task"] = server.served(CONTENT)
    file = WeightsFile("a.task", f"{server.url}/a.task", size, digest)
    return Entry("a", "mediapipe", "keypoints", "a test", read_licence("Apache-2.0"), files=(file,))


def everything_in(folder) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_one_file_is_fetched_verified_and_recorded(server, weights):
    entry = entry_at(server)
    assert not is_here(entry)
    path = fetch(plan(entry))
    assert (path, path.read_bytes()) == (weights / "a.task", CONTENT)
    assert is_here(entry)
    assert everything_in(weights) == {"a.task", "records/a.json"}
    record = read_record("a")
    assert (record.files, record.published, record.source) == (
        {"a.task": SHA256},
        True,
        f"{server.url}/a.task",
    )
    assert licence_of(path).name == "Apache-2.0"


def test_a_wrong_hash_is_refused_and_nothing_is_left(server, weights):
    with pytest.raises(PropfieldError, match=r"What came as a\.task is not the file that was promised"):
        fetch(plan(entry_at(server, digest="sha256:" + "0" * 64)))
    assert everything_in(weights) == set()


def test_what_is_here_stays_when_its_successor_is_wrong(server, weights):
    weights.mkdir()
    (weights / "a.task").write_bytes(b"an earlier one")
    with pytest.raises(PropfieldError):
        fetch(plan(entry_at(server, digest="sha256:" + "0" * 64)))
    assert (weights / "a.task").read_bytes() == b"an earlier one"


def test_where_no_hash_is_known_the_first_one_holds(server, weights):
    entry = entry_at(server, digest="")
    assert plan(entry).files[0].digest == ""
    fetch(plan(entry))
    place_of(entry).unlink()
    assert plan(entry).files[0].digest == SHA256
    server.files["/a.task"] = server.served(bytes(reversed(CONTENT)))
    with pytest.raises(PropfieldError, match="not the file that was promised"):
        fetch(plan(entry))


def test_a_cancelled_download_is_taken_up(server, weights):
    entry = entry_at(server)
    server.files["/a.task"].slow = 0.002

    def stop(stage: str, fraction: float, message: str = "") -> None:
        if fraction > 0.4:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        fetch(plan(entry), stop)
    assert not is_here(entry)
    assert fetch(plan(entry)).read_bytes() == CONTENT
    assert server.asked[-1][1].startswith("bytes=")
    assert everything_in(weights) == {"a.task", "records/a.json"}


def test_a_disk_without_room_is_told_before(server, weights):
    with pytest.raises(PropfieldError, match=r"needs \d+ MB more on the disk"):
        fetch(plan(entry_at(server, size=10**18)))
    assert server.asked == []


@pytest.fixture
def hub(server, weights, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    server.add_repository("PekingU/rtdetr_v2_r18vd", REPOSITORY)
    return server


def test_a_repository_comes_as_a_folder_without_pickles(hub, weights):
    entry = find_entry("rtdetr-v2-r18")
    planned = plan(entry)
    assert planned.source == "PekingU/rtdetr_v2_r18vd@c0ffee"
    kept = {name: content for name, content in REPOSITORY.items() if name.endswith(("json", "safetensors"))}
    assert {file.name: file.bytes for file in planned.files} == {name: len(kept[name]) for name in kept}
    assert planned.bytes == sum(map(len, kept.values()))
    # Only the hub's listing has been asked for.
    assert [path for path, _ in hub.asked] == ["/api/models/PekingU/rtdetr_v2_r18vd/revision/main?blobs=true"]
    folder = fetch(planned)
    assert folder == weights / "rtdetr-v2-r18"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == kept
    assert read_record("rtdetr-v2-r18").files["model.safetensors"] == SHA256
    assert licence_of(folder).commercial


def test_every_file_of_a_repository_is_verified(hub, weights):
    planned = plan(find_entry("rtdetr-v2-r18"))
    hub.files["/PekingU/rtdetr_v2_r18vd/resolve/c0ffee/config.json"] = hub.served(
        b'{"model_type": "rt_detr_v3"}'
    )
    with pytest.raises(
        PropfieldError, match=r"config\.json is not the file that was promised \(its git-blob"
    ):
        fetch(planned)
    assert not (weights / "rtdetr-v2-r18").exists()
    # What was right waits for the next try.
    hub.add_repository("PekingU/rtdetr_v2_r18vd", REPOSITORY)
    fetch(plan(find_entry("rtdetr-v2-r18")))


def test_a_broken_repository_goes_on_where_it_broke(hub, weights):
    hub.files["/store/model.safetensors"].breaks = [20_000]
    folder = fetch(plan(find_entry("rtdetr-v2-r18")))
    assert (folder / "model.safetensors").read_bytes() == CONTENT
    # The hub is asked again as well, since its links to the store may not last.
    assert hub.asked[-2:] == [
        ("/PekingU/rtdetr_v2_r18vd/resolve/c0ffee/model.safetensors", "bytes=20000-"),
        ("/store/model.safetensors", "bytes=20000-"),
    ]


def test_a_name_cannot_lead_out_of_the_folder(hub, weights):
    hub.add_repository("PekingU/rtdetr_v2_r18vd", {**REPOSITORY, "../../evil.json": b"{}", "a/b.json": b"{}"})
    assert {file.name for file in plan(find_entry("rtdetr-v2-r18")).files} == {
        "config.json",
        "preprocessor_config.json",
        "model.safetensors",
    }


def test_what_is_no_hub_is_one_sentence(server, weights, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    entry = find_entry("sam2.1-hiera-small")
    with pytest.raises(NotFound, match="no longer there"):
        plan(entry)
    place = f"/api/models/{entry.hub}/revision/main?blobs=true"
    for answer in (b"<html>", b"[]", b'{"sha": "1", "siblings": [{}]}'):
        server.files[place] = server.served(answer)
        with pytest.raises(PropfieldError, match="HF_ENDPOINT"):
            plan(entry)
    server.add_repository(entry.hub, {"config.json": b"{}", "pytorch_model.bin": b"a pickle"})
    with pytest.raises(PropfieldError, match="holds no safetensors"):
        plan(entry)


@pytest.mark.parametrize("name", ["PROPFIELD_OFFLINE", "HF_HUB_OFFLINE", None])
def test_offline_asks_nobody(hub, monkeypatch, name):
    if name:
        monkeypatch.setenv(name, "1")
    entry = find_entry("rtdetr-v2-r18")
    with pytest.raises(Unavailable, match=rf"since {name or '--offline'} is set; .*--from FOLDER") as caught:
        plan(entry, offline=name is None)
    assert "\n" not in str(caught.value)
    assert hub.asked == []


def test_ones_own_file(weights, tmp_path):
    (tmp_path / "mine.onnx").write_bytes(CONTENT)
    entry = find_entry("yolov5s-seg")
    with pytest.raises(Unavailable, match="Nobody publishes"):
        plan(entry)
    path, published = bring(entry, tmp_path / "mine.onnx")
    assert (path, path.read_bytes(), published) == (weights / "yolov5s-seg.onnx", CONTENT, False)
    # Bringing what lies there already only records it.
    bring(entry, path)
    assert path.read_bytes() == CONTENT
    named = dataclasses.replace(entry, files=(WeightsFile("yolov5s-seg.onnx", digest=SHA256),))
    assert bring(named, tmp_path / "mine.onnx")[1]


def test_ones_own_folder(weights, tmp_path):
    entry, mine = find_entry("vitpose-base-simple"), tmp_path / "mine"
    mine.mkdir()
    for name, content in REPOSITORY.items():
        (mine / name).write_bytes(content)
    folder, _ = bring(entry, mine)
    assert folder == weights / "vitpose-base-simple"
    assert {path.name for path in folder.iterdir()} == {
        "config.json",
        "preprocessor_config.json",
        "model.safetensors",
    }


def test_what_cannot_be_ones_own_is_one_sentence(weights, tmp_path):
    file, folder = find_entry("yolov5s-seg"), find_entry("vitpose-base-simple")
    (tmp_path / "empty.onnx").write_bytes(b"")
    for entry, source, words in (
        (file, tmp_path / "nothing.onnx", "There is nothing at"),
        (file, tmp_path, r"holds no yolov5s-seg\.onnx"),
        (file, tmp_path / "empty.onnx", "is empty"),
        (folder, tmp_path, r"no config\.json beside safetensors"),
        (folder, tmp_path / "empty.onnx", "is a folder of files"),
    ):
        with pytest.raises(PropfieldError, match=words) as caught:
            bring(entry, source)
        assert "\n" not in str(caught.value)
    assert everything_in(tmp_path) == {"empty.onnx"}


def test_the_licence_of_a_file_is_its_records_else_its_names_else_unknown(weights, tmp_path):
    other = tmp_path / "elsewhere" / "pose_landmarker_lite.task"
    assert licence_of(other).name == "Apache-2.0"
    assert licence_of(tmp_path / "net.onnx").commercial is None
    cached = tmp_path / "hub" / "models--PekingU--rtdetr_v2_r18vd" / "snapshots" / "c0ffee"
    assert licence_of(cached).name == "Apache-2.0"
    own = Entry("net", "–", "own", "", read_licence("CC BY-NC 4.0"), files=(WeightsFile("net.onnx"),))
    (tmp_path / "net.onnx").write_bytes(CONTENT)
    path, _ = bring(own, tmp_path / "net.onnx")
    assert licence_of(path).commercial is False
    assert licence_of(tmp_path / "net.onnx").commercial is None


def test_weights_of_ones_own_are_named_as_they_were_called(weights, tmp_path):
    from propfield.perception.providers import chosen

    (tmp_path / "net.onnx").write_bytes(CONTENT)
    own = Entry("boards", "–", "own", "", read_licence("own work"), files=(WeightsFile("boards.onnx"),))
    bring(own, tmp_path / "net.onnx")
    assert named_weights("boards") == weights / "boards.onnx"
    assert named_weights(str(tmp_path / "net.onnx")) == tmp_path / "net.onnx"
    entered = chosen("segmenter", "onnx-yolo-seg:boards").licences()[0]
    assert entered == {
        "what": "segmenter: onnx-yolo-seg, boards.onnx",
        "licence": "own work",
        "commercial": True,
    }


def test_hashes_are_those_of_git_and_of_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"hello\n")
    # git hash-object and sha256sum of the same six bytes.
    assert hash_of(tmp_path / "a", "git-blob") == "ce013625030ba8dba906f756967f9e9ca394464a"
    sha = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
    assert hash_of(tmp_path / "a", "sha256") == sha


def test_the_catalogue_is_whole():
    for name, entry in catalogue().items():
        assert entry.name == name == name.lower()
        assert entry.homepage.startswith("https://")
        assert bool(entry.hub) != bool(entry.files)
        assert entry.how or entry.hub or all(file.url.startswith("https://") for file in entry.files)
        assert not entry.hub or entry.about_bytes
        for file in entry.files:
            assert len(file.digest) in (0, len("sha256:") + 64)
    with pytest.raises(NotFound, match="nearest are pose-landmarker-heavy"):
        find_entry("pose-landmarker-heav")
