"""Which bone of a character is which of SMPL's 24 joints: by a bone map that fits, or as the user said."""

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import bpy

from .bone_names import knuckles_of
from .errors import SceneError
from .rig_map import RigMap, RigMapError, lacks, read_rig_map
from .skeleton import JOINT_NAMES, PARENTS

RIGS = Path(__file__).parent.parent / "rigs"
BONES_KEY = "propfield_bones"
"""Custom property of an armature object: joint → bone, as the user has them; it goes before all maps."""
BY_HAND = "Mapped by hand"
FILE_LIMIT = 256
"""Bone maps that are read of a folder."""


@dataclass(frozen=True)
class Rig:
    """The bones of one armature.

    Attributes:
        name: of the bone map.
        bones: for each of the 24 joints the bone that its part of a field follows; a joint that the rig lacks
            follows the nearest above it that it has.
        mapped: (24,) whether the joint has a bone of its own.
        rests_in_t_pose, knuckles, controls, settings: as in `RigMap`, with the armature's names.
    """

    name: str
    bones: tuple[str, ...]
    mapped: tuple[bool, ...]
    rests_in_t_pose: bool
    knuckles: dict[str, tuple[str, str]]
    controls: dict[str, tuple[str, ...]]
    settings: dict[str, dict[str, float]]


def user_rigs() -> Path:
    """The folder for a user's own bone maps, which outlives updates of the add-on; it may not be there."""
    return Path(bpy.utils.user_resource("DATAFILES")) / "propfield" / "rigs"


def known_maps() -> tuple[tuple[RigMap, ...], tuple[str, ...]]:
    """All bone maps of the add-on and the user, and one sentence about each file that is none.

    Files are read again when they change.
    """
    read = []
    for folder in (user_rigs(), RIGS):
        for path in sorted(folder.glob("*.json"))[:FILE_LIMIT]:
            # A file may go between being listed and being looked at.
            with suppress(OSError):
                read.append(_read(path, path.stat().st_mtime_ns))
    return (
        tuple(item for item in read if isinstance(item, RigMap)),
        tuple(item for item in read if isinstance(item, str)),
    )


@lru_cache(maxsize=4 * FILE_LIMIT)
def _read(path: Path, changed: int) -> RigMap | str:
    try:
        return read_rig_map(path)
    except RigMapError as error:
        return str(error)


def find_rig(armature: bpy.types.Object) -> Rig | None:
    """The armature's rig: what the user said, else of the bone maps that fit the one that knows most of its
    bones; None where none fits. SceneError where what the user said does not hold."""
    if armature.type != "ARMATURE":
        return None
    if armature.get(BONES_KEY) is not None:
        return _rig_by_hand(armature)
    return recognised(frozenset(armature.data.bones.keys()), known_maps()[0])


def rig_of(armature: bpy.types.Object) -> Rig:
    """As `find_rig`; SceneError for an armature whose bones are not known."""
    rig = find_rig(armature)
    if rig is None:
        raise SceneError(
            f"The bones of “{armature.name}” are of no known rig:"
            " map them in the Character panel, which guesses most."
        )
    return rig


@lru_cache(maxsize=64)
def recognised(names: frozenset[str], maps: tuple[RigMap, ...]) -> Rig | None:
    """Of `maps` the one that fits bones of these names and knows most of them."""
    best, most = None, 0
    for rig_map in maps:
        for prefix in _prefixes(rig_map, names):
            there = {joint: prefix + bone for joint, bone in rig_map.bones.items() if prefix + bone in names}
            if lacks(set(there)) or not names.issuperset(prefix + mark for mark in rig_map.marks):
                continue
            rig = _rig(rig_map, there, prefix, names)
            known = {*there.values(), *(prefix + mark for mark in rig_map.marks)}
            known.update(*rig.knuckles.values())
            if len(known) > most:
                best, most = rig, len(known)
    return best


def rig_from(bones: dict[str, str], names: set[str]) -> Rig:
    """The rig of a mapping made by hand. SceneError, with what is wrong, where it does not do.

    Fingers are found by their names, and controls are those of the bone map that fits, if one does.
    """
    chosen = {joint: bone for joint, bone in bones.items() if bone}
    for joint, bone in chosen.items():
        if bone not in names:
            raise SceneError(
                f"There is no bone “{bone}” (mapped to the {_words(joint)}):"
                " choose another in the Character panel."
            )
    lacking = lacks(set(chosen))
    if lacking:
        raise SceneError(f"No bone is mapped to: {lacking}. Choose them in the Character panel.")
    twice = [bone for bone in chosen.values() if list(chosen.values()).count(bone) > 1]
    if twice:
        raise SceneError(
            f"The bone “{twice[0]}” is mapped to two joints: choose another in the Character panel."
        )
    known = recognised(frozenset(names), known_maps()[0])
    rig = _rig(RigMap(BY_HAND, chosen, knuckles=knuckles_of(names)), chosen, "", frozenset(names))
    if known is None or not known.controls:
        return rig
    own = dict(zip(JOINT_NAMES, known.bones, strict=True))
    controls = {
        joint: known.controls.get(joint, ()) if own[joint] == bone else (bone,)
        for joint, bone in chosen.items()
    }
    return replace(rig, controls=controls, settings=known.settings)


def _rig_by_hand(armature: bpy.types.Object) -> Rig:
    stored = armature[BONES_KEY]
    bones = {joint: str(stored[joint]) for joint in JOINT_NAMES if joint in stored}
    return rig_from(bones, set(armature.data.bones.keys()))


def _rig(rig_map: RigMap, there: dict[str, str], prefix: str, names: frozenset[str]) -> Rig:
    bones: list[str] = []
    for joint, parent in zip(JOINT_NAMES, PARENTS, strict=True):
        bones.append(there.get(joint) or bones[parent])
    knuckles = {side: (prefix + pair[0], prefix + pair[1]) for side, pair in rig_map.knuckles.items()}
    return Rig(
        name=rig_map.name,
        bones=tuple(bones),
        mapped=tuple(joint in there for joint in JOINT_NAMES),
        rests_in_t_pose=rig_map.rests_in_t_pose,
        knuckles={side: pair for side, pair in knuckles.items() if names.issuperset(pair)},
        controls={
            joint: tuple(prefix + bone for bone in turning if prefix + bone in names)
            for joint, turning in rig_map.controls.items()
        },
        settings={prefix + b: values for b, values in rig_map.settings.items() if prefix + b in names},
    )


def _prefixes(rig_map: RigMap, names: frozenset[str]) -> list[str]:
    """The map's prefixes with the numbers that the armature has for #."""
    found: dict[str, None] = {}
    for prefix in rig_map.prefixes:
        if "#" not in prefix:
            found[prefix] = None
            continue
        before, after = (re.escape(part) for part in prefix.split("#"))
        pattern = re.compile(f"({before}[0-9]*{after}){re.escape(rig_map.bones['pelvis'])}")
        found.update(dict.fromkeys(match[1] for name in names if (match := pattern.fullmatch(name))))
    return sorted(found)


def _words(joint: str) -> str:
    return joint.replace("_", " ")
