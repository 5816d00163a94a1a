import json
from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("bpy")

BONES = {
    "pelvis": "hips",
    "neck": "neck",
    **{
        f"{side}_{part}": f"{side}-{part}"
        for side in ("left", "right")
        for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
    },
}
WHOLE = {"format": "propfield.rig", "version": 1, "name": "mine", "bones": BONES}


def _parse(content: bytes):
    from addon.scene.rig_map import parse_rig_map

    return parse_rig_map(content, "mine.json")


def _files():
    from addon.scene.rig import RIGS

    return sorted(RIGS.glob("*.json"))


def test_every_bone_map_of_the_add_on_is_whole_and_recognised_as_itself():
    from addon.scene.rig import known_maps, recognised
    from addon.scene.rig_map import read_rig_map

    maps, bad = known_maps()
    assert not bad
    assert len(maps) == len(_files()) == len({rig_map.name for rig_map in maps})
    for path in _files():
        own = read_rig_map(path)
        for prefix in own.prefixes:
            prefix = prefix.replace("#", "7")
            bones = [
                *own.bones.values(),
                *own.marks,
                *(bone for pair in own.knuckles.values() for bone in pair),
            ]
            names = frozenset(prefix + bone for bone in bones)
            assert recognised(names, maps).name == own.name, (path.name, prefix)
            # More bones, such as twists, a face and clothes, change nothing.
            more = names | {"root", "Root.001", "hair_01", "skirt", "spine_twist", "eye.L", "J_Sec_Hair1"}
            assert recognised(frozenset(more), maps).name == own.name


def test_no_rig_is_taken_for_another_even_where_two_are_in_one_armature():
    from addon.scene.rig import known_maps, recognised

    maps, _ = known_maps()
    for one, other in combinations(maps, 2):
        if set(one.bones.values()) & set(other.bones.values()):
            continue
        names = frozenset(prefix + bone for rig_map in (one, other) for prefix in rig_map.prefixes[:1]
                          for bone in rig_map.bones.values() if "#" not in prefix)  # fmt: skip
        found = recognised(names | set(one.marks) | set(other.marks), maps)
        if found is not None:
            of = next(rig_map for rig_map in maps if rig_map.name == found.name)
            assert {bone for bone, mapped in zip(found.bones, found.mapped, strict=True) if mapped} <= {
                prefix + bone for prefix in of.prefixes for bone in of.bones.values()
            }


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format": "other"}, "does not say"),
        ({"version": 2}, "is of version 2, not 1"),
        ({"version": True}, "is of version True"),
        ({"name": " "}, "“name” a name of 1 to 255"),
        ({"name": "a\ud800"}, "“name” a name of 1 to 255"),
        ({"bones": []}, "“bones” an object"),
        ({"bones": {**BONES, "tail": "t"}}, "the joint “tail”, which SMPL does not have"),
        ({"bones": {**BONES, "left_knee": "neck"}}, "gives the bone “neck” to two joints"),
        ({"bones": {**BONES, "left_knee": 3}}, "“left_knee” a name"),
        ({"bones": {k: v for k, v in BONES.items() if k not in ("left_knee", "neck")}},
         "names no bone for left knee, neck or head"),
        ({"prefixes": []}, "“prefixes” a list"),
        ({"prefixes": ["a#b#"]}, "at most one #"),
        ({"prefixes": "a"}, "“prefixes” a list"),
        ({"marks": "a"}, "“marks” a list"),
        ({"rests_in_t_pose": 1}, "true or false"),
        ({"knuckles": {"left": ["a"]}}, "two bones for left"),
        ({"controls": {"pelvis": "torso"}}, "“controls” a list"),
        ({"controls": {"tail": ["torso"]}}, "the joint “tail”"),
        ({"settings": {"a": {"IK_FK": "on"}}}, "“IK_FK” a number"),
        ({"bone": {}}, "an entry “bone”"),
    ],
)  # fmt: skip
def test_a_map_with_a_mistake_gets_one_sentence_that_names_it(change, sentence):
    from addon.scene.errors import SceneError

    with pytest.raises(SceneError) as caught:
        _parse(json.dumps({**WHOLE, **change}).encode())
    message = str(caught.value)
    assert message.startswith("The bone map mine.json ")
    assert sentence in message
    assert "\n" not in message
    assert len(message) < 300


def test_what_is_no_json_or_too_large_or_twice_gets_one_sentence():
    from addon.scene.errors import SceneError
    from addon.scene.rig_map import SIZE_LIMIT

    for content, sentence in [
        (b"{", "is not JSON (line 1)"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 60_000, "is not JSON"),
        (b'{"version": ' + b"9" * 60_000 + b"}", "is not JSON"),
        (b" " * (SIZE_LIMIT + 1), "is larger than 64 KiB"),
        (b'{"name": "a", "name": "b"}', "has “name” twice"),
        (b"null", "does not say"),
    ]:
        with pytest.raises(SceneError, match=r"mine\.json") as caught:
            _parse(content)
        assert sentence in str(caught.value)


def test_a_user_s_own_map_is_found_and_a_bad_one_named(tmp_path, monkeypatch):
    from addon.scene import rig

    monkeypatch.setattr(rig, "user_rigs", lambda: tmp_path)
    (tmp_path / "mine.json").write_text(json.dumps(WHOLE))
    (tmp_path / "bad.json").write_text("{}")
    maps, bad = rig.known_maps()
    assert bad == ('The bone map bad.json does not say "format": "propfield.rig".',)
    found = rig.recognised(frozenset(BONES.values()), maps)
    assert found.name == "mine"
    # Spine, collars and hands follow the nearest joint that the rig has.
    bones = dict(zip(rig.JOINT_NAMES, found.bones, strict=True))
    assert bones["spine3"] == "hips"
    assert bones["left_hand"] == "left-wrist"
    assert bones["head"] == "neck"


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_entries = st.sampled_from(
    [*WHOLE, "prefixes", "marks", "rests_in_t_pose", "knuckles", "controls", "settings"]
)
_near = st.dictionaries(_entries, _json, max_size=4).map(
    lambda changes: json.dumps({**WHOLE, **changes}).encode()
)
_joints = st.dictionaries(st.sampled_from([*BONES, "head", "spine1"]), st.text(max_size=300) | st.integers())
_bones = st.fixed_dictionaries({}, optional={"bones": _joints, "prefixes": st.lists(st.text())}).map(
    lambda changes: json.dumps({**WHOLE, **changes}).encode()
)


@settings(max_examples=300, deadline=2000, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=400) | _json.map(lambda value: json.dumps(value).encode()) | _near | _bones)
def test_whatever_a_file_holds_it_is_read_or_refused(content):
    from addon.scene.errors import SceneError
    from addon.scene.rig import recognised
    from addon.scene.rig_map import lacks

    try:
        rig_map = _parse(content)
    except SceneError:
        return
    assert not lacks(set(rig_map.bones))
    for prefix in rig_map.prefixes:
        names = frozenset(
            prefix.replace("#", "12") + bone for bone in (*rig_map.bones.values(), *rig_map.marks)
        )
        assert recognised(names, (rig_map,)) is not None
