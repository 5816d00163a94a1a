"""Models of the transformers package, tiny and random, through our providers: shapes, boxes in the picture,
COCO's words, the same answer in a batch as alone; folders that hold something else are one sentence."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from propfield.errors import NotFound, PropfieldError, Unavailable
from propfield.imagery.folder import FolderSource
from propfield.perception.choice import PerceptionChoice
from propfield.perception.hub_models.folders import model_folder
from propfield.perception.picture import Picture
from propfield.perception.protocols import Boxes, BoxSegmenter, Detector, KeypointFinder, Person, Segmenter
from propfield.perception.providers import PROVIDERS
from propfield.perception.registry import Chosen

pytest.importorskip("transformers")
_spec = importlib.util.spec_from_file_location("tiny_models", Path(__file__).parent / "tiny_models.py")
tiny_models = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tiny_models)

LABELS = ["person", "sofa", "Tennis_Racket"]
CATEGORIES = {"person", "couch", "tennis racket"}


def _picture(width: int, height: int, seed: int) -> Picture:
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Picture(pixels, f"{seed}.png")


PICTURES = [_picture(130, 90, 0), _picture(80, 120, 1), _picture(130, 90, 2), _picture(130, 90, 3)]
"""Of two sizes, and more than a batch on a processor holds."""


@pytest.fixture(scope="session")
def folders(tmp_path_factory) -> dict[str, Path]:
    """A tiny model for each provider."""
    place = tmp_path_factory.mktemp("models")
    return {
        "rtdetr-v2": tiny_models.rtdetr(place / "detr", LABELS),
        "grounding-dino": tiny_models.grounding_dino(
            place / "dino", ["person", "tennis", "racket", "top", "hat"]
        ),
        "sam2": tiny_models.sam2(place / "sam2"),
        "mask2former": tiny_models.mask2former(place / "mask", LABELS),
        "vitpose": tiny_models.vitpose(place / "pose"),
    }


@pytest.fixture
def opened(folders, home):
    """Opens a provider over its tiny model, by name as a user does."""

    def open_by_name(name: str, words: tuple[str, ...] = ()):
        provider = next(each for each in PROVIDERS if each.name == name)
        return Chosen(provider, str(folders[name])).open(words)

    return open_by_name


def _inside(boxes: Boxes, picture: Picture) -> bool:
    limit = np.tile(picture.size, 2)
    return bool(
        (boxes.boxes >= 0).all()
        and (boxes.boxes <= limit).all()
        and (boxes.boxes[:, 2:] > boxes.boxes[:, :2]).all()
    )


@pytest.mark.parametrize(
    ("name", "words", "categories"),
    [
        ("rtdetr-v2", (), CATEGORIES),
        (
            "grounding-dino",
            ("Person", "top hat", "tennis racket", "person"),
            {"person", "top hat", "tennis racket"},
        ),
    ],
)
def test_detectors(opened, name, words, categories):
    detector = opened(name, words)
    together = detector.detect(PICTURES)
    assert len(together) == len(PICTURES)
    for picture, found in zip(PICTURES, together, strict=True):
        assert len(found.boxes) == len(found.scores) == len(found.categories) > 0
        assert _inside(found, picture)
        assert set(found.categories) <= categories
        assert (np.diff(found.scores) <= 0).all()
        (alone,) = detector.detect([picture])
        assert alone.categories == found.categories
        assert np.allclose(alone.boxes, found.boxes, atol=0.05)
        assert np.allclose(alone.scores, found.scores, atol=1e-4)
    # Of two pictures of one size: the answer is the picture's own.
    assert not np.array_equal(together[0].scores, together[2].scores)
    assert detector.detect([]) == []


def test_each_word_has_its_own_tokens(opened):
    detector = opened("grounding-dino", ("person", "top hat", "hat"))
    # [CLS] person . top hat . hat . [SEP]
    assert detector._tokens == [[1], [3, 4], [6]]


def test_an_open_vocabulary_needs_a_word_and_has_an_end(opened):
    with pytest.raises(PropfieldError, match="name a category"):
        opened("grounding-dino", ("", " . "))
    with pytest.raises(PropfieldError, match="cannot look for 100 words at once"):
        opened("grounding-dino", tuple(f"hat {number}" for number in range(100)))
    with pytest.raises(PropfieldError, match="is no word"):
        opened("grounding-dino", ("person", "\u200b"))


def test_masks_in_boxes(opened):
    segmenter = opened("sam2")
    boxes = [
        np.array([[10, 10, 60, 70], [0, 0, 20, 20], [5, 40, 130, 90]], np.float32),
        np.zeros((0, 4), np.float32),
        np.array([[10, 10, 60, 70]], np.float32),
        np.tile(np.array([10, 10, 60, 70], np.float32), (40, 1)),
    ]
    together = segmenter.masks(PICTURES, boxes)
    for picture, asked, masks in zip(PICTURES, boxes, together, strict=True):
        assert masks.shape == (len(asked), picture.size[1], picture.size[0])
        assert masks.dtype == bool
        (alone,) = segmenter.masks([picture], [asked])
        # Sums in another order may turn a pixel on the edge.
        assert (alone != masks).mean() < 0.001 if len(asked) else True
    assert (together[3] == together[3][:1]).all()
    assert (together[0][0] != together[2][0]).any()
    assert not (together[0][0] == together[0][2]).all()


def test_weights_of_the_video_model_serve_for_pictures(home, tmp_path, capfd):
    from transformers import Sam2VideoModel

    folder = tiny_models.sam2(tmp_path / "video", video=True)
    capfd.readouterr()
    provider = next(each for each in PROVIDERS if each.name == "sam2")
    segmenter = Chosen(provider, str(folder)).open()
    assert capfd.readouterr() == ("", "")
    given = dict(Sam2VideoModel.from_pretrained(folder).named_parameters())
    taken = dict(segmenter._loaded.model.named_parameters())
    assert all((given[name] == value).all() for name, value in taken.items())
    (masks,) = segmenter.masks(PICTURES[:1], [np.array([[10, 10, 60, 70]], np.float32)])
    assert masks.shape == (1, 90, 130)


def test_masks_of_instances(opened):
    segmenter = opened("mask2former")
    together = segmenter.segment(PICTURES)
    assert any(together)
    for picture, found in zip(PICTURES, together, strict=True):
        (alone,) = segmenter.segment([picture])
        assert [each.category for each in alone] == [each.category for each in found]
        for one, other in zip(alone, found, strict=True):
            assert one.mask.shape == (picture.size[1], picture.size[0])
            assert (one.mask != other.mask).mean() < 0.001
            assert one.category in CATEGORIES
            assert 0.5 < one.score <= 1
    assert [each.score for each in together[0]] != [each.score for each in together[2]]


@pytest.mark.parametrize("experts", [1, 3])
def test_keypoints_of_persons(folders, opened, experts, tmp_path):
    if experts > 1:
        folders = folders | {"vitpose": tiny_models.vitpose(tmp_path / "plus", experts)}
    provider = next(each for each in PROVIDERS if each.name == "vitpose")
    finder = Chosen(provider, str(folders["vitpose"])).open()
    boxes = ([10, 10, 60, 70], [0, 0, 80, 120], [-20, -20, 40, 60], [10, 20, 50, 85])
    people = [
        Person(picture, np.array(box, np.float32)) for picture, box in zip(PICTURES, boxes, strict=True)
    ] * 3
    together = finder.estimate(people)
    assert len(together) == len(people)
    for person, found in zip(people, together, strict=True):
        marks = found.image
        seen = marks[marks[:, 2] > 0]
        assert 0 < len(seen) <= 17
        assert (seen[:, :2] >= 0).all()
        assert (seen[:, :2] < person.picture.size).all()
        assert (seen[:, 2] <= 1).all()
        assert (marks[17:, 2] == 0).all()
        (alone,) = finder.estimate([person])
        # Where a random heat map is flat, the place of its peak hangs on the last digit.
        assert (np.abs(alone.image - marks) < 0.05).mean() > 0.95
    assert not np.allclose(together[0].image[:, 2], together[1].image[:, 2])


def test_a_detector_and_sam_2_together_are_a_segmenter(folders, home):
    choice = PerceptionChoice(
        detector=f"grounding-dino:{folders['grounding-dino']}", segmenter=f"sam2:{folders['sam2']}"
    )
    segmenter = choice.open_segmenter(["person", "top hat"])
    assert isinstance(segmenter, Segmenter)
    assert segmenter.vocabulary is None
    for picture, found in zip(PICTURES, segmenter.segment(PICTURES), strict=True):
        assert found
        for each in found:
            assert each.category in ("person", "top hat")
            assert each.mask.shape == (picture.size[1], picture.size[0])


def test_they_keep_their_protocols_and_tell_what_they_can_find(opened):
    protocols = {
        "rtdetr-v2": (Detector, ("person", "couch", "tennis racket")),
        "grounding-dino": (Detector, None),
        "mask2former": (Segmenter, ("person", "couch", "tennis racket")),
        "sam2": (BoxSegmenter, ...),
        "vitpose": (KeypointFinder, ...),
    }
    for name, (protocol, vocabulary) in protocols.items():
        model = opened(name, ("person",))
        assert isinstance(model, protocol)
        assert getattr(model, "vocabulary", ...) == vocabulary


def test_a_folders_category_is_checked_by_who_looks_for_it(folders, home, tmp_path):
    Image.fromarray(PICTURES[0].pixels).save(tmp_path / "a.png")
    closed = PerceptionChoice(segmenter=f"mask2former:{folders['mask2former']}")
    source = FolderSource(tmp_path, closed)
    assert source.types("top hat")
    with pytest.raises(NotFound, match=r"no “cuch” in what this segmenter can find; the nearest are couch"):
        source.observe("cuch", views=1, seed=0)
    any_word = PerceptionChoice(
        detector=f"grounding-dino:{folders['grounding-dino']}", segmenter=f"sam2:{folders['sam2']}"
    )
    finder = PerceptionChoice(keypoints=f"vitpose:{folders['vitpose']}").keypoints
    looking = FolderSource(tmp_path, PerceptionChoice(any_word.detector, any_word.segmenter, finder))
    assert len(list(looking.observe("Top hat", views=1, seed=0))) <= 1
    with pytest.raises(NotFound, match=r"no “top hat” in COCO's categories; .*--detector grounding-dino"):
        FolderSource(tmp_path).types("top hat")


def test_models_are_found_by_the_names_that_people_use(folders, home, tmp_path, monkeypatch):
    monkeypatch.setenv("PROPFIELD_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    repository = "facebook/sam2.1-hiera-small"
    assert model_folder("sam2") is model_folder("sam2", repository) is model_folder("sam2", "../..") is None
    snapshot = tmp_path / "hub/hub/models--facebook--sam2.1-hiera-small/snapshots/abc123"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_bytes((folders["sam2"] / "config.json").read_bytes())
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("abc123\n")
    assert model_folder("sam2") == model_folder("sam2", repository) == snapshot
    # What `propfield weights get` brought comes before another program's cache.
    ours = tmp_path / "weights/sam2.1-hiera-small"
    ours.mkdir(parents=True)
    (ours / "config.json").write_text("{}")
    assert model_folder("sam2") == model_folder("sam2", repository) == ours
    assert model_folder("sam2", "sam2.1-hiera-small") == ours
    assert model_folder("sam2", str(folders["sam2"])) == folders["sam2"]


def test_weights_that_are_not_here_are_told_with_the_verb_that_gets_them(home, tmp_path, monkeypatch):
    monkeypatch.setenv("PROPFIELD_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    with pytest.raises(Unavailable, match=r"`propfield weights get rtdetr-v2-r18`, or .*rtdetr-v2:FOLDER"):
        PerceptionChoice(detector="rtdetr-v2", segmenter="sam2").open_segmenter(["person"])


def test_folders_that_hold_something_else_are_refused(folders, tmp_path, home):
    provider = next(each for each in PROVIDERS if each.name == "mask2former")
    with pytest.raises(PropfieldError, match=r"a model of the type “sam2”, not Mask2Former"):
        Chosen(provider, str(folders["sam2"])).open()
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text("[" * 10_000)
    with pytest.raises(PropfieldError, match="holds no model"):
        Chosen(provider, str(broken)).open()


@pytest.mark.parametrize("damage", ["cut", "gone", "no processor", "config"])
def test_damaged_weights_are_one_sentence(folders, tmp_path, damage, home, capfd):
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in folders["rtdetr-v2"].iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    weights = copy / "model.safetensors"
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif damage == "gone":
        weights.unlink()
    elif damage == "no processor":
        (copy / "preprocessor_config.json").write_text("no json")
    else:
        told = json.loads((copy / "config.json").read_text())
        (copy / "config.json").write_text(json.dumps(told | {"d_model": 24}))
    provider = next(each for each in PROVIDERS if each.name == "rtdetr-v2")
    with pytest.raises(PropfieldError, match="cannot be read") as caught:
        Chosen(provider, str(copy)).open()
    assert "\n" not in str(caught.value)


def test_without_transformers_it_says_what_to_install(folders, monkeypatch, home):
    monkeypatch.setitem(sys.modules, "transformers", None)
    provider = next(each for each in PROVIDERS if each.name == "sam2")
    with pytest.raises(Unavailable, match=r"transformers is not installed; .*propfield\[transformers\]"):
        Chosen(provider, str(folders["sam2"])).open()


def test_half_precision_changes_little(opened, monkeypatch):
    """What a GPU does, done on the processor: every operation of every model has a half precision."""
    import torch

    boxes = [np.array([[10, 10, 60, 70]], np.float32)] * len(PICTURES)
    people = [Person(picture, boxes[0][0]) for picture in PICTURES]
    changed = []
    jobs = {
        "rtdetr-v2": lambda model: [float(each.scores.mean()) for each in model.detect(PICTURES)],
        "grounding-dino": lambda model: [float(each.scores[0]) for each in model.detect(PICTURES)],
        "sam2": lambda model: [each.mean() for each in model.masks(PICTURES, boxes)],
        "vitpose": lambda model: [each.image[:17, 2].max() for each in model.estimate(people)],
        "mask2former": lambda model: [each[0].score for each in model.segment(PICTURES)],
    }
    for name, job in jobs.items():
        model = opened(name, ("person", "hat"))
        whole = job(model)
        with monkeypatch.context() as patched:
            patched.setattr(
                type(model._loaded), "half_precision", lambda self: torch.autocast("cpu", dtype=torch.float16)
            )
            half = job(model)
        changed.append(half != whole)
        assert np.allclose(half, whole, atol=0.02), name
    # Scores so near to 1 that half precision cannot tell them apart may stay.
    assert sum(changed) >= 3
