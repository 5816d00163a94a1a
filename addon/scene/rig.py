"""Which bone of a character is which of SMPL's 24 joints, and how the character stands in its own space."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import bpy
import numpy as np

from .errors import SceneError
from .skeleton import JOINT_INDEX, JOINT_NAMES

RIGS = Path(__file__).parent.parent / "rigs"
_STRAIGHT = np.cos(np.radians(25))
"""How far an arm's rest direction may be from sideways and still be a T-pose's."""


@dataclass(frozen=True)
class RigMap:
    """A known rig: its name, and the bone of each of SMPL's joints, in SMPL's order."""

    name: str
    bones: tuple[str, ...]


@cache
def _known_rigs() -> tuple[RigMap, ...]:
    rigs = []
    for path in sorted(RIGS.glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        bones = [data["bones"][joint] for joint in JOINT_NAMES]
        rigs += [RigMap(data["name"], tuple(prefix + bone for bone in bones)) for prefix in data["prefixes"]]
    return tuple(rigs)


def find_rig(armature: bpy.types.Object) -> RigMap | None:
    """The map of an armature whose bones are named as in one of the files in rigs/; None for another."""
    if armature.type != "ARMATURE":
        return None
    names = set(armature.data.bones.keys())
    return next((rig for rig in _known_rigs() if names.issuperset(rig.bones)), None)


def rig_of(armature: bpy.types.Object) -> RigMap:
    """As `find_rig`; SceneError for an armature that is not SMPL-like."""
    rig = find_rig(armature)
    if rig is None:
        raise SceneError(
            f"“{armature.name}” has no SMPL skeleton: select an armature with SMPL's 24 bones"
            " (left_hip, spine1, … or L_Hip, Spine1, …), or let Propfield make a character."
        )
    return rig


@dataclass(frozen=True)
class RestFrame:
    """How the backend's space lies in the space of a character's armature.

    Attributes:
        rotation: (3, 3) backend directions to armature space.
        scale: armature units per metre; 1 unless the rig is modelled in centimetres or the like.
        heads: (24, 3) rest joints in armature space.
        bones: (24, 3, 3) rest rotations of the bones in armature space.
    """

    rotation: np.ndarray
    scale: float
    heads: np.ndarray
    bones: np.ndarray


def rest_frame(armature: bpy.types.Object) -> RestFrame:
    """Reads the frame off the rest bones. SceneError for a rig that does not rest in SMPL's T-pose."""
    rig = rig_of(armature)
    matrices = np.array([armature.data.bones[name].matrix_local for name in rig.bones])
    heads = matrices[:, :3, 3]
    up = _direction(heads, "pelvis", "neck")
    left = _direction(heads, "right_hip", "left_hip")
    left = left - up * (left @ up)
    left /= np.linalg.norm(left)
    rotation = _snapped(np.stack([left, up, np.cross(left, up)], axis=1))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        arm = _direction(heads, f"{side}_shoulder", f"{side}_wrist")
        if arm @ (sign * rotation[:, 0]) < _STRAIGHT:
            raise SceneError(
                f"“{armature.name}” does not rest in SMPL's T-pose: apply a T-pose as its rest pose first."
            )
    # 0.6 m from pelvis to neck in an adult; only whole powers of ten are taken for units.
    trunk = np.linalg.norm(heads[JOINT_INDEX["neck"]] - heads[JOINT_INDEX["pelvis"]])
    scale = 10.0 ** np.round(np.log10(trunk / 0.55))
    return RestFrame(rotation=rotation, scale=float(scale), heads=heads, bones=matrices[:, :3, :3])


def _direction(heads: np.ndarray, start: str, end: str) -> np.ndarray:
    vector = heads[JOINT_INDEX[end]] - heads[JOINT_INDEX[start]]
    return vector / np.linalg.norm(vector)


def _snapped(rotation: np.ndarray) -> np.ndarray:
    """The axis-aligned rotation within 15°, else the rotation itself: a leaning spine does not turn a rig."""
    nearest = np.zeros((3, 3))
    nearest[np.abs(rotation).argmax(0), range(3)] = 1
    nearest *= np.sign(rotation)
    proper = np.allclose(nearest @ nearest.T, np.eye(3)) and np.linalg.det(nearest) > 0
    close = np.trace(nearest.T @ rotation) > 1 + 2 * np.cos(np.radians(15))
    return nearest if proper and close else rotation
