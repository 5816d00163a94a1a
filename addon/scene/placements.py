"""The places that were found for a prop, kept on its object: they outlive saving, undo and the add-on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import bpy
import numpy as np

from .errors import SceneError
from .prop_anchor import RigPose, anchor_bones, blended, rig_pose
from .prop_attach import How, attach, let_go
from .prop_before import KEY as BEFORE
from .prop_before import forget, restore

KEY = "propfield_placements"


@dataclass(frozen=True)
class Placement:
    """One place of a prop.

    Attributes:
        world: (4, 4) as rows: the object's matrix in the world, in the pose in which it was found.
        bones: the character's bones that hold it and their weights, heaviest first.
        score, fill: 0 to 1; how well it agrees with the field, and the share of the field that it fills.
        contact: metres from the part that the interaction names; None where it names none.
        penetration: metres, the deepest in the body.
        scale: of the prop, as it was before.
    """

    world: list[list[float]]
    bones: dict[str, float]
    score: float
    fill: float
    contact: float | None
    penetration: float
    scale: float


@dataclass(frozen=True)
class Placements:
    """All that were found, best first.

    Attributes:
        found: the places.
        posed: where the bones that hold the prop were then: (4, 4) as rows, by name.
        what: for people: "handbag, carry".
    """

    found: tuple[Placement, ...]
    posed: dict[str, list[list[float]]]
    what: str


def from_answer(
    answer: Sequence[Mapping],
    to_world: Sequence[np.ndarray],
    character: bpy.types.Object,
    posed: RigPose,
    what: str,
) -> Placements:
    """What a search says, of which `to_world` are the (4, 4) matrices of the object in the world.

    `posed` is the pose that was searched. SceneError for numbers that are none.
    """
    found = []
    for entry, world in zip(answer, to_world, strict=True):
        if not np.isfinite(world).all() or abs(np.linalg.det(world[:3, :3])) < 1e-12:
            raise SceneError("The search gave a placement that is none: update the backend.")
        contact = entry.get("contact_m")
        found.append(
            Placement(
                world=world.tolist(),
                bones=anchor_bones(character, entry.get("joints") or {}),
                score=float(entry.get("score") or 0.0),
                fill=float(entry.get("fill") or 0.0),
                contact=None if contact is None else float(contact),
                penetration=float(entry.get("penetration_m") or 0.0),
                scale=float(entry.get("scale") or 1.0),
            )
        )
    used = {bone for placement in found for bone in placement.bones}
    return Placements(tuple(found), {bone: posed.bones[bone].tolist() for bone in used}, what)


def store(prop: bpy.types.Object, character: bpy.types.Object, placements: Placements) -> None:
    """Keeps the list on the prop; `show` then steps through it."""
    prop[KEY] = {"character": character, "current": 0, "list": json.dumps(asdict(placements))}


def stored(prop: bpy.types.Object | None) -> Placements | None:
    """The list on a prop, or None."""
    if prop is None or prop.get(KEY) is None:
        return None
    try:
        text = json.loads(prop[KEY]["list"])
        found = tuple(Placement(**entry) for entry in text["found"])
        return Placements(found, text["posed"], str(text["what"])) if found else None
    except (KeyError, TypeError, ValueError):
        return None


def current(prop: bpy.types.Object) -> int:
    """Which of the list is shown."""
    return int(prop[KEY]["current"])


def character_of(prop: bpy.types.Object) -> bpy.types.Object | None:
    """The character that the prop was placed on, unless it is gone."""
    character = prop[KEY].get("character") if prop.get(KEY) is not None else None
    return character if character is not None and character.users_scene else None


def show(prop: bpy.types.Object, index: int, how: How) -> Placement:
    """Puts the prop to the placement `index` (it goes round) on the pose as it is now, attached anew.

    The placements are taken along by the bones that hold them. SceneError where there is no list, or the
    character or its bones are gone.
    """
    placements, character = stored(prop), character_of(prop)
    if placements is None:
        raise SceneError(f"“{prop.name}” has no placements: place it first.")
    if character is None:
        raise SceneError(f"The character of “{prop.name}” is gone: place the prop anew.")
    index %= len(placements.found)
    placement = placements.found[index]
    missing = [bone for bone in placement.bones if bone not in character.pose.bones]
    if missing:
        raise SceneError(f"“{character.name}” has no bone “{missing[0]}” any more: place the prop anew.")
    now = rig_pose(character, placement.bones).bones
    moves = [now[bone] @ np.linalg.inv(np.array(placements.posed[bone])) for bone in placement.bones]
    since = blended(moves, list(placement.bones.values()))
    attach(prop, character, placement.bones, how, since @ np.array(placement.world))
    prop[KEY]["current"] = index
    return placement


def keep(prop: bpy.types.Object) -> None:
    """Ends the choice: the prop stays as it is, and the list is forgotten."""
    forget(prop)
    if prop.get(KEY) is not None:
        del prop[KEY]


def clear(prop: bpy.types.Object) -> None:
    """Takes the placement back: the prop is where it was before."""
    if prop.get(BEFORE) is not None:
        let_go(prop)
        restore(prop)
    keep(prop)
