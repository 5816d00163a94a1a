"""What a bone's name says: which side, and which part of a body, in the words that riggers use."""

import re
from collections.abc import Iterable

_SIDES = {
    "l": "left", "lf": "left", "lft": "left", "left": "left", "左": "left",
    "r": "right", "rt": "right", "rgt": "right", "right": "right", "右": "right",
}  # fmt: skip
# Words of each part, the surest first; "+" joins words that stand apart in the name.
_WORDS = {
    part: tuple(words.split())
    for part, words in {
        "pelvis": "pelvis hips hip 下半身 センター cog",
        "spine": "spine chest torso abdomen back waist thorax 上半身",
        "neck": "neck 首",
        "head": "head skull 頭",
        "hip": "thigh upleg up+leg upperleg upper+leg leg+upper femur hip 足 buttock",
        "knee": "shin calf lowerleg lower+leg low+leg leg+lower knee tibia ひざ leg",
        "ankle": "ankle 足首 foot tarsal",
        "foot": "toe toebase toe+base toes ball つま先 foot",
        "collar": "clavicle collar collarbone 肩 scapula shoulder",
        "shoulder": "upperarm upper+arm uparm up+arm arm+upper humerus shldr bicep 腕 arm shoulder",
        "elbow": "forearm fore+arm lowerarm lower+arm low+arm arm+lower elbow ひじ radius",
        "wrist": "wrist 手首 hand palm",
        "hand": "middle mid 中指 hand",
    }.items()
}
PAIRED = ("hip", "knee", "ankle", "foot", "collar", "shoulder", "elbow", "wrist", "hand")
_MACHINERY = {
    "ik", "fk", "pole", "target", "ctrl", "control", "mch", "vis", "twist", "roll", "helper", "tweak",
    "parent", "socket", "jiggle", "correct", "corrective", "adj", "attach", "wgt", "pivot", "driver", "end",
    "nub", "share", "heel", "metatarsals", "捩", "ＩＫ", "親",
}  # fmt: skip
_FINGERS = {
    "index", "middle", "mid", "ring", "pinky", "little", "thumb", "finger",
    "親指", "人指", "中指", "薬指", "小指",
}  # fmt: skip
_JAPANESE = sorted(
    {word for words in _WORDS.values() for word in words if not word.isascii()}
    | {word for word in (*_MACHINERY, *_FINGERS, *_SIDES) if not word.isascii()},
    key=len,
    reverse=True,
)


def words_of(name: str) -> list[str]:
    """The words of a name in lower case, without numbers: "Base_L_ForeArm01" gives base, l, fore, arm."""
    name = re.sub("|".join(_JAPANESE), r" \g<0> ", name)
    # One letter before a capital is a side: lThigh, RHip.
    name = re.sub(r"(?<![A-Za-z])([lr](?=[A-Z])|[LR](?=[A-Z][a-z]))", r"\1 ", name)
    name = re.sub(r"([a-z])(?=[A-Z])", r"\1 ", name)
    return [word.lower() for word in re.findall(r"[^\W\d_]+", name)]


def side_of(words: list[str]) -> str | None:
    """ "left", "right" or None."""
    found = {_SIDES[word] for word in words if word in _SIDES}
    return found.pop() if len(found) == 1 else None


def is_machinery(words: list[str]) -> bool:
    """Whether the name is of a control, a twist, an end or the like, which no part of a body is."""
    return not _MACHINERY.isdisjoint(words)


def is_finger(words: list[str]) -> bool:
    """Whether the name is of a finger."""
    return not _FINGERS.isdisjoint(words)


def knuckles_of(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Side → first bones of index and little finger, of the sides on which names tell both."""
    found: dict[tuple[str | None, str], str] = {}
    # Of the bones of a finger the first has the lowest number.
    for name in sorted(names, reverse=True):
        words = words_of(name)
        for finger, called in (("index", {"index", "人指"}), ("little", {"pinky", "little", "小指"})):
            if not called.isdisjoint(words) and not is_machinery(words):
                found[side_of(words), finger] = name
    return {
        side: (found[side, "index"], found[side, "little"])
        for side in ("left", "right")
        if (side, "index") in found and (side, "little") in found
    }


def likeness(words: list[str], part: str) -> float:
    """How surely a name is of `part` (one of PAIRED, or pelvis, spine, neck, head): from 0 to 1."""
    for rank, pattern in enumerate(_WORDS[part]):
        pieces = pattern.split("+")
        for start in range(len(words) - len(pieces) + 1):
            if words[start : start + len(pieces)] == pieces:
                return 1 / (1 + 0.1 * rank)
    return 0.0
