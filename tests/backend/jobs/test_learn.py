"""Learning as a job: checkpoints, resume, and the same field every time."""

import numpy as np
import pytest

from propfield.errors import Cancelled, NotFound, PropfieldError
from propfield.field.file import load_field, read_header
from propfield.home import open_home
from propfield.jobs.learn import learn, learn_into_library
from propfield.jobs.requests import learn_request
from propfield.library import Library
from propfield.progress import silent

# Two types, so that one of them can be there already.
REQUEST = learn_request(category="surfboard", views=24, seed=3, resolution=24)


def stopped_at(stage: str, fraction: float):
    def progress(now: str, reached: float, message: str = "") -> None:
        if now == stage and reached >= fraction:
            raise Cancelled("Stopped.")

    return progress


def test_a_resumed_field_is_the_same_as_one_learned_at_once(tmp_path):
    at_once = learn(REQUEST)
    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    with pytest.raises(Cancelled):
        learn(REQUEST, checkpoint=checkpoint, progress=stopped_at("perceive views", 0.8))
    # One whole table, and nothing half-written beside it.
    (first,) = checkpoint.iterdir()
    written = first.stat().st_mtime_ns
    resumed = learn(REQUEST, checkpoint=checkpoint)
    assert first.stat().st_mtime_ns == written, "views that were there were perceived again"
    assert resumed.provenance == at_once.provenance
    for one, other in zip(at_once.types, resumed.types, strict=True):
        assert one.type == other.type
        np.testing.assert_array_equal(one.occupancy, other.occupancy)
        np.testing.assert_array_equal(one.support, other.support)


def test_a_learned_field_lands_in_the_library(home):
    place = open_home()
    checkpoint = place.folder / "checkpoint"
    checkpoint.mkdir()
    seen: list[str] = []
    result = learn_into_library(
        REQUEST,
        place,
        mark="0a1b2c",
        checkpoint=checkpoint,
        progress=lambda stage, fraction, message="": seen.append(stage),
    )
    assert set(result) == {"field", "seconds", "views_kept", "views_rejected"}
    assert result["field"] == "surfboard-0a1b2c"
    assert result["views_kept"] + sum(result["views_rejected"].values()) == 48
    stages = list(dict.fromkeys(seen))
    assert stages == [
        "perceive views",
        "prepare the grid",
        "count votes",
        "write the field",
        "draw the preview",
    ]
    (entry,) = Library(place.library).entries()
    assert (entry["name"], entry["category"]) == ("surfboard-0a1b2c", "surfboard")
    assert [kind["name"] for kind in entry["types"]] == ["all", "carry", "ride"]
    assert (entry["views"], entry["preview"]) == (result["views_kept"], True)
    field = load_field(Library(place.library).path(entry["name"]))
    assert field.grid.resolution == 24
    provenance = read_header(Library(place.library).path(entry["name"]))["provenance"]
    assert provenance["seed"] == 3
    assert provenance["source"] == "studio"


def test_only_the_types_that_are_asked_for():
    request = learn_request(category="surfboard", types=["ride", "ride"], views=16, resolution=16)
    assert [kind.type.name for kind in learn(request).types] == ["all", "ride"]


def test_each_type_at_each_of_the_parts():
    parts = ["Left Foot", "left hand+right hand-head"]
    request = learn_request(category="surfboard", views=16, resolution=16, parts=parts)
    field = learn(request)
    names = [kind.type.name for kind in field.types]
    assert names == [
        "all",
        "carry",
        "carry, left foot",
        "carry, left hand+right hand-head",
        "ride",
        "ride, left foot",
        "ride, left hand+right hand-head",
    ]
    assert field.type("ride, left foot").type.part == "left foot"
    assert field.type("carry, left hand+right hand-head").type.blocks == ("head",)
    views = {kind.type.name: kind.views for kind in field.types}
    assert 0 < views["ride, left foot"] <= views["ride"]


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"category": "umbrela"}, "umbrella"),
        ({"category": "surfboard", "types": ["karry"]}, "carry"),
        ({"category": "surfboard", "parts": ["left foott"]}, "left foot"),
    ],
)
def test_unknown_names_give_the_nearest(values, named):
    with pytest.raises(NotFound, match=named):
        learn(learn_request(**values), progress=silent)


def test_half_a_million_views_can_be_asked_for():
    assert learn_request(category="umbrella", views=500_000).views == 500_000


def test_names_are_lower_case():
    request = learn_request(category=" Tennis Racket ", types=["Swing"])
    assert (request.category, request.types) == ("tennis racket", ["swing"])


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"category": "  "},
        {"category": ""},
        {"category": "umbrella", "views": 0},
        {"category": "umbrella", "views": 10_000_000},
        {"category": "umbrella", "views": True},
        {"category": "umbrella", "seed": -1},
        {"category": "umbrella", "resolution": 7},
        {"category": "umbrella", "types": []},
        {"category": "umbrella", "parts": []},
        {"category": "umbrella", "parts": ["left foot-left foot"]},
        {"category": "umbrella", "source": "internet"},
        {"category": "umbrella", "source": "folder:"},
        {"category": "umbrella", "colour": "red"},
    ],
)
def test_a_wrong_request_gives_one_sentence(values):
    with pytest.raises(PropfieldError) as raised:
        learn_request(**values)
    sentence = str(raised.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert "pydantic" not in sentence
