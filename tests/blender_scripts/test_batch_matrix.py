"""Combinations, filters, names and keys of a batch's frames."""

import json
from pathlib import Path

import pytest

from batch.errors import BatchError
from batch.inputs import gather
from batch.manifest import manifest, merged_licences
from batch.matrix import frames_of
from batch.spec import load_spec

MADE_BY = {"blender": "5.0.1 abc", "propfield": "0.1.0", "code": "1"}
HERO = {
    "armatures": {"Rig": "Walk", "Prop": None},
    "actions": {"Walk": [1, 24], "Run": [-3, 8]},
    "cameras": ["Shot"],
}
HERO_FILE = {"blend": "hero.blend"}


def frames(path: Path, look=None, made_by=MADE_BY):
    spec = load_spec(path)
    return frames_of(spec, gather(spec, look or (lambda _: HERO)), made_by)


def names(found) -> list[str]:
    return [frame.name for frame in found]


def test_every_combination_is_made_once_in_the_specs_order(spec_content, write_spec):
    found = names(frames(write_spec(spec_content)))
    assert found == [
        f"maya/umbrella-{kind}/{pose}/{camera}-shells"
        for kind in ("hold", "open-wide")
        for pose in ("stand", "bow")
        for camera in ("front", "left")
    ]


def test_the_mix_is_made_if_asked_for_or_alone(spec_content, write_spec):
    assert len(frames(write_spec(spec_content, types=("all",)))) == 4
    spec_content["types"] = ["all"]
    assert {frame.labels["type"] for frame in frames(write_spec(spec_content))} == {"all"}
    spec_content["fields"]["umbrella"] = {"file": "umbrella.field.npz", "types": ["hold", "hold"]}
    assert {frame.labels["type"] for frame in frames(write_spec(spec_content))} == {"hold"}


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        ({"include": [{"pose": "bow"}]}, 4),
        ({"exclude": [{"pose": "bow"}]}, 4),
        ({"include": [{"pose": "bow", "camera": "front"}, {"type": "hold", "pose": "stand"}]}, 4),
        ({"include": [{"camera": ["f*", "l*"]}], "exclude": [{"camera": "left", "type": "open*"}]}, 6),
        ({"exclude": [{"character": "maya", "pose": "s?and"}]}, 4),
    ],
)
def test_filters_leave_what_they_say(filters, left, spec_content, write_spec):
    assert len(frames(write_spec({**spec_content, **filters}))) == left


def test_baked_fields_are_made_once_for_all_cameras_and_styles(spec_content, write_spec):
    spec_content |= {"vdb": True, "exclude": [{"camera": "left"}, {"type": "open*", "pose": "bow"}]}
    found = frames(write_spec(spec_content))
    baked = [frame for frame in found if frame.suffixes == (".vdb",)]
    assert names(baked) == [
        "maya/umbrella-hold/stand/field",
        "maya/umbrella-hold/bow/field",
        "maya/umbrella-open-wide/stand/field",
    ]
    assert len(found) - len(baked) == 3


def test_turntables_and_motions_are_counted_out(spec_content, write_spec, tmp_path):
    (tmp_path / "walk.bvh").write_text("HIERARCHY\nMOTION\nFrames: 10\nFrame Time: 0.03\n")
    spec_content["poses"] = {"walk": {"bvh": "walk.bvh", "frames": {"start": 2, "step": 4}}}
    spec_content["cameras"] = {"round": {"turntable": 4}}
    found = frames(write_spec(spec_content, types=("hold",)))
    assert [frame.number for frame in found] == [2, 6, 10] * 4
    assert names(found)[:2] == [
        "maya/umbrella-hold/walk/round-01-shells.0002",
        "maya/umbrella-hold/walk/round-01-shells.0006",
    ]
    assert [frame.work["camera"]["azimuth"] for frame in found[::3]] == [0, 90, 180, 270]
    assert {frame.work["first"] for frame in found} == {2}
    assert found[0].paths == ("maya/umbrella-hold/walk/round-01-shells.0002.png",)


