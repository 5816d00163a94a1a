"""`evaluate` on the studio, on COCO files and on COCO with EFT's fits."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from propfield.cli.evaluate_field import show
from propfield.cli.main import run
from propfield.errors import Cancelled, NotFound, PropfieldError
from propfield.evaluation.evaluate import PAP_NAMES, SEED_STEP, evaluate
from propfield.evaluation.pap import image_scores
from propfield.evaluation.scoring import mean_of_types, mean_scores, posed_body, score_views
from propfield.field.file import save_field
from propfield.field.posing import pose_field
from propfield.imagery.studio import StudioSource
from propfield.jobs.learn import learn
from propfield.jobs.requests import LearnRequest
from propfield.observations.filters import failed_filter

from .eft_folder import annotation, box, save, write_folder

SEED = 5


@pytest.fixture(scope="module", autouse=True)
def few_true_scenes():
    """What the truth is drawn from; every evaluation draws it anew, and a rough one does here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("propfield.evaluation.evaluate.TRUTH_SCENES", 30)
        yield


@pytest.fixture(scope="module")
def field():
    return learn(LearnRequest(category="surfboard", views=24, resolution=24, seed=SEED))


@pytest.fixture(scope="module")
def held_out():
    """Views that the field was not learned from, of persons some way off and near the object."""
    seen = StudioSource(workers=1).observe("surfboard", types=["ride"], views=40, seed=SEED + SEED_STEP)
    return [
        view
        for view in seen
        if failed_filter(view) is None and np.linalg.norm(view.camera.centre) > 3 and overlap(view) >= 0.5
    ]


def overlap(view):
    (a, b, c, d), (e, f, g, h) = box(view.person_mask), box(view.object_mask)
    shared = max(min(c, g) - max(a, e), 0) * max(min(d, h) - max(b, f), 0)
    return shared / min((c - a) * (d - b), (g - e) * (h - f))


@pytest.fixture(scope="module")
def on_studio(field):
    return evaluate(field, "studio", views=10)


def test_it_scores_each_type_on_views_of_its_own(field, on_studio):
    studio = StudioSource(workers=1)
    assert on_studio["seed"] == SEED + SEED_STEP
    assert [part["name"] for part in on_studio["types"]] == ["carry", "ride"]
    for part in on_studio["types"]:
        name = part["name"]
        views = [
            view
            for view in studio.observe("surfboard", types=[name], views=10, seed=SEED + SEED_STEP)
            if failed_filter(view) is None
        ]
        each = [
            image_scores(
                pose_field(field, name, view.pose),
                field.grid,
                view.camera,
                view.object_mask,
                body_vertices=posed_body(field.body, view.pose),
                full=True,
            )
            for view in views
        ]
        for told, attribute in PAP_NAMES.items():
            assert part[told] == pytest.approx(np.mean([getattr(one, attribute) for one in each]), abs=1e-4)
        assert part["images"] == len(views)
    for told in PAP_NAMES:
        assert on_studio["mean"][told] == pytest.approx(
            np.mean([part[told] for part in on_studio["types"]]), abs=1e-4
        )


def test_it_tells_truth_rejections_and_entropy(on_studio):
    for part in [*on_studio["types"], on_studio["mean"]]:
        assert 0.2 < part["iou"] <= 1
        assert 0.2 < part["correlation"] <= 1
        assert 0 <= part["calibration_error"] <= part["worst_calibration"] <= 1
    views = on_studio["views"]
    assert views["seen"] == 20
    assert views["kept"] == on_studio["images"] == 20 - sum(views["rejected"].values())
    assert views["rejection_rate"] == pytest.approx(1 - views["kept"] / 20)
    assert 4.15 < on_studio["camera_entropy"] <= 4.16 + np.log2(views["kept"])
    assert on_studio["notes"] == [f"{views['kept']} images are few: the paper asks for 30 of a category."]


def test_a_field_of_something_else_scores_less(field, on_studio):
    upside_down = replace(
        field,
        types=tuple(
            replace(kind, occupancy=np.ascontiguousarray(kind.occupancy[:, ::-1])) for kind in field.types
        ),
    )
    (worse,) = evaluate(upside_down, "studio", types=["ride"], views=10)["types"]
    for name in ("pap", "pap_strict", "pap_aware", "pap_full", "iou", "correlation"):
        assert worse[name] < on_studio["types"][1][name] - 0.1


