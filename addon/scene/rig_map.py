"""Reads a bone map: a file that says which bones of a rig are SMPL's 24 joints (format: docs/rigs.md)."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import SceneError
from .skeleton import JOINT_INDEX

FORMAT = "propfield.rig"
VERSION = 1
SIZE_LIMIT = 64 * 1024
NAME_LIMIT = 255
LIST_LIMIT = 64
SIDES = ("left", "right")
ESSENTIAL = (
    "pelvis",
    *(f"{side}_{part}" for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist") for side in SIDES),
)
"""Joints without which a pose cannot be followed; beside them the neck or the head."""


class RigMapError(SceneError):
    """A file that is no bone map. The message is one clear sentence that names the file."""


@dataclass(frozen=True, eq=False)
class RigMap:
    """A bone map as its file has it.

    Attributes:
        name: what users call the rig.
        bones: joint → bone; joints that the rig lacks are left out.
        prefixes: what may stand before all the names; `#` is any number, or none.
        marks: further bones that must be there, which tell this rig from others.
        rests_in_t_pose: the rig's rest is SMPL's zero pose itself.
        knuckles: side → first bones of index and little finger, which tell how the hand is turned.
        controls: joint → the bones that turn it, where those are not the ones that move the skin.
        settings: control bone → its custom properties for the controls to have effect.
    """

    name: str
    bones: dict[str, str]
    prefixes: tuple[str, ...] = ("",)
    marks: tuple[str, ...] = ()
    rests_in_t_pose: bool = False
    knuckles: dict[str, tuple[str, str]] = field(default_factory=dict)
    controls: dict[str, tuple[str, ...]] = field(default_factory=dict)
    settings: dict[str, dict[str, float]] = field(default_factory=dict)


def read_rig_map(path: Path) -> RigMap:
    """Reads and checks a bone map. RigMapError for what is none, with the reason."""
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise RigMapError(f"The bone map {path.name} cannot be read: {error.strerror or error}.") from error
    return parse_rig_map(content, path.name)


def parse_rig_map(content: bytes, source: str) -> RigMap:
    """As `read_rig_map`, of a file's bytes; `source` names it in messages."""
    reader = _Reader(source)
    if len(content) > SIZE_LIMIT:
        raise reader.wrong(f"is larger than {SIZE_LIMIT // 1024} KiB")
    try:
        data = json.loads(content.decode("utf-8-sig"), object_pairs_hook=reader.unique)
    except (ValueError, RecursionError) as error:
        if isinstance(error, RigMapError):
            raise
        raise reader.wrong("is not JSON" + _place(error)) from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise reader.wrong(f'does not say "format": "{FORMAT}"')
    if type(data.get("version")) is not int or data["version"] != VERSION:
        raise reader.wrong(f"is of version {str(data.get('version'))[:20]}, not {VERSION}")
    unknown = sorted(set(data) - {"format", "version", *RigMap.__dataclass_fields__})
    if unknown:
        raise reader.wrong(f"has an entry “{unknown[0][:40]}” that bone maps do not have")
    bones = reader.joints(data.get("bones"), "bones")
    lacking = lacks(set(bones))
    if lacking:
        raise reader.wrong(f"names no bone for {lacking}")
    return RigMap(
        name=reader.word(data.get("name"), "name"),
        bones=bones,
        prefixes=reader.prefixes(data.get("prefixes", [""])),
        marks=reader.words(data.get("marks", []), "marks"),
        rests_in_t_pose=reader.switch(data.get("rests_in_t_pose", False), "rests_in_t_pose"),
        knuckles=reader.knuckles(data.get("knuckles", {})),
        controls=reader.controls(data.get("controls", {})),
        settings=reader.settings(data.get("settings", {})),
    )


def lacks(joints: set[str]) -> str:
    """The essential joints that are not among `joints`, as one reads them; nothing if all are there."""
    missing = [joint.replace("_", " ") for joint in ESSENTIAL if joint not in joints]
    if not joints & {"neck", "head"}:
        missing.append("neck or head")
    return ", ".join(missing)


