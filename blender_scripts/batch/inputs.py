"""The files that a spec names: where they are, their hashes, and what they say of themselves."""

import hashlib
import importlib.util
import json
import math
import re
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .document import Place
from .errors import BatchError
from .schema import nearest
from .spec import Spec

REPOSITORY = Path(__file__).resolve().parents[2]
ADDON = REPOSITORY / "addon"
OPEN_BODY = REPOSITORY / "backend" / "propfield" / "body" / "assets" / "open_body.npz"
_LARGEST_HEADER = 16 * 2**20


@dataclass(frozen=True)
class Input:
    """A file that pictures are made from.

    Attributes:
        path: where it is.
        name: as the spec calls it, for the manifest, which should be the same on each machine.
        what: "field", "character", "pose", …
        sha256: of its content.
        licences: [{"what", "licence", "commercial"}]; commercial is None where nobody knows.
    """

    path: Path
    name: str
    what: str
    sha256: str
    licences: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Inputs:
    """What a spec's files say.

    Attributes:
        files: by path, each once.
        fields: by the name in the spec, the field file and its types' names.
        typical: by the name in the spec, the types of whose use the field knows the pose.
        motions: by (character or None, pose), the first and last frame.
        cameras: by character, the camera objects in its .blend file.
    """

    files: dict[Path, Input]
    fields: dict[str, tuple[Path, tuple[str, ...]]]
    typical: dict[str, frozenset[str]]
    motions: dict[tuple[str | None, str], tuple[int, int]]
    cameras: dict[str, tuple[str, ...]]


Look = Callable[[Path], dict[str, Any]]
"""What Blender says of a .blend file: {"armatures": {name: action or None}, "actions": {name: [first, last]},
"cameras": [names]}."""


