"""Carries a field's canonical space over to a character's: joint by joint, to its lengths and directions.

Both skeletons stand in the field's canonical pose. Each joint has one affine map from the field's to the
character's, which takes joints of limbs onto each other: rotation, the limb's own scale along it, the whole
body's across. The trunk has one map for all its joints, from hips to shoulders and head, since rigs do not
agree where in a spine the bones begin. Points between joints are blended by their skinning weights.
"""

import numpy as np

from .field_file import FieldData
from .kinematics import joint_transforms
from .rest_match import RestMatch, body_size, nearest_mapped, shortest_arc
from .skeleton import JOINT_COUNT, JOINT_INDEX, JOINT_NAMES
from .t_pose import direction, middle

_ALONG = {"hip": "knee", "knee": "ankle", "shoulder": "elbow", "elbow": "wrist"}
_TRUNK = ("pelvis", "spine1", "spine2", "spine3", "left_collar", "right_collar")


def carry_maps(field: FieldData, match: RestMatch) -> np.ndarray:
    """(24, 4, 4) from canonical points of the field, in metres in the backend's axes, to the space of the
    character's armature object, in its canonical pose."""
    start = joint_transforms(field.rest_pose, field.body_joints)
    end = joint_transforms(field.rest_pose, match.joints)
    at_rest = _t_pose_maps(field.body_joints.astype(np.float64), match)
    to_joint, from_joint = _translations(match.joints), _translations(-field.body_joints)
    # In and out of each joint's frame; between them the map of the T-pose, about the joint.
    maps = end @ np.linalg.inv(to_joint) @ at_rest @ np.linalg.inv(from_joint) @ np.linalg.inv(start)
    turn = np.eye(4)
    turn[:3, :3] = match.rotation
    return (turn @ maps)[nearest_mapped(match.rig)]


def canonical_bones(field: FieldData, match: RestMatch) -> np.ndarray:
    """(24, 4, 4) the bones that the joints follow, with the character in the canonical pose, in the space of
    its armature object."""
    frames = joint_transforms(field.rest_pose, match.joints)
    matrices = np.tile(np.eye(4), (JOINT_COUNT, 1, 1))
    turns = frames[:, :3, :3] @ match.turns
    matrices[:, :3, :3] = match.rotation @ turns @ match.rotation.T @ match.bones
    matrices[:, :3, 3] = frames[:, :3, 3] @ match.rotation.T
    return matrices[nearest_mapped(match.rig)]


def _translations(offsets: np.ndarray) -> np.ndarray:
    matrices = np.tile(np.eye(4), (len(offsets), 1, 1))
    matrices[:, :3, 3] = offsets
    return matrices


def _t_pose_maps(joints: np.ndarray, match: RestMatch) -> np.ndarray:
    """(24, 4, 4) from the field's T-pose to the character's, in the backend's axes."""
    size = body_size(match.joints) / body_size(joints)
    maps = np.tile(np.eye(4), (JOINT_COUNT, 1, 1))
    trunk = _trunk_map(joints, match, size)
    for joint, name in enumerate(JOINT_NAMES):
        if name in _TRUNK:
            maps[joint] = trunk
            continue
        linear = size * np.eye(3)
        side, _, part = name.partition("_")
        if part in _ALONG:
            old, new = (
                direction(places, name, f"{side}_{_ALONG[part]}") for places in (joints, match.joints)
            )
            length = np.linalg.norm(old)
            along = np.outer(old, old) / length**2
            stretch = np.linalg.norm(new) / length
            linear = shortest_arc(old, new) @ (size * np.eye(3) + (stretch - size) * along)
        maps[joint, :3, :3] = linear
        maps[joint, :3, 3] = match.joints[joint] - linear @ joints[joint]
    neck, head = JOINT_INDEX["neck"], JOINT_INDEX["head"]
    maps[neck] = (trunk + maps[head]) / 2 if match.rig.mapped[head] else trunk
    return maps


def _trunk_map(joints: np.ndarray, match: RestMatch, size: float) -> np.ndarray:
    """Hips onto hips; of shoulders and head the mean height; what leans, leans."""
    hips = [middle(places, "hip") for places in (joints, match.joints)]
    shoulders = [middle(places, "shoulder") for places in (joints, match.joints)]
    rises = [new - old for old, new in zip(hips, shoulders, strict=True)]
    stretch = rises[1][1] / rises[0][1]
    head = JOINT_INDEX["head"]
    if match.rig.mapped[head]:
        heights = [places[head, 1] - hip[1] for places, hip in zip((joints, match.joints), hips, strict=True)]
        stretch = (stretch + heights[1] / heights[0]) / 2
    linear = size * np.eye(3)
    linear[:, 1] = (rises[1] - size * rises[0] * (1, 0, 1)) / rises[0][1]
    linear[1, 1] = stretch
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = linear, hips[1] - linear @ hips[0]
    return result
