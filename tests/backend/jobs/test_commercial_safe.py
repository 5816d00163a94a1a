"""What may not be used commercially stays out of fields that are to be sold, and each tells its inputs."""

import json

import numpy as np
import pytest
from PIL import Image

from propfield.cli.main import run
from propfield.errors import PropfieldError
from propfield.field.file import read_header, save_field
from propfield.jobs.learn import learn
from propfield.jobs.requests import learn_request

# A person of 200 × 300 pixels who stands upright before the camera, arms hanging.
STANDING = [
    100, 50, 2, 104, 46, 2, 96, 46, 2, 109, 49, 2, 91, 49, 2, 122, 80, 2, 78, 80, 2, 128, 118, 2, 72, 118, 2,
    130, 150, 2, 70, 150, 2, 114, 150, 2, 86, 150, 2, 115, 205, 2, 85, 205, 2, 116, 260, 2, 84, 260, 2,
]  # fmt: skip
# As in COCO's files: two pictures that may be used commercially, two that may not, one of which nobody knows.
LICENCES = [
    {
        "id": 1,
        "name": "Attribution-NonCommercial License",
        "url": "http://creativecommons.org/licenses/by-nc/2.0/",
    },
    {"id": 4, "name": "Attribution License", "url": "http://creativecommons.org/licenses/by/2.0/"},
    {"id": 7, "name": "No known copyright restrictions", "url": "http://flickr.com/commons/usage/"},
]
OF_PICTURES = [4, 1, 7, 4, None]


@pytest.fixture(autouse=True)
def nobody_asks(monkeypatch):
    monkeypatch.delenv("PROPFIELD_COMMERCIAL_SAFE", raising=False)


def write_coco(folder, of_pictures, *, keypoints=True):
    images, annotations = [], []
    for number, licence in enumerate(of_pictures):
        Image.fromarray(np.full((300, 200, 3), 100, np.uint8)).save(folder / f"{number}.png")
        image = {"id": number, "file_name": f"{number}.png", "width": 200, "height": 300}
        images.append({**image, **({"license": licence} if licence else {})})
        person = {"category_id": 1, "segmentation": [[68, 30, 132, 30, 132, 275, 68, 275]]}
        annotations.append({**person, "image_id": number, **({"keypoints": STANDING} if keypoints else {})})
        thing = {"category_id": 2, "segmentation": [[110, 140, 170, 140, 170, 210, 110, 210]]}
        annotations.append({**thing, "image_id": number})
    data = {
        "images": images,
        "annotations": [{"id": index, "iscrowd": 0, **each} for index, each in enumerate(annotations)],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "suitcase"}],
        "licenses": LICENCES,
    }
    (folder / "coco.json").write_text(json.dumps(data))
    return folder / "coco.json"


@pytest.fixture
def file(tmp_path):
    return write_coco(tmp_path, OF_PICTURES)


def learned(file, **options):
    return learn(learn_request(category="suitcase", source=f"coco:{file}", resolution=16, **options))


def pictures(field) -> dict[str, tuple[int, bool | None]]:
    ledger = field.provenance["licences"]
    return {each["licence"]: (each["count"], each["commercial"]) for each in ledger if "count" in each}


def test_every_picture_is_in_the_ledger_by_its_licence(file):
    field = learned(file)
    assert pictures(field) == {
        "CC-BY-2.0": (2, True),
        "CC-BY-NC-2.0": (1, False),
        "No known copyright restrictions": (1, None),
        "unknown": (1, None),
    }
    # The keypoints are annotated: no model has seen anything.
    others = [each["what"] for each in field.provenance["licences"] if "count" not in each]
    assert [what.split(":")[0] for what in others] == ["body", "code"]


def test_pictures_that_are_not_commercial_safe_are_left_out_and_counted(file, tmp_path):
    field = learned(file, commercial_safe=True)
    assert pictures(field) == {"CC-BY-2.0": (2, True)}
    views = field.provenance["views"]
    assert (views["observed"], views["kept"], views["rejected"]["licence"]) == (5, 2, 3)
    save_field(field, tmp_path / "a.field.npz")
    assert read_header(tmp_path / "a.field.npz")["provenance"]["views"] == views


def test_the_environment_asks_for_every_job(file, monkeypatch):
    monkeypatch.setenv("PROPFIELD_COMMERCIAL_SAFE", "1")
    assert pictures(learned(file)) == {"CC-BY-2.0": (2, True)}


