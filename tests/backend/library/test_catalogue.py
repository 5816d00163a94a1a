"""Entries, cards and the words that find a field."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from propfield.imagery.catalogue import studio_catalogue
from propfield.library import catalogue
from propfield.library.catalogue import (
    CARD_LIMIT,
    LONGEST_NOTE,
    MOST_TAGS,
    CardError,
    automatic_tags,
    clean_tags,
    entry,
    found,
    main_type,
    read_card,
    write_card,
)

from .conftest import CC0, header


def made(name: str, head: dict, tags: tuple[str, ...] = (), note: str = "") -> dict:
    return entry(name, head, write_card(tags, note), size=1, modified=0.0, preview=False)


def of_studio() -> list[dict]:
    """Entries of what the studio knows, as `library make` makes them."""
    entries = []
    for category, kinds in studio_catalogue().items():
        types = [{"name": "all", "prompt": "", "part": None, "views": 2, "peak": 1}]
        types += [{"name": k.name, "prompt": k.prompt, "part": k.part, "views": 1, "peak": 1} for k in kinds]
        entries.append(made(category.replace(" ", "-"), header(category, types=types)))
    return entries


def names(entries: list[dict]) -> list[str]:
    return [each["name"] for each in entries]


def test_the_add_on_has_the_same_file():
    """It imports nothing of the backend, and must list, tag and find alike."""
    copy = Path(__file__).resolve().parents[3] / "addon" / "scene" / "library_catalogue.py"
    assert copy.read_bytes() == Path(catalogue.__file__).read_bytes()


def test_an_entry_tells_what_an_animator_asks():
    told = made("umbrella", header(), ("rain", "scene 12"), "for the street shots")
    assert told["category"] == "umbrella"
    assert [kind["name"] for kind in told["types"]] == ["all", "hold"]
    assert told["types"][1]["prompt"] == "A person holds umbrella"
    assert (told["views"], told["resolution"], told["estimator"]) == (80, 48, "fit")
    assert told["tags"] == ["held", "right hand"]
    assert (told["own_tags"], told["note"]) == (["rain", "scene 12"], "for the street shots")
    assert (told["commercial"], told["licences"], told["problem"]) == (True, CC0, None)


@pytest.mark.parametrize(
    ("licences", "commercial"),
    [
        (CC0, True),
        ([*CC0, {"what": "pictures", "licence": "CC-BY-NC-4.0", "commercial": False}], False),
        ([*CC0, {"what": "pictures", "licence": "unknown", "commercial": None}], False),
        ([], None),
        (None, None),
    ],
)
def test_a_field_is_as_free_as_the_least_free_of_its_inputs(licences, commercial):
    assert made("x", header(licences=licences))["commercial"] is commercial


def test_every_interaction_of_the_studio_has_a_word_for_its_use():
    for each in of_studio():
        parts = {kind["part"] for kind in each["types"] if kind["part"]}
        assert parts < set(each["tags"]), each["name"]


def test_words_find_by_category_use_part_tag_and_licence():
    shelf = of_studio()
    assert names(found(shelf, "hold right hand"))[0] in ("umbrella", "sports-ball")
    assert set(names(found(shelf, "hold right hand"))) == {"umbrella", "sports-ball"}
    assert set(names(found(shelf, "worn"))) == {"backpack", "hat", "tie"}
    assert names(found(shelf, "rac"))[0] == "tennis-racket"
    assert "bicycle" in names(found(shelf, "ridden hips"))
    assert found(shelf, "cc0") == shelf
    # A slip of the pen finds, but only where nothing else does.
    assert names(found(shelf, "umbrela")) == ["umbrella"]
    assert found(shelf, "kangaroo") == []
    assert found(shelf, "  ,,, ") == shelf


def test_the_thing_itself_comes_before_what_mentions_it():
    shelf = [
        made("a", header("bicycle"), note="not a hat"),
        made("b", header("bicycle"), ("hat",)),
        made("c", header("hat")),
    ]
    assert names(found(shelf, "hat")) == ["c", "b", "a"]


def test_only_what_may_be_sold():
    free, unknown = made("free", header()), made("unknown", header(licences=[]))
    assert names(found([unknown, free], "umbrella", commercial=True)) == ["free"]
    assert names(found([unknown, free], commercial=True)) == ["free"]


def test_the_main_type_is_the_one_with_most_views_and_not_the_mix():
    types = [{"name": "all", "views": 9}, {"name": "hold", "views": 2}, {"name": "kick", "views": 7}]
    assert main_type(types) == "kick"
    assert main_type(types[:1]) == "all"
    assert main_type([]) == "all"


def test_tags_are_clean_words():
    assert clean_tags([" Rain ", "rain", "Scene   12", ""]) == ["rain", "scene 12"]
    for bad in (["a,b"], ["x" * 41], ["a\nb\x07"], [f"tag {n}" for n in range(MOST_TAGS + 1)]):
        with pytest.raises(CardError, match=r"\.$"):
            clean_tags(bad)
    with pytest.raises(CardError, match="note"):
        write_card([], "x" * (LONGEST_NOTE + 1))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[1]",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b" " * (CARD_LIMIT + 1),
        json.dumps({"format": "propfield.card", "version": 1, "tags": [1], "note": ""}).encode(),
        json.dumps({"format": "propfield.card", "version": 1, "tags": "rain", "note": None}).encode(),
        json.dumps({"format": "propfield.card", "version": 2, "tags": [], "note": ""}).encode(),
    ],
)
def test_a_bad_card_is_a_sentence_in_the_entry(content):
    told = entry("x", header(), content, size=1, modified=0.0, preview=False)
    assert (told["own_tags"], told["note"], told["problem"]) == ([], "", None)
    assert told["tags_problem"].endswith(".")


@given(st.lists(st.text(max_size=50), max_size=40), st.text(max_size=2100))
def test_a_card_is_read_as_it_was_written_or_refused(tags, note):
    try:
        content = write_card(tags, note)
    except CardError:
        return
    assert read_card(content) == (clean_tags(tags), note.strip())
    assert len(content) <= CARD_LIMIT


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(["category", "grid", "types", "provenance"]), _ANY)
def test_any_header_is_an_entry_that_can_be_sent_or_a_value_error(key, value):
    try:
        told = made("x", header(**{key: value}))
    except ValueError:
        return
    json.dumps(told, allow_nan=False).encode("utf-8")
    assert found([told], "x") in ([], [told])


@given(st.text(max_size=30))
def test_searching_never_fails(text):
    shelf = of_studio()[:4]
    results = found(shelf, text)
    assert all(each in shelf for each in results)
    assert all(first is not second for first, second in pairwise(results))


def test_automatic_tags_take_all_parts_that_are_met():
    kind = {"name": "hold, right hand+left hand", "part": "right hand", "passes": ["left hand"]}
    assert automatic_tags([kind]) == ["held", "right hand", "left hand"]