def test_a_character_from_a_file_plays_its_own_actions(spec_content, write_spec, tmp_path):
    (tmp_path / "hero.blend").write_bytes(b"BLENDER")
    spec_content["characters"] = {"hero": {"blend": "hero.blend", "armature": "Rig"}}
    spec_content["poses"] = {"run": {"action": "Run", "frames": {"end": 0}}}
    spec_content["cameras"] = {"own": {"object": "Shot"}}
    found = frames(write_spec(spec_content, types=("hold",)))
    assert names(found) == [
        f"hero/umbrella-hold/run/own-shells.{number}" for number in ("m0003", "m0002", "m0001", "0000")
    ]
    assert found[0].inputs == (tmp_path / "hero.blend", tmp_path / "umbrella.field.npz")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fields": {"umbrella": "umbrela.field.npz"}}, "fields.umbrella.file: there is no file umbrela"),
        ({"fields": {"umbrella": "spec.json.npz"}}, "there is no file"),
        ({"fields": {"umbrella": {"library": "umbrela"}}}, "has no field “umbrela”; did you mean umbrella?"),
        ({"types": ["hodl"]}, "types[0]: no field has a type “hodl”; did you mean hold?"),
        ({"fields": {"u": {"file": "umbrella.field.npz", "types": ["sit"]}}}, "has no type “sit”"),
        ({"poses": {"p": "p.json"}}, "poses.p.file: there is no file p.json"),
        ({"poses": {"p": "spec.json"}}, "poses.p.file: spec.json holds no pose"),
        ({"poses": {"p": {"bvh": "spec.json"}}}, "is not a BVH file with frames"),
        ({"poses": {"p": {"action": "Walk"}}}, "an action needs a character from a .blend file"),
        ({"characters": {"hero": {"blend": "hero.blend"}}}, "several armatures; say which: Rig, Prop"),
        ({"characters": {"h": {**HERO_FILE, "armature": "Rg"}}}, "no armature “Rg”; did you mean Rig?"),
        (
            {"characters": {"h": {**HERO_FILE, "armature": "Rig"}}, "poses": {"w": {"action": "Wak"}}},
            "poses.w.action: no action is called “Wak”; did you mean Walk?",
        ),
        ({"cameras": {"c": {"object": "Shot"}}}, "cameras.c.object: “maya” has no camera “Shot”"),
        ({"exclude": [{"camera": "back"}]}, "exclude[0].camera: no camera is called “back”"),
        ({"include": [{"type": "carry"}]}, "include[0].type: no type is called “carry”; there are: hold"),
        ({"exclude": [{"character": "*"}]}, "The filters leave nothing to make."),
        ({"cameras": {"c": {"turntable": 3600}}, "poses": {"w": {"bvh": "long.bvh"}}}, "more than 1,000,000"),
        ({"poses": {"w": {"bvh": "long.bvh", "frames": {"start": 9000}}}}, "has the frames 1 to 800"),
    ],
)  # fmt: skip
def test_inputs_that_do_not_fit_are_named(
    change, said, spec_content, write_spec, tmp_path, home, header_alone
):
    (tmp_path / "hero.blend").write_bytes(b"BLENDER")
    (tmp_path / "long.bvh").write_text("MOTION\nFrames: 800\n")
    (home / "library").mkdir(parents=True)
    header_alone(home / "library" / "umbrella.field.npz", ("hold",))
    with pytest.raises(BatchError) as told:
        frames(write_spec({**spec_content, **change}))
    assert said in str(told.value)


def test_a_key_follows_content_and_not_places(spec_content, write_spec, tmp_path):
    pose = {"pose": [[0, 0, 0.1]] * 24}
    (tmp_path / "p.json").write_text(json.dumps(pose))
    spec_content["poses"] = {"p": "p.json"}
    spec_content["cameras"] = {"front": "front"}

    def key(made_by=MADE_BY, types=("hold",), **change):
        (frame,) = frames(write_spec({**spec_content, **change}, types=types), made_by=made_by)
        return frame.key

    first = key()
    assert key() == first
    (tmp_path / "other.json").write_text(json.dumps(pose))
    assert key(poses={"p": "other.json"}) == first
    assert key(out="elsewhere") == first
    (tmp_path / "p.json").write_text(json.dumps({"pose": [[0, 0, 0.2]] * 24}))
    other = {
        key(),
        key(seed=1, poses={"p": "other.json"}),
        key(types=("hold", "all"), poses={"p": "other.json"}),
        key({**MADE_BY, "blender": "4.5.0 abc"}, poses={"p": "other.json"}),
        key(styles={"shells": {"samples": 2}}, poses={"p": "other.json"}),
        key(cameras={"front": {"preset": "front", "lens": 61}}, poses={"p": "other.json"}),
    }
    assert len(other | {first}) == 7


def test_licences_of_all_inputs_are_merged_and_doubts_count(spec_content, write_spec, tmp_path):
    bvh = "MOTION\nFrames: 1\n"
    (tmp_path / "free.bvh").write_text(bvh)
    (tmp_path / "unknown.bvh").write_text(f"{bvh}\n")
    free = {"bvh": "free.bvh", "licence": {"name": "CC0-1.0", "commercial": True}}

    def told(poses):
        spec = load_spec(write_spec({**spec_content, "poses": poses}))
        inputs = gather(spec, lambda _: HERO)
        return manifest(spec, inputs, MADE_BY, [], {}, None)

    sure = told({"p": free})
    assert sure["commercial"] is True
    assert [(one["what"], one["licence"]) for one in sure["licences"]] == [
        ("body: open body", "CC0-1.0"),
        ("pictures", "CC0-1.0"),
        ("pose: p", "CC0-1.0"),
    ]
    assert told({"p": free, "q": {"bvh": "unknown.bvh"}})["commercial"] is None
    never = {**free, "licence": {"name": "research only", "commercial": False}}
    assert told({"p": never, "q": {"bvh": "unknown.bvh"}})["commercial"] is False
    assert merged_licences([]) == []
