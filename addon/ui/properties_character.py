"""The bones of the character's joints, as search fields show them: kept on its armature, not in the scene."""

from collections.abc import Callable
from typing import Any

from bpy.props import StringProperty
from bpy.types import PropertyGroup

from ..scene.bone_choice import bones_by_hand, choose_bones
from ..scene.skeleton import JOINT_NAMES


def _getter(joint: str) -> Callable[[Any], str]:
    def get(self: Any) -> str:
        character = self.id_data.propfield.character
        return ((bones_by_hand(character) or {}).get(joint, "")) if character is not None else ""

    return get


def _setter(joint: str) -> Callable[[Any, str], None]:
    def put(self: Any, bone: str) -> None:
        character = self.id_data.propfield.character
        # A linked armature keeps what it has; the button that maps bones says why.
        if character is not None and character.library is None:
            choose_bones(character, {**(bones_by_hand(character) or {}), joint: bone})

    return put


def _label(joint: str) -> str:
    side, _, part = joint.partition("_")
    return f"{part.title()} {side[0].upper()}" if part else side.title()


class PropfieldBones(PropertyGroup):
    """`scene.propfield.bones`: a text for each of SMPL's joints."""

    __annotations__ = {
        joint: StringProperty(  # type: ignore[func-returns-value]
            name=_label(joint),
            description=f"The bone that turns at the {joint.replace('_', ' ')}",
            get=_getter(joint),
            set=_setter(joint),
        )
        for joint in JOINT_NAMES
    }