def test_none_left_is_one_sentence(tmp_path):
    file = write_coco(tmp_path, [1, 7, None])
    with pytest.raises(PropfieldError, match=r"^The 3 pictures of suitcase in coco\.json may not") as caught:
        learned(file, commercial_safe=True)
    for words in (
        "“CC-BY-NC-2.0”: it is for non-commercial",
        "“unknown”: it is not known",
        "--commercial-safe",
    ):
        assert words in str(caught.value)


def test_a_folders_photos_are_under_what_stands_beside_them(tmp_path, monkeypatch):
    monkeypatch.setenv("PROPFIELD_WEIGHTS", str(tmp_path / "weights"))
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    request = learn_request(category="suitcase", source=f"folder:{tmp_path}", commercial_safe=True)
    with pytest.raises(PropfieldError, match=r"The 1 pictures in .*“unknown”"):
        learn(request)
    (tmp_path / "licence.txt").write_text("own work\nof the studio\n")
    # The photos may be used now; what is missing is a model to look at them.
    with pytest.raises(PropfieldError, match=r"Finding persons and objects needs"):
        learn(request)


@pytest.mark.shared
def test_models_are_entered_when_they_are_used_and_refused_before(tmp_path, shared, monkeypatch):
    pytest.importorskip("mediapipe")
    file = write_coco(tmp_path, [4], keypoints=False)
    weights = tmp_path / "weights"
    weights.mkdir()
    monkeypatch.setenv("PROPFIELD_WEIGHTS", str(weights))
    named = weights / "pose_landmarker_full.task"
    named.symlink_to(shared / "models" / named.name)
    # Nobody is recognised on a grey wall, but the model was asked: it is known by its name.
    with pytest.raises(PropfieldError, match="No view of"):
        learned(file, commercial_safe=True)
    named.rename(weights / "pose_landmarker_of_mine.task")
    with pytest.raises(PropfieldError, match=r"^Keypoints: mediapipe, pose_landmarker_of_mine\.task may not"):
        learned(file, commercial_safe=True)


def test_what_was_perceived_earlier_keeps_its_ledger(file, tmp_path):
    request = learn_request(category="suitcase", source=f"coco:{file}", resolution=16, commercial_safe=True)
    first = learn(request, checkpoint=tmp_path / "job")
    again = learn(request, checkpoint=tmp_path / "job")
    assert again.provenance == first.provenance
    assert first.provenance["views"]["rejected"]["licence"] == 3


def test_the_terminal_tells(file, tmp_path, capsys):
    out = tmp_path / "a.field.npz"
    learning = ["learn", "suitcase", "--source", f"coco:{file}", "--resolution", "16", "--out", str(out)]
    assert run([*learning, "--commercial-safe", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["views_rejected"]["licence"] == 3
    assert run(["info", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "All of its inputs allow commercial use." in shown
    assert next(line for line in shown.splitlines() if "CC-BY-2.0" in line).split() == [
        "pictures",
        "2",
        "CC-BY-2.0",
        "yes",
    ]
    assert run(learning) == 0
    capsys.readouterr()
    assert run(["info", str(out)]) == 0
    assert "Not commercial-safe" in capsys.readouterr().out
    assert run(["info", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["commercial_safe"] is False


def test_a_field_of_before_ledgers_opens(file, tmp_path, capsys):
    field = learned(file)
    del field.provenance["licences"]
    save_field(field, tmp_path / "old.field.npz")
    assert run(["info", str(tmp_path / "old.field.npz")]) == 0
    assert "It holds no ledger of its inputs" in capsys.readouterr().out
    assert run(["info", str(tmp_path / "old.field.npz"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["commercial_safe"] is None


def test_jobs_may_ask(tmp_path, home):
    from propfield.home import open_home
    from propfield.jobs.reconstruct import reconstruct_uploads
    from propfield.jobs.requests import parse_request

    asked = parse_request({"kind": "learn", "category": "hat", "commercial_safe": True})
    assert asked.commercial_safe
    assert not parse_request({"kind": "learn", "category": "hat"}).commercial_safe
    with pytest.raises(PropfieldError, match="commercial_safe"):
        parse_request({"kind": "learn", "category": "hat", "commercial_safe": "yes"})
    upload = "a" * 32
    place = open_home(home).uploads / upload
    place.mkdir()
    Image.new("RGB", (64, 64)).save(place / "photo.png")
    for licence, words in ((None, r"photo\.png .* is not known"), ("CC BY-NC 4.0", "non-commercial")):
        request = parse_request(
            {"kind": "reconstruct", "photo": upload, "commercial_safe": True, "licence": licence}
        )
        with pytest.raises(PropfieldError, match=words):
            reconstruct_uploads(request, open_home(home), folder=tmp_path / "out")
