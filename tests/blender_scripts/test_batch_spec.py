"""A batch's spec: what is read, and what is said of what is wrong."""

import json
import math
import sys
from pathlib import Path

import jsonschema
import pytest

from batch.document import read_document
from batch.errors import BatchError
from batch.reference import put_into, reference
from batch.schema import problems, spec_schema
from batch.spec import load_spec

REMOVE = "(removed)"


def changed(content, place, value):
    *way, last = place
    inside = content
    for part in way:
        inside = inside[part]
    if value is REMOVE:
        del inside[last]
    else:
        inside[last] = value
    return content


# Where, what is put there, whether a schema can tell, and parts of the sentence.
WRONG = [
    (("cameras",), REMOVE, True, ["“cameras” is missing"]),
    (("camras",), {}, True, ["“camras” is not known here", "did you mean cameras"]),
    (("cameras", "front"), "frnt", True, ["cameras.front: ", "did you mean front?"]),
    (("cameras", "front"), {}, True, ["say one of preset, azimuth, turntable, location, object"]),
    (("cameras", "front"), {"preset": "front", "azimuth": 3}, True, ["not both preset and azimuth"]),
    (("cameras", "front"), {"turntable": 1}, True, ["cameras.front.turntable: 1 is less than 2"]),
    (("cameras", "front"), {"turntable": 2.5}, True, ["should be a whole number, not 2.5"]),
    (("cameras", "front"), {"preset": "front", "lens": "long"}, True, ["lens: this should be a number"]),
    (("cameras", "front"), {"preset": "front", "zoom": 0}, True, ["zoom: 0 is not more than 0"]),
    (("cameras", "front"), {"location": [1, 2]}, True, ["location: this list should hold 3, not 2"]),
    (("styles", "shells", "engine"), "cycls", True, ["styles.shells.engine", "did you mean cycles?"]),
    (("styles", "shells", "samples"), True, True, ["a whole number, not true"]),
    (("styles", "shells", "resolution"), [64], True, ["should hold 2, not 1"]),
    (("styles", "shells", "levels"), [0.5, 1.5], True, ["styles.shells.levels[1]: 1.5 is more than 0.99"]),
    (("styles", "shells", "files"), ["jpg"], True, ['files[0]: "jpg" is not known here']),
    (("styles", "shells", "passes"), [], True, ["should hold at least 1, not 0"]),
    (("styles",), {}, True, ["styles: nothing is named here"]),
    (("styles", "two words"), {}, True, ["is not a name of letters, digits"]),
    (("styles", "../up"), {}, True, ["is not a name of letters, digits"]),
    (("poses", "bow"), {"joints": {"left_elbo": [0, 0, 9]}}, True, ["did you mean left_elbow"]),
    (("poses", "bow"), {"axis_angle": [[0, 0, 0]] * 23}, True, ["should hold 24, not 23"]),
    (("poses", "bow"), {"action": "Walk", "frames": {"step": 0}}, True, ["step: 0 is less than 1"]),
    (("poses", "bow"), "", True, ["poses.bow: this text is empty"]),
    (("characters", "maya"), 7, True, ["this should be a text or a mapping of names, not 7"]),
    (("characters", "maya"), {"shape": [99]}, True, ["shape[0]: 99 is more than 5"]),
    (("characters", "maya"), {"blend": "m.blend", "licence": {}}, True, ["licence: “name” is missing"]),
    (("seed",), -1, True, ["seed: -1 is less than 0"]),
    (("types",), [], True, ["types: this list should hold at least 1"]),
    (("exclude",), [{"posse": "bow"}], True, ["exclude[0].posse: “posse” is not known here", "pose"]),
    (("exclude",), [{}], True, ["exclude[0]: nothing is named here"]),
    (("vdb",), "yes", True, ["vdb: this should be true or false"]),
    (("sheet",), {"columns": 0}, True, ["sheet.columns: 0 is less than 1"]),
    (("styles", "Shells"), {}, False, ["“shells” and “Shells” differ by case alone"]),
    (("styles", "shells"), {"engine": "workbench", "show": "volume"}, False, ["needs cycles or eevee"]),
    (("characters", "maya"), {"armature": "Rig"}, False, ["“armature” goes with “blend”"]),
    (("characters", "maya"), {"blend": "m.blend", "shape": [1]}, False, ["are the open body's"]),
    (("poses", "bow"), {"file": "b.json", "frames": {"end": 3}}, False, ["a pose stands still"]),
    (("poses", "bow"), {"bvh": "b.bvh", "frames": {"start": 5, "end": 3}}, False, ["comes before the first"]),
    (("poses", "bow"), {"bvh": "b.bvh", "turn": {"neck": [1, 0, 0]}}, False, ["goes with a still pose"]),
    (("poses", "bow"), {"typical": False}, True, ["typical: false is not known here"]),
    (("poses", "bow"), {"bvh": "b.bvh", "blend": "m.blend"}, False, ["“blend” goes with “action”"]),
    (("exclude",), [{"pose": "bwo"}], False, ["exclude[0].pose: no pose is called “bwo”; did you mean bow?"]),
    (("include",), [{"style": ["shells", "x*"]}], False, ["no style is called “x*”; there are: shells"]),
]