def _place(error: Exception) -> str:
    return f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""


class _Reader:
    """Checks one entry after the other, and says which one is wrong."""

    def __init__(self, source: str) -> None:
        self._source = source

    def wrong(self, what: str) -> RigMapError:
        return RigMapError(f"The bone map {self._source} {what}.")

    def unique(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """A JSON object, in which nothing stands twice."""
        result = dict(pairs)
        if len(result) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise self.wrong(f"has “{twice[:40]}” twice")
        return result

    def word(self, value: Any, what: str) -> str:
        if not isinstance(value, str) or not value.strip() or not self._is_name(value):
            raise self.wrong(f"needs for “{what}” a name of 1 to {NAME_LIMIT} characters")
        return value

    def words(self, value: Any, what: str) -> tuple[str, ...]:
        if not isinstance(value, list) or len(value) > LIST_LIMIT:
            raise self.wrong(f"needs for “{what}” a list of at most {LIST_LIMIT} names")
        return tuple(self.word(item, what) for item in value)

    def switch(self, value: Any, what: str) -> bool:
        if not isinstance(value, bool):
            raise self.wrong(f"needs for “{what}” true or false")
        return value

    def table(self, value: Any, what: str) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) > LIST_LIMIT:
            raise self.wrong(f"needs for “{what}” an object of at most {LIST_LIMIT} entries")
        return value

    def joints(self, value: Any, what: str) -> dict[str, str]:
        """Joint → bone, with each bone once."""
        result: dict[str, str] = {}
        for joint, bone in self.table(value, what).items():
            if joint not in JOINT_INDEX:
                raise self.wrong(f"names in “{what}” the joint “{joint[:40]}”, which SMPL does not have")
            if self.word(bone, joint) in result.values():
                raise self.wrong(f"gives the bone “{bone[:40]}” to two joints")
            result[joint] = bone
        return result

    def controls(self, value: Any) -> dict[str, tuple[str, ...]]:
        """Joint → the bones that turn it."""
        result: dict[str, tuple[str, ...]] = {}
        for joint, names in self.table(value, "controls").items():
            if joint not in JOINT_INDEX:
                raise self.wrong(f"names in “controls” the joint “{joint[:40]}”, which SMPL does not have")
            result[joint] = self.words(names, "controls")
        return result

    def prefixes(self, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not 1 <= len(value) <= LIST_LIMIT:
            raise self.wrong(f"needs for “prefixes” a list of 1 to {LIST_LIMIT} beginnings of names")
        for prefix in value:
            if not isinstance(prefix, str) or not self._is_name(prefix) or prefix.count("#") > 1:
                raise self.wrong(
                    f"has a prefix that is no text of at most {NAME_LIMIT} characters with at most one #"
                )
        return tuple(value)

    def knuckles(self, value: Any) -> dict[str, tuple[str, str]]:
        result: dict[str, tuple[str, str]] = {}
        for side, names in self.table(value, "knuckles").items():
            if side not in SIDES or not isinstance(names, list) or len(names) != 2:
                raise self.wrong("needs for “knuckles” two bones for left and two for right")
            result[side] = (self.word(names[0], "knuckles"), self.word(names[1], "knuckles"))
        return result

    def settings(self, value: Any) -> dict[str, dict[str, float]]:
        result: dict[str, dict[str, float]] = {}
        for bone, properties in self.table(value, "settings").items():
            own = result[self.word(bone, "settings")] = {}
            for name, number in self.table(properties, "settings").items():
                if type(number) not in (int, float) or not abs(number) <= 1e6:
                    raise self.wrong(f"needs for the setting “{name[:40]}” a number")
                own[self.word(name, "settings")] = float(number)
        return result

    @staticmethod
    def _is_name(value: str) -> bool:
        # Lone surrogates, which JSON can spell, are text that Blender cannot take.
        return len(value) <= NAME_LIMIT and value.isprintable()