def gather(spec: Spec, look: Look) -> Inputs:
    """Finds, hashes and reads every file. BatchError names the place in the spec that has none, or a wrong
    one. `look` is asked for .blend files alone."""
    files: dict[Path, Input] = {}
    told: dict[Path, dict[str, Any]] = {}

    def take(place: Place, name: str, what: str, licences: tuple[dict[str, Any], ...] = ()) -> Path:
        path = (spec.folder / name).resolve()
        if not path.is_file():
            raise spec.wrong(place, f"there is no file {name} (in {spec.folder})")
        if path not in files or licences:
            files[path] = Input(path, name, what, sha256_of(path), licences)
        return path

    def blend(place: Place, name: str, what: str, licences: tuple[dict[str, Any], ...]) -> dict[str, Any]:
        path = take(place, name, what, licences)
        if path not in told:
            told[path] = look(path)
        if "error" in told[path]:
            raise spec.wrong(place, told[path]["error"])
        return told[path]

    fields, typical = {}, {}
    for name in spec.fields:
        path, types, typical[name] = _field(spec, name, take, files)
        fields[name] = (path, types)
    characters: dict[str, dict[str, Any]] = {}
    for name, character in spec.characters.items():
        place: Place = ("characters", name)
        if "blend" in character:
            said = _licence(f"character: {name}", character)
            characters[name] = blend((*place, "blend"), character["blend"], "character", said)
            _one_armature(spec, (*place, "armature"), character, characters[name])
            for index, further in enumerate(character.get("depends", ())):
                take((*place, "depends", index), further, "character")
        elif character.get("shape"):
            files[OPEN_BODY] = Input(OPEN_BODY, OPEN_BODY.name, "body", sha256_of(OPEN_BODY))
    motions: dict[tuple[str | None, str], tuple[int, int]] = {}
    for name, pose in spec.poses.items():
        place, said = ("poses", name), _licence(f"pose: {name}", pose)
        if "file" in pose:
            _check_pose(spec, (*place, "file"), take((*place, "file"), pose["file"], "pose", said))
        elif "bvh" in pose:
            path = take((*place, "bvh"), pose["bvh"], "pose", said)
            motions[None, name] = (1, _bvh_frames(spec, (*place, "bvh"), path))
        elif "blend" in pose:
            told_of = blend((*place, "blend"), pose["blend"], "pose", said)
            _one_armature(spec, (*place, "armature"), pose, told_of)
            motions[None, name] = _action(spec, (*place, "action"), pose["action"], told_of)
        elif "action" in pose:
            if not characters:
                what = "an action needs a character from a .blend file, or “blend” to say which file holds it"
                raise spec.wrong((*place, "action"), what)
            having = [one for one, told_of in characters.items() if pose["action"] in told_of["actions"]]
            for character in having or list(characters)[:1]:
                found = _action(spec, (*place, "action"), pose["action"], characters[character])
                motions[character, name] = found
    cameras = {name: tuple(told_of["cameras"]) for name, told_of in characters.items()}
    return Inputs(files, fields, typical, motions, cameras)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _licence(what: str, settings: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    said = settings.get("licence", {})
    return ({"what": what, "licence": said.get("name"), "commercial": said.get("commercial")},)


def _field(
    spec: Spec, name: str, take: Callable[..., Path], files: dict[Path, Input]
) -> tuple[Path, tuple[str, ...], frozenset[str]]:
    field, place = spec.fields[name], ("fields", name)
    if "library" in field:
        place = (*place, "library")
        told, title = str(_library_file(spec, place, field["library"])), field["library"]
    else:
        place = (*place, "file")
        told = title = field["file"]
    path = take(place, told, "field")
    try:
        header = field_header(path)
        types = tuple(str(kind["name"]) for kind in header["types"])
        typical = frozenset(header["provenance"].get("typical_poses") or ())
        licences = tuple(
            {key: one.get(key) for key in ("what", "licence", "commercial")}
            for one in header["provenance"].get("licences", ())
        )
        body = header["body"]
        told_of_body = {key: body.get(key) for key in ("licence", "commercial")}
    except BatchError as error:
        raise spec.wrong(place, str(error).rstrip(".")) from None
    except (KeyError, TypeError, AttributeError):
        raise spec.wrong(place, f"{path.name} is not a field file that this version reads") from None
    if not any(str(one["what"]).startswith("body") for one in licences):
        licences = ({"what": f"body: {body.get('name')}", **told_of_body}, *licences)
    files[path] = Input(path, title, "field", files[path].sha256, licences)
    return path, types, typical


def field_header(path: Path) -> dict[str, Any]:
    """The JSON header of a field file (DESIGN.md), without numpy. BatchError for another file."""
    foreign = BatchError(f"{path.name} is not a propfield field file.")
    try:
        with zipfile.ZipFile(path) as archive, archive.open("header.npy") as stream:
            if stream.read(8) != b"\x93NUMPY\x01\x00":
                raise foreign
            stream.read(struct.unpack("<H", stream.read(2))[0])
            header = json.loads(stream.read(_LARGEST_HEADER))
    except (zipfile.BadZipFile, KeyError, OSError, EOFError, ValueError, struct.error) as error:
        raise foreign from error
    if not isinstance(header, dict) or header.get("format") != "propfield.field":
        raise foreign
    return header


def _library_file(spec: Spec, place: Place, name: str) -> Path:
    folder = _home_folder() / "library"
    names = {path.name.removesuffix(".field.npz"): path for path in folder.rglob("*.field.npz")}
    if name not in names:
        raise spec.wrong(place, f"the library ({folder}) has no field “{name}”{nearest(name, list(names))}")
    return names[name]


def _home_folder() -> Path:
    # The add-on's own rule, read without the add-on, which needs a Blender.
    description = importlib.util.spec_from_file_location("propfield_home", ADDON / "client" / "home.py")
    assert description is not None
    assert description.loader is not None
    module = importlib.util.module_from_spec(description)
    description.loader.exec_module(module)
    return module.home_folder()


def _one_armature(spec: Spec, place: Place, settings: dict[str, Any], told: dict[str, Any]) -> None:
    names = list(told["armatures"])
    wanted = settings.get("armature")
    if wanted is None and len(names) != 1:
        many = f"has several armatures; say which: {', '.join(names)}" if names else "has no armature"
        raise spec.wrong(place[:-1], f"{settings['blend']} {many}")
    if wanted is not None and wanted not in names:
        raise spec.wrong(place, f"{settings['blend']} has no armature “{wanted}”{nearest(wanted, names)}")


def _action(spec: Spec, place: Place, name: str, told: dict[str, Any]) -> tuple[int, int]:
    actions = told["actions"]
    if name not in actions:
        raise spec.wrong(place, f"no action is called “{name}”{nearest(name, list(actions))}")
    first, last = actions[name]
    return first, last


def _check_pose(spec: Spec, place: Place, path: Path) -> None:
    if path.suffix.lower() == ".npz":
        return  # The worker has numpy and reads it.
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        rows = data["pose"] if isinstance(data, dict) else data
        numbers = [float(number) for row in rows for number in row]
        right = len(numbers) == 72 and all(map(math.isfinite, numbers))
    except (ValueError, TypeError, KeyError, RecursionError):
        right = False
    if not right:
        what = f"{path.name} holds no pose; it should be JSON with 24 axis-angle rows, alone or under “pose”"
        raise spec.wrong(place, what)


def _bvh_frames(spec: Spec, place: Place, path: Path) -> int:
    match = re.search(rb"^\s*Frames:\s*(\d+)\s*$", path.read_bytes(), re.MULTILINE)
    if match is None or int(match.group(1)) < 1:
        raise spec.wrong(place, f"{path.name} is not a BVH file with frames")
    return int(match.group(1))