@pytest.mark.parametrize(("place", "value", "by_schema", "said"), WRONG, ids=lambda part: str(part)[:40])
def test_what_is_wrong_is_said_with_its_line_and_place(
    place, value, by_schema, said, spec_content, write_spec
):
    content = changed(spec_content, place, value)
    path = write_spec(content)
    with pytest.raises(BatchError) as told:
        load_spec(path)
    sentence = str(told.value)
    assert sentence.startswith("spec.json, line ")
    assert all(part in sentence for part in said), sentence
    # The whole of JSON Schema is of the same mind.
    by_others = list(jsonschema.Draft202012Validator(spec_schema()).iter_errors(content))
    assert bool(by_others) is by_schema, by_others


def test_the_schema_is_one_and_takes_what_is_right(spec_content):
    jsonschema.Draft202012Validator.check_schema(spec_schema())
    assert not list(jsonschema.Draft202012Validator(spec_schema()).iter_errors(spec_content))
    assert not list(problems(spec_content, spec_schema()))


def test_every_setting_says_what_it_is():
    for name, part in {"the spec": spec_schema(), **spec_schema()["$defs"]}.items():
        for setting, described in part.get("properties", {}).items():
            if described in ({"$ref": "#/$defs/licence"}, {"$ref": "#/$defs/frames"}):
                continue
            assert described.get("description"), f"{setting} of {name}"


def test_all_that_is_wrong_is_told_at_once_up_to_a_dozen(spec_content, write_spec):
    spec_content["poses"] |= {f"p{number}": {"joints": {"nose": [0, 0, 0]}} for number in range(20)}
    with pytest.raises(BatchError) as told:
        load_spec(write_spec(spec_content))
    lines = str(told.value).splitlines()
    assert len(lines) == 13
    assert lines[-1] == "… and 8 more."


def test_lines_are_those_of_the_file(tmp_path):
    text = '{\n "a": [1,\n  {"b": "x\\ny"}],\n\n "c": null}'
    path = tmp_path / "x.json"
    path.write_text(text)
    document = read_document(path)
    assert document.content == json.loads(text)
    assert document.lines == {(): 1, ("a",): 2, ("a", 0): 2, ("a", 1): 3, ("a", 1, "b"): 3, ("c",): 5}
    assert document.where(("a", 1, "z")) == "x.json, line 3: a[1].z"
    path = tmp_path / "x.yaml"
    path.write_text("a:\n- 1\n- b: >\n    x\n\nc:\n  null\n")
    document = read_document(path)
    assert document.content == {"a": [1, {"b": "x\n"}], "c": None}
    assert document.lines[("a", 1, "b")] == 3
    assert document.lines[("c",)] == 6


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.json", "", "x.json, line 1: not well-formed JSON"),
        ("x.json", '{"a": 1,\n "a": 2}', "x.json, line 2: “a” is said twice."),
        ("x.json", '{"a": 1,\n}', "line 2: not well-formed JSON: a name in double quotes was expected"),
        ("x.json", '{"a": NaN}', "a value was expected, not 'N'"),
        ("x.json", '{"a": "b\n"}', "not well-formed JSON"),
        ("x.json", '{"a": [1 2]}', "“,” was expected, not '2'"),
        ("x.json", "[] []", "something follows after the end"),
        ("x.json", "[" * 9999, "it nests too deep"),
        ("x.yaml", "", "x.yaml is empty."),
        ("x.yaml", "a: 1\nb: 2\na: 3\n", "x.yaml, line 3: “a” is said twice."),
        ("x.yaml", "a: [1, 2\nb: 3\n", "x.yaml, line 2: "),
        ("x.yaml", "a: !!python/object:os.system {}\n", "x.yaml, line 1: could not determine a constructor"),
    ],
)  # fmt: skip
def test_broken_documents_get_one_sentence(name, text, said, tmp_path):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(BatchError) as told:
        read_document(path)
    assert said in str(told.value)


def test_aliases_that_stand_for_each_other_over_and_over_are_refused(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    path = tmp_path / "x.yaml"
    path.write_text("\n".join(lines))
    with pytest.raises(BatchError, match="says more"):
        read_document(path)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_none_are_refused(value, spec_content, write_spec):
    found = list(problems(value, {"type": "number", "minimum": -9}))
    assert len(found) == 1


def test_a_python_without_yaml_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    path = tmp_path / "x.yaml"
    path.write_text("a: 1")
    with pytest.raises(BatchError, match=r"no YAML reader .* write x.yaml as JSON, or .*--blender PATH"):
        read_document(path)


def test_short_forms_are_written_out_and_defaults_filled_in(spec_content, write_spec, tmp_path):
    spec_content["fields"]["from_library"] = "carry umbrella"
    spec_content["poses"]["file"] = "p.json"
    spec = load_spec(write_spec(spec_content, name="my-sheet.json"))
    assert spec.out == tmp_path / "my-sheet"
    assert spec.fields == {
        "umbrella": {"file": "umbrella.field.npz"},
        "from_library": {"library": "carry umbrella"},
    }
    assert spec.cameras["left"]["preset"] == "side"
    assert spec.cameras["left"]["lens"] == 60
    assert spec.poses["file"] == {"file": "p.json", "ground": True}
    style = spec.styles["shells"]
    assert (style["engine"], style["samples"], style["levels"]) == ("cycles", 1, [0.4, 0.6, 0.8])
    assert spec.sheet == {"height": 260, "columns": 6, "frames": 6}


def test_the_manual_has_the_schemas_settings():
    page = (Path(__file__).resolve().parents[2] / "docs" / "batch.md").read_text(encoding="utf-8")
    assert reference() in page
    assert put_into(page) == page


def test_the_example_is_right():
    example = Path(__file__).resolve().parents[2] / "examples" / "batch.yaml"
    spec = load_spec(example)
    assert spec.out == example.parents[1] / "out" / "batch"