def test_it_says_when_views_are_not_held_out(field):
    result = evaluate(field, "studio", types=["ride"], views=2, seed=SEED)
    assert any("not held out" in note for note in result["notes"])
    assert [part["name"] for part in result["types"]] == ["ride"]


def test_a_type_that_the_field_lacks_is_scored_as_the_mix(field):
    mixed = replace(field, types=field.types[:1])
    (part,) = evaluate(mixed, "studio", types=["ride"], views=4)["types"]
    assert (part["name"], part["scored_as"]) == ("ride", "all")


def test_on_coco_eft_it_finds_the_scenes_again(field, held_out, tmp_path):
    write_folder(tmp_path, held_out)
    result = evaluate(field, f"coco-eft:{tmp_path}", types=["ride", "all"])
    rejected = result["views"]["rejected"]["camera found"]
    assert result["views"]["seen"] == len(held_out)
    assert result["images"] == len(held_out) - rejected > 3
    # The cameras have gone through a weak projection, so that pixels and scores move a little.
    truly = score_views(field, "ride", held_out)
    assert result["types"][0]["pap"] == pytest.approx(truly.vanilla, abs=0.08)
    assert result["types"][0]["pap"] > result["types"][1]["pap"]
    assert "iou" not in result["mean"]
    fewer = evaluate(field, f"coco-eft:{tmp_path}", views=2)
    assert (fewer["images"], fewer["types"][0]["name"]) == (2, "all")


def test_on_coco_files_it_fits_the_bodies(field, held_out, tmp_path):
    images, annotations = [], []
    for index, view in enumerate(held_out[:2]):
        name = f"{index}.png"
        Image.fromarray(np.full((256, 256, 3), 90, np.uint8)).save(tmp_path / name)
        images.append({"id": index, "file_name": name, "width": 256, "height": 256})
        marks = view.keypoints.copy()
        marks[:, 2] = 2 * (marks[:, 2] > 0.3)
        person = annotation(2 * index, index, 1, view.person_mask, keypoints=marks.ravel().tolist())
        annotations += [person, annotation(2 * index + 1, index, 2, view.object_mask)]
    data = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "surfboard"}],
    }
    file = tmp_path / "instances.json"
    file.write_text(json.dumps(data))
    result = evaluate(field, f"coco:{file}")
    assert (result["on"], result["images"]) == ("coco", 2)
    assert 0 < result["mean"]["pap"] < 1
    # Somebody else in every picture.
    for index, view in enumerate(held_out[:2]):
        marks = view.keypoints.copy()
        marks[:, 0] += 80
        marks[:, 2] = 2 * (marks[:, 2] > 0.3)
        aside = np.roll(view.person_mask, 80, 1)
        annotations.append(annotation(90 + index, index, 1, aside, keypoints=marks.ravel().tolist()))
    file.write_text(json.dumps(data))
    with pytest.raises(PropfieldError, match=r"2 seen, rejected by one person: 2\."):
        evaluate(field, f"coco:{file}")


def test_what_cannot_be_evaluated_on(field, tmp_path):
    with pytest.raises(PropfieldError, match="use “studio”"):
        evaluate(field, "folder:photos")
    with pytest.raises(PropfieldError, match="use “studio”"):
        evaluate(field, "coco:")
    with pytest.raises(NotFound, match="no annotation file"):
        evaluate(field, f"coco:{tmp_path / 'none.json'}")
    with pytest.raises(NotFound, match="no folder"):
        evaluate(field, f"coco-eft:{tmp_path / 'none'}")
    with pytest.raises(NotFound, match="no “submarine”"):
        evaluate(replace(field, category="submarine"), "studio")
    with pytest.raises(NotFound, match="no type “swim”"):
        evaluate(field, "studio", types=["swim"])
    with pytest.raises(PropfieldError, match="from 1"):
        evaluate(field, "studio", views=0)


def test_an_eft_folder_of_another_category(field, held_out, tmp_path):
    coco, _ = write_folder(tmp_path, held_out[:2], category="kite")
    with pytest.raises(NotFound, match="kite"):
        evaluate(field, f"coco-eft:{tmp_path}")
    coco["categories"].append({"id": 3, "name": "surfboard"})
    save(tmp_path, coco)
    with pytest.raises(PropfieldError, match="No image of “surfboard” is left to score: 0 seen"):
        evaluate(field, f"coco-eft:{tmp_path}")


