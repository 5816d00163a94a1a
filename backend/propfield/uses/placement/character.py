"""The posed character that a prop is placed on: its mesh, which joint each vertex follows, what is met and
what may be gone into."""

from dataclasses import dataclass

import numpy as np
import torch
import trimesh
from jaxtyping import Bool, Float32, Float64, Int32, Int64
from scipy.spatial import cKDTree

from propfield.body.skeleton import BODY_PARTS, JOINT_INDEX
from propfield.body.skinning import bone_transforms
from propfield.field.occupancy import OccupancyField
from propfield.observations.interaction import WHOLE_BODY, InteractionType
from propfield.uses.placement.posed_field import PosedField

GRIP = 0.015
"""Metres from the middle of a hand that what it holds passes through it by."""
FREE_AROUND = 0.08
"""Metres from a part that may be gone into within which its neighbours may be as well: cuffs, collars."""
WORN_SHARE, WORN_BINS, WORN_REACH = 0.5, 24, 0.12
"""A type is worn if its field, within so many metres of the part, is there in such a share of all directions
about the body's axis."""
LIKELY = 0.3
"""Part of the peak from which a field counts as being somewhere."""
HANDS = ("left hand", "right hand")
HELD_SHARE = 0.03
"""Of a hand, where the field has to be for the hand to close around what is there."""


@dataclass(frozen=True)
class Character:
    """Attributes:
    mesh: what is seen of it, posed, metres.
    vertex_joint: (V,) the joint that each vertex follows most.
    skinned: (B, 3) the field's own body in the same pose.
    skinned_joint: (B,) likewise of that body.
    bones: canonical → posed.
    """

    mesh: trimesh.Trimesh
    vertex_joint: Int64[np.ndarray, " V"]
    skinned: Float64[np.ndarray, "B 3"]
    skinned_joint: Int64[np.ndarray, " B"]
    bones: Float64[np.ndarray, "24 4 4"]

    def part(self, name: str) -> Bool[np.ndarray, " V"]:
        """Which vertices belong to a body part of skeleton.BODY_PARTS."""
        return np.isin(self.vertex_joint, [JOINT_INDEX[each] for each in BODY_PARTS[name]])

    def grip(self, name: str) -> Float64[np.ndarray, "3"]:
        """The middle of a hand, through which goes what it holds."""
        joints = [JOINT_INDEX[each] for each in BODY_PARTS[name]]
        return self.skinned[np.isin(self.skinned_joint, joints)].mean(0)


def posed_character(
    field: OccupancyField,
    bones: Float64[np.ndarray, "24 4 4"],
    vertices: Float32[np.ndarray, "V 3"] | None = None,
    faces: Int32[np.ndarray, "F 3"] | None = None,
) -> Character:
    """The character whose bones go from the field's rest pose to here: its own posed mesh, or the field's
    body skinned by them."""
    body = field.body
    rest = bone_transforms(torch.tensor(field.rest_pose), torch.tensor(body.joints)).numpy()
    # Bone by bone, since blends do not compose: from the T-pose on to the rest pose, and on to this one.
    own = _skinned(body.vertices.astype(float), body.skin_weights, bones @ rest.astype(float))
    joint = body.skin_weights.argmax(1)
    if vertices is None or faces is None:
        mesh = trimesh.Trimesh(own, body.faces, process=False)
        return Character(mesh, joint, own, joint, bones)
    mesh = trimesh.Trimesh(vertices.astype(float), faces, process=False)
    _, nearest = cKDTree(own).query(mesh.vertices)
    return Character(mesh, joint[nearest], own, joint, bones)


def met_parts(kind: InteractionType) -> list[str]:
    """The parts that a type says its object meets."""
    return [each for each in kind.met if each != WHOLE_BODY]


def free_vertices(character: Character, kind: InteractionType, posed: PosedField) -> Bool[np.ndarray, " V"]:
    """Vertices of the character into which the prop may go: hands close around what they hold, those that the
    type names and those that the field reaches; heads are in hats, and necks and shoulders in collars and
    straps, where the field goes round them."""
    free = np.zeros(len(character.vertex_joint), bool)
    held = [hand for hand in HANDS if _reaches(character, hand, posed)]
    for part in dict.fromkeys([*met_parts(kind), *held]):
        if part in HANDS or (part in ("head", "torso") and _goes_round(character, part, posed)):
            own = character.part(part)
            free |= own
            if own.any():
                away, _ = cKDTree(character.mesh.vertices[own]).query(character.mesh.vertices)
                free |= away < FREE_AROUND
    return free


def _reaches(character: Character, part: str, posed: PosedField) -> bool:
    """Whether the field is likely at some of the part."""
    own = np.asarray(character.mesh.vertices)[character.part(part)]
    nodes = np.rint((own - posed.origin) / posed.step).astype(int)
    nodes = nodes[((nodes >= 0) & (nodes < posed.values.shape)).all(1)]
    likely = posed.values[tuple(nodes.T)] > LIKELY * posed.values.max()
    return bool(likely.sum() > HELD_SHARE * len(own)) if len(own) else False


def _goes_round(character: Character, part: str, posed: PosedField) -> bool:
    """Whether the field surrounds the part."""
    own = np.asarray(character.mesh.vertices)[character.part(part)]
    nodes = np.argwhere(posed.values > LIKELY * posed.values.max())
    if not len(own) or not len(nodes):
        return False
    points = posed.origin + nodes * posed.step
    points = points[cKDTree(own).query(points)[0] < WORN_REACH]
    axes = character.bones[JOINT_INDEX["spine3" if part == "torso" else "head"], :3, :3]
    # The part's own axes: y along the trunk or the neck, as in the rest pose.
    local = (points - own.mean(0)) @ np.linalg.inv(axes).T
    angles = np.arctan2(local[:, 0], local[:, 2])
    bins = np.unique(((angles + np.pi) / (2 * np.pi) * WORN_BINS).astype(int) % WORN_BINS)
    return len(bins) >= WORN_SHARE * WORN_BINS


def _skinned(points: np.ndarray, weights: np.ndarray, bones: np.ndarray) -> Float64[np.ndarray, "N 3"]:
    blended = (weights.astype(float) @ bones[:, :3].reshape(24, 12)).reshape(-1, 3, 4)
    return np.einsum("nij,nj->ni", blended[:, :, :3], points) + blended[:, :, 3]
