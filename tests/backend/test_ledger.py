"""A ledger knows every input once, and lets in what it may."""

import pytest

from propfield.body.loaders import open_body
from propfield.errors import PropfieldError
from propfield.ledger import CODE, Ledger, is_commercial_safe, of_field
from propfield.licences import entry


@pytest.fixture(autouse=True)
def nobody_asks(monkeypatch):
    monkeypatch.delenv("PROPFIELD_COMMERCIAL_SAFE", raising=False)


def test_the_whole_book():
    ledger = Ledger()
    ledger.add([entry("keypoints: mediapipe", "Apache-2.0")] * 2)
    assert ledger.of(open_body(), {"CC BY 2.0": 3, "Attribution License": 1, "CC-BY-2.0": 2, "": 1}) == [
        {"what": "body: open body", "licence": "CC0-1.0", "commercial": True},
        {"what": "pictures", "licence": "CC-BY", "commercial": True, "count": 1},
        {"what": "pictures", "licence": "CC-BY-2.0", "commercial": True, "count": 5},
        {"what": "pictures", "licence": "unknown", "commercial": None, "count": 1},
        {"what": "keypoints: mediapipe", "licence": "Apache-2.0", "commercial": True},
        CODE,
    ]


def test_what_is_refused_is_named_with_the_reason():
    ledger = Ledger(commercial_safe=True)
    ledger.add([entry("keypoints: mediapipe", "Apache-2.0")])
    for words, commercial, reason in (
        ("CC-BY-NC-4.0", None, "“CC-BY-NC-4.0”: it is for non-commercial use only"),
        ("whatever", None, "“whatever”: it is not known"),
        # An input's maker may know better than the words tell.
        ("MIT", False, "“MIT”: it does not allow commercial use"),
    ):
        with pytest.raises(PropfieldError, match=rf"^Masks: y may not be used .*{reason}") as caught:
            ledger.add([entry("masks: y", words, commercial)])
        assert "\n" not in str(caught.value)
    ledger.add([entry("masks: z", "words of a lawyer", True)])
    assert [each["what"] for each in ledger.entries] == ["keypoints: mediapipe", "masks: z"]
    with pytest.raises(PropfieldError, match="Pictures may not be used"):
        ledger.of(open_body(), {"CC-BY-NC-2.0": 1})


def test_a_body_of_the_smpl_family_is_refused():
    import dataclasses

    from propfield.body.smpl_family import LICENCE

    smpl = dataclasses.replace(open_body(), name="SMPL", licence=LICENCE, commercial=False)
    assert Ledger().of(smpl, {})[0]["commercial"] is False
    with pytest.raises(PropfieldError, match="Body: SMPL may not be used"):
        Ledger(commercial_safe=True).of(smpl, {})


def test_pictures_are_counted_that_are_left_out():
    assert all(Ledger().allows(licence) for licence in ("CC0-1.0", "unknown"))
    ledger = Ledger(commercial_safe=True)
    allowed = [licence for licence in ("CC0-1.0", "unknown", "", "CC BY-NC 2.0") if ledger.allows(licence)]
    assert allowed == ["CC0-1.0"]
    assert ledger.refused == {"unknown": 2, "CC-BY-NC-2.0": 1}
    error = ledger.refuse("the 4 pictures in a.json")
    assert str(error).startswith(
        "The 4 pictures in a.json may not be used under --commercial-safe (“CC-BY-NC"
    )


def test_a_ledger_is_kept_in_a_file(tmp_path):
    first = Ledger(commercial_safe=True)
    first.add([entry("masks: z", "MIT")])
    first.allows("unknown")
    first.write(tmp_path / "ledger.json")
    again = Ledger(commercial_safe=True)
    again.read(tmp_path / "ledger.json")
    assert (again.entries, again.refused) == (first.entries, first.refused)


def test_what_a_field_is_made_from_goes_into_what_it_is_used_for():
    provenance = {"licences": [entry("pictures", "CC-BY-NC-2.0")]}
    (listed,) = of_field("hat", provenance)
    assert listed == {"what": "field of hat, pictures", "licence": "CC-BY-NC-2.0", "commercial": False}
    assert of_field("hat", {})[0]["commercial"] is None
    assert is_commercial_safe(of_field("hat", provenance)) is False
    assert is_commercial_safe([CODE]) is True
    assert is_commercial_safe([]) is None


def test_the_environment_asks_too(monkeypatch):
    assert not Ledger().commercial_safe
    for text, wanted in (("1", True), ("yes", True), ("0", False), ("", False)):
        monkeypatch.setenv("PROPFIELD_COMMERCIAL_SAFE", text)
        assert Ledger().commercial_safe is wanted
        assert Ledger(commercial_safe=True).commercial_safe