def test_it_can_be_cancelled(field):
    def stop(stage: str, fraction: float, message: str = "") -> None:
        if stage == "score views":
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        evaluate(field, "studio", views=4, progress=stop)


def test_views_without_a_score_do_not_count():
    posed = np.full((8, 8, 8), 0.5, np.float32)
    view = next(StudioSource(workers=1).observe("surfboard", views=1, seed=0))
    from propfield.field.grid import Grid

    seen = image_scores(posed, Grid(resolution=8), view.camera, np.ones((64, 64), bool), full=True)
    unseen = image_scores(posed, Grid(resolution=8), view.camera, np.zeros((64, 64), bool))
    mean = mean_scores([seen, unseen])
    assert (mean.images, mean.vanilla, mean.full_vanilla) == (1, seen.vanilla, seen.full_vanilla)
    nothing = mean_scores([unseen])
    assert (nothing.images, nothing.vanilla) == (0, None)
    both = mean_of_types([mean, nothing, mean])
    assert (both.images, both.vanilla) == (2, seen.vanilla)


@pytest.fixture
def file(field, tmp_path):
    save_field(field, tmp_path / "surf.field.npz")
    return tmp_path / "surf.field.npz"


def test_the_verb(file, on_studio, capsys):
    assert run(["evaluate", str(file), "--views", "10", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["field"] == str(file)
    # A field file keeps its occupancies in half precision, so that some move over a threshold.
    assert told["mean"]["pap"] == pytest.approx(on_studio["mean"]["pap"], abs=0.02)
    show(told)
    shown = capsys.readouterr().out
    for word in ("surfboard on studio", "carry", "ride", "mean", "IoU", "entropy", "images are few"):
        assert word in shown
    assert max(map(len, shown.splitlines())) <= 120


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--on", "coco:none.json"], "no annotation file"),
        (["--on", "moon"], "nothing to evaluate on"),
        (["--type", "swim"], "no type “swim”"),
        (["--views", "many"], "--views"),
    ],
)
def test_the_verb_says_what_is_wrong_in_one_sentence(file, options, sentence, capsys):
    assert run(["evaluate", str(file), *options, "--json"]) == 2
    said = capsys.readouterr()
    assert sentence in json.loads(said.out)["error"]
    assert next(line for line in said.err.splitlines() if not line.endswith("…")).startswith("propfield: ")


@pytest.mark.parametrize(
    "arguments", [["--json", "none.npz"], ["none.npz", "--json"], ["field", "none.npz", "--json"]]
)
def test_what_is_no_verb_is_a_field(arguments, capsys):
    assert run(["evaluate", *arguments]) == 2
    assert json.loads(capsys.readouterr().out)["error"] == "There is no file none.npz."


def test_without_arguments_the_field_is_missed(capsys):
    assert run(["evaluate"]) == 2
    assert "Missing argument" in capsys.readouterr().err


@pytest.mark.parametrize("scored_as", ["photograph", "all"])
def test_the_table_fits_a_terminal(monkeypatch, capsys, scored_as):
    """With the longest name of the studio's types."""
    monkeypatch.setenv("COLUMNS", "80")
    source = StudioSource()
    names = [kind.name for category in source.categories() for kind in source.types(category)]
    name = max(names, key=len)
    scores = dict.fromkeys((*PAP_NAMES, "iou", "correlation", "calibration_error"), 0.888)
    part = {"name": name, "scored_as": name if scored_as == name else "all", "images": 60, **scores}
    views = {"kept": 60, "seen": 60, "rejected": {}, "rejection_rate": 0.0}
    rest = {"camera_entropy": 3.5, "views": views, "notes": [], "mean": scores}
    show({"category": "camera", "on": "studio", "images": 120, "seed": 1, "types": [part, part], **rest})
    told = capsys.readouterr().out.splitlines()
    assert max(map(len, told)) <= 80, told
    heading = "type images PAP (strict) unoccluded full size IoU corr. calib."
    assert " ".join(told[1].split()) == heading
    numbers = "60 88.8 (88.8) 88.8 (88.8) 88.8 (88.8) 88.8 0.89 88.8"
    assert [" ".join(line.split()) for line in told[2:]].count(f"{name} {numbers}") == 2
