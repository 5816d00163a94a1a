"""Who can run here, why not, and what a user's words choose; nothing heavy is loaded by asking."""

import subprocess
import sys
from dataclasses import replace

import pytest

from propfield.errors import NotFound, PropfieldError, Unavailable
from propfield.licences import read_licence
from propfield.perception.choice import PerceptionChoice
from propfield.perception.providers import PROVIDERS, chosen
from propfield.perception.registry import JOBS, Chosen, Provider, choose

HEAVY = (
    "torch",
    "transformers",
    "onnxruntime",
    "mediapipe",
    "detectron2",
    "mmpose",
    "numba",
    "huggingface_hub",
)


def provider(**given) -> Provider:
    plain = {"job": "detector", "name": "eye", "what": "an eye", "code": read_licence("MIT")}
    return Provider(**{**plain, "open": lambda named, words: (named, tuple(words)), **given})


def test_asking_loads_nothing_heavy():
    script = (
        "import sys; from propfield.service.providers import providers; providers(); "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_provider_says_what_it_needs_and_its_licence():
    assert len({(each.job, each.name) for each in PROVIDERS}) == len(PROVIDERS)
    for each in PROVIDERS:
        assert each.job in JOBS
        assert each.what
        assert each.code.name
        assert ":" not in each.name
        assert bool(each.packages) == bool(each.remedy)
        assert bool(each.weights) == bool(each.get) == bool(each.found) <= bool(each.weights_licence)


def test_a_missing_package_is_told_with_its_install_line_and_nothing_is_opened():
    absent = provider(packages=("no_such_package",), remedy="install it with pip install eye")
    assert absent.missing() == "no_such_package is not installed; install it with pip install eye"
    assert absent.as_json()["available"] is False
    with pytest.raises(Unavailable, match="eye cannot be used here: no_such_package is not installed"):
        Chosen(absent).open()


def test_missing_weights_are_told(tmp_path):
    def found(named):
        return tmp_path / named if named else None

    needy = provider(weights="a file", found=found, get="give one", weights_licence=read_licence("MIT"))
    assert needy.missing() == "it needs a file; give one"
    assert needy.missing("a.eye") == ""
    assert Chosen(needy, "a.eye").open(["hat"]) == ("a.eye", ("hat",))
    assert Chosen(needy).licences() == [{"what": "detector: eye", "licence": "MIT", "commercial": True}]
    # Of a file that nobody knows, the usual weights' licence says nothing.
    own = [{"what": "detector: eye, a.eye", "licence": "unknown", "commercial": None}]
    assert Chosen(needy, "a.eye").licences() == own
    code = Chosen(replace(needy, packages=("json",))).licences()[1]
    assert (code["what"], code["licence"]) == ("code: eye", needy.code.name)


@pytest.mark.parametrize(
    ("text", "name", "named"),
    [
        ("eye", "eye", None),
        ("eye:org/model", "eye", "org/model"),
        ("eye:C:\\weights\\a.eye", "eye", "C:\\weights\\a.eye"),
        ("C:\\weights\\a.EYE", "eye", "C:\\weights\\a.EYE"),
        ("lens", "lens", None),
    ],
)
def test_names_weights_and_files_choose(text, name, named):
    table = [provider(suffixes=(".eye",)), provider(name="lens"), provider(name="eye", job="keypoints")]
    found = choose("detector", text, table)
    assert (found.provider.job, found.provider.name, found.named) == ("detector", name, named)


def test_other_words_are_one_sentence():
    table = [provider(), provider(name="lens")]
    with pytest.raises(NotFound, match=r"“lenz” is no detector .* there are: lens, eye"):
        choose("detector", "lenz", table)
    with pytest.raises(PropfieldError, match="nothing after the colon"):
        choose("detector", "eye:", table)


def test_annotations_are_never_taken_unasked():
    for job in JOBS:
        found = chosen(job, None)
        assert found is None or found.provider.by_default
    assert chosen("segmenter", "a.json").provider.name == "coco"
    with pytest.raises(PropfieldError, match=r"--annotations FILE\.json"):
        chosen("segmenter", "coco").open()


def test_without_weights_it_says_what_to_do(home, monkeypatch):
    monkeypatch.delenv("PROPFIELD_WEIGHTS", raising=False)
    choice = PerceptionChoice(segmenter="onnx-yolo-seg", keypoints="mediapipe")
    with pytest.raises(Unavailable, match=r"onnx-yolo-seg cannot be used here: .*--segmenter FILE\.onnx"):
        choice.open_segmenter(["person"])
    with pytest.raises(Unavailable, match=r"mediapipe cannot be used here: .*--keypoints FILE\.task"):
        choice.keypoint_finder()()
    with pytest.raises(NotFound, match="keypoint finder"):
        PerceptionChoice(keypoints="crystal ball").keypoint_finder()


def test_a_detector_beside_a_segmenter_that_needs_none_is_refused():
    choice = PerceptionChoice(detector="rt-detr", segmenter="onnx-yolo-seg")
    with pytest.raises(PropfieldError, match=r"onnx-yolo-seg finds persons and objects itself.*--detector"):
        choice.open_segmenter(["person"])
