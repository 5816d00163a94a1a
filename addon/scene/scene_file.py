"""Reads scene.json, which `propfield reconstruct` writes, and holds all of it against its form."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import SceneError
from .field_file import FieldData, read_field

FORMAT, VERSION = "propfield.scene", 1
TEXT_LIMIT = 16 * 2**20


@dataclass(frozen=True)
class Person:
    """One person of a photo.

    Attributes:
        pose: (24, 3) axis-angle, radians.
        intrinsics, extrinsics: (3, 3) K in pixels; (4, 4) the person's space → OpenCV camera.
        category: what the object is, for its name.
        body: .ply of the posed body in the person's space.
        object: .ply of the object there, or None.
        joints: (24, 3) rest joints of the person's own shape, or None where the file does not tell.
        own_mesh: .glb of the object as a mesh of the user's, with its materials; None for another.
        facts: what is known of the object, by short names; empty in files of before it was told.
    """

    pose: np.ndarray
    intrinsics: np.ndarray
    extrinsics: np.ndarray
    category: str
    body: Path
    object: Path | None
    joints: np.ndarray | None
    own_mesh: Path | None
    facts: dict[str, str | float | bool]


@dataclass(frozen=True)
class PhotoScene:
    """A rebuilt photo; `size` is (width, height) in pixels, `field` None where none was used."""

    photo: Path
    size: tuple[int, int]
    people: tuple[Person, ...]
    field: FieldData | None


def read_scene(folder: Path) -> PhotoScene:
    """SceneError for a folder without a whole scene of this version."""
    text = _text(folder)
    try:
        return _scene(folder, text)
    except SceneError:
        raise
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise SceneError(f"{folder / 'scene.json'} is damaged: its parts do not fit together.") from error


def _text(folder: Path) -> dict[str, Any]:
    path = folder / "scene.json"
    if not path.is_file() or path.stat().st_size > TEXT_LIMIT:
        raise SceneError(f"There is no scene in {folder}: choose one that “propfield reconstruct” wrote.")
    try:
        text = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SceneError(f"{path} is not a propfield scene.") from error
    if not isinstance(text, dict) or text.get("format") != FORMAT:
        raise SceneError(f"{path} is not a propfield scene.")
    if text.get("version") != VERSION:
        raise SceneError(f"{path} is of another version ({text.get('version')}): update the add-on.")
    return text


def _inside(folder: Path, name: str) -> Path:
    """A file beside scene.json; a name that leads out of the folder is refused."""
    path = folder / name
    if Path(name).name != name or not path.is_file():
        raise SceneError(f"The scene in {folder} lacks its file “{name}”: rebuild the photo.")
    return path


def _scene(folder: Path, text: dict[str, Any]) -> PhotoScene:
    width, height = (int(number) for number in text["size"])
    if not (0 < width <= 65536 and 0 < height <= 65536):
        raise ValueError("no picture has this size")
    if not text["people"]:
        raise SceneError(f"There is no person in {folder / 'scene.json'}.")
    return PhotoScene(
        photo=_inside(folder, text["photo"]),
        size=(width, height),
        people=tuple(_person(folder, person) for person in text["people"]),
        field=read_field(_inside(folder, text["field"])) if text.get("field") else None,
    )


def _person(folder: Path, text: dict[str, Any]) -> Person:
    camera = text["camera"]
    extrinsics = np.eye(4)
    extrinsics[:3, :3] = _numbers(camera["R"], 3, 3)
    extrinsics[:3, 3] = _numbers(camera["t"], 3)
    return Person(
        pose=_numbers(text["pose"], 24, 3),
        intrinsics=_numbers(camera["K"], 3, 3),
        extrinsics=extrinsics,
        category=str(text.get("category") or "object"),
        body=_inside(folder, text["body"]),
        object=_inside(folder, text["object"]) if text.get("object") else None,
        joints=_numbers(text["joints"], 24, 3) if text.get("joints") else None,
        own_mesh=_own_mesh(folder, text),
        facts=_facts(text),
    )


def _own_mesh(folder: Path, text: dict[str, Any]) -> Path | None:
    placement = text.get("placement") or {}
    if not placement.get("mesh") or not text.get("object_glb"):
        return None
    return _inside(folder, text["object_glb"])


def _facts(text: dict[str, Any]) -> dict[str, str | float | bool]:
    """What an object remembers of how it was placed: its custom properties."""
    placement = text.get("placement") or {}
    told = {
        "category": text.get("category"),
        "type": text.get("type"),
        "mirrored": placement.get("mirrored"),
        "contact": placement.get("contact"),
        "mask_iou": text.get("object_mask_iou"),
    }
    return {name: value for name, value in told.items() if isinstance(value, str | float | bool)}


def _numbers(value: Any, *shape: int) -> np.ndarray:
    array = np.asarray(value, dtype=np.float64).reshape(shape)
    if not np.isfinite(array).all():
        raise ValueError("a number that is not finite")
    return array
