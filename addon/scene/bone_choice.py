"""A mapping of bones that the user makes or corrects, kept on the armature, and saved as a bone map."""

import json
import re
from pathlib import Path

import bpy

from .errors import SceneError
from .rig import BONES_KEY, find_rig, rig_from, user_rigs
from .rig_guess import guess_rig
from .rig_map import FORMAT, VERSION, parse_rig_map
from .skeleton import JOINT_NAMES


def bones_by_hand(armature: bpy.types.Object) -> dict[str, str] | None:
    """Joint → bone as the user has them, finished or not; None where bones were not mapped by hand."""
    stored = armature.get(BONES_KEY)
    if stored is None:
        return None
    return {joint: str(stored[joint]) for joint in JOINT_NAMES if stored.get(joint)}


def choose_bones(armature: bpy.types.Object, bones: dict[str, str]) -> None:
    """Keeps a mapping on the armature object; it goes before every bone map, and is saved with the file.

    SceneError for an armature that is linked from another file.
    """
    if armature.library is not None:
        raise SceneError(
            f"“{armature.name}” is linked from another file: make a library override of it first."
        )
    armature[BONES_KEY] = {joint: bones.get(joint, "") for joint in JOINT_NAMES}


def forget_bones(armature: bpy.types.Object) -> None:
    """Bone maps hold again."""
    if armature.get(BONES_KEY) is not None:
        del armature[BONES_KEY]


def start_mapping(armature: bpy.types.Object) -> tuple[int, str]:
    """Fills the mapping in: from the bone map that fits, else by a guess.

    Gives the number of joints that have a bone, and what is still wrong, or nothing.
    """
    forget_bones(armature)
    rig = find_rig(armature)
    if rig is not None:
        bones = {j: bone for j, bone, own in zip(JOINT_NAMES, rig.bones, rig.mapped, strict=True) if own}
    else:
        bones = guess_rig(armature)
    choose_bones(armature, bones)
    return len(bones), what_is_wrong(armature)


def what_is_wrong(armature: bpy.types.Object) -> str:
    """Why the mapping does not do yet, in one sentence; nothing if it does."""
    try:
        rig_from(bones_by_hand(armature) or {}, set(armature.data.bones.keys()))
    except SceneError as error:
        return str(error)
    return ""


def save_bone_map(armature: bpy.types.Object, name: str) -> Path:
    """Writes the armature's mapping to the user's folder of bone maps, so that armatures with such names are
    known from now on. SceneError where the mapping does not do, or the file cannot be written."""
    bones = bones_by_hand(armature) or {}
    rig_from(bones, set(armature.data.bones.keys()))
    name = name.strip() or armature.name
    content = {"format": FORMAT, "version": VERSION, "name": name, "bones": bones}
    text = json.dumps(content, indent=2, ensure_ascii=False).encode()
    path = user_rigs() / f"{_file_name(name)}.json"
    parse_rig_map(text, path.name)
    unfinished = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(text)
        unfinished.replace(path)
    except OSError as error:
        raise SceneError(f"The bone map cannot be written to {path}: {error.strerror}.") from error
    return path


def _file_name(name: str) -> str:
    """A name that every file system takes."""
    return re.sub(r"[^\w\- ]", "_", name).strip()[:80] or "rig"
