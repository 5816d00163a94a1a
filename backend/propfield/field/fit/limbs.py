"""A posed skeleton in the camera's space, limb by limb, and small corrections of it.

Corrections are 25 vectors, in the camera's axes: the turn of the whole person about the pelvis (radians), the
further turn of each limb by itself (23, in the order of their joints from 1 on; a limb that turns moves those
that hang on it, but does not turn them), and the move of the pelvis (metres). Limbs are turned by themselves
since that is how monocular body fits are wrong: each limb about where its own pixels say.
"""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
import torch
from jaxtyping import Float, Float32
from numba import njit
from scipy.spatial.transform import Rotation

from propfield.body.skeleton import JOINT_COUNT, PARENTS, canonical_pose
from propfield.body.skinning import joint_transforms, rigid_inverse
from propfield.body.template import BodyTemplate

CORRECTIONS = 25
"""Vectors of a correction."""
PARENT_OF = np.array(PARENTS, np.int64)


@dataclass(frozen=True)
class Skeleton:
    """Attributes:
    bones: (24, 3) from each joint's parent to it in the T-pose, metres; the pelvis' from the origin.
    rest: (24, 3, 4) canonical points to each limb's own axes.
    """

    bones: Float32[np.ndarray, "24 3"]
    rest: Float32[np.ndarray, "24 3 4"]

    @classmethod
    def of(cls, body: BodyTemplate) -> "Skeleton":
        joints = torch.from_numpy(body.joints)
        bones = body.joints.copy()
        bones[1:] -= body.joints[PARENT_OF[1:]]
        rest = rigid_inverse(joint_transforms(torch.from_numpy(canonical_pose()), joints))
        return cls(bones, np.ascontiguousarray(rest[:, :3].numpy()))


def limb_turns(
    poses: Float[np.ndarray, "K 24 3"], facing: Float[np.ndarray, "K 3 3"]
) -> Float[np.ndarray, "K 24 3 3"]:
    """Each limb's axes in the camera's space, from axis-angles of joints and the cameras' R."""
    local = Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix().reshape(-1, JOINT_COUNT, 3, 3)
    turns = np.zeros_like(local)
    turns[:, 0] = facing @ local[:, 0]
    for joint in range(1, JOINT_COUNT):
        turns[:, joint] = turns[:, PARENTS[joint]] @ local[:, joint]
    return turns


def joint_places(
    turns: Float[np.ndarray, "K 24 3 3"], pelvis: Float[np.ndarray, "K 3"], skeleton: Skeleton
) -> Float[np.ndarray, "K 24 3"]:
    """The joints in the camera's space, metres."""
    places = np.zeros((len(turns), JOINT_COUNT, 3))
    places[:, 0] = pelvis
    for joint in range(1, JOINT_COUNT):
        parent = PARENTS[joint]
        places[:, joint] = places[:, parent] + turns[:, parent] @ skeleton.bones[joint]
    return places


def corrected_turns(
    turns: Float[np.ndarray, "K 24 3 3"], correction: Float[np.ndarray, "K 25 3"]
) -> Float[np.ndarray, "K 24 3 3"]:
    """Limbs after a correction."""
    vectors = np.repeat(correction[:, :1], JOINT_COUNT, axis=1)
    vectors[:, 1:] += correction[:, 1:JOINT_COUNT]
    moved = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix()
    return moved.reshape(-1, JOINT_COUNT, 3, 3) @ turns


def joint_slopes(
    places: Float[np.ndarray, "K 24 3"], joints: tuple[int, ...]
) -> Float[np.ndarray, "K J 3 25 3"]:
    """How far the named joints move per unit of each number of a correction, to the first order."""
    slopes = np.zeros((len(places), len(joints), 3, CORRECTIONS, 3))
    for index, joint in enumerate(joints):
        slopes[:, index, :, 0] = _turning(places[:, joint] - places[:, 0])
        slopes[:, index, :, CORRECTIONS - 1] = np.eye(3)
        child = joint
        while (parent := PARENTS[child]) > 0:
            slopes[:, index, :, parent] = _turning(places[:, child] - places[:, parent])
            child = parent
    return slopes


def _turning(arms: Float[np.ndarray, "K 3"]) -> Float[np.ndarray, "K 3 3"]:
    """The matrix that a turn is multiplied with for where it moves the end of an arm: ω × arm."""
    x, y, z = arms.T
    zero = np.zeros_like(x)
    return np.stack([zero, z, -y, -z, zero, x, y, -x, zero], -1).reshape(-1, 3, 3)


@njit(cache=True, nogil=True)
@no_type_check
def posed_bones(turns, pelvis, correction, parents, offsets, rest, lens, places, bones):
    """Writes the joints' places (24, 3) and K [R | t] B_j (24, 3, 4) of a corrected figure; `lens` is fx, fy,
    cx, cy in pixels. The rest as in Skeleton and views.FitView."""
    turned = np.empty((len(turns), 3, 3), np.float32)
    for j in range(len(turns)):
        x, y, z = correction[0]
        if j:
            x, y, z = x + correction[j, 0], y + correction[j, 1], z + correction[j, 2]
        # Rodrigues' formula: 1 + sin(a)/a [v] + (1 - cos a)/a² [v]².
        squared = x * x + y * y + z * z
        angle = np.sqrt(squared)
        sine = np.sin(angle) / angle if angle > 1e-6 else 1.0
        cosine = (1 - np.cos(angle)) / squared if angle > 1e-6 else 0.5
        for column in range(3):
            a, b, c = turns[j, 0, column], turns[j, 1, column], turns[j, 2, column]
            along = x * a + y * b + z * c
            turned[j, 0, column] = a + sine * (y * c - z * b) + cosine * (x * along - squared * a)
            turned[j, 1, column] = b + sine * (z * a - x * c) + cosine * (y * along - squared * b)
            turned[j, 2, column] = c + sine * (x * b - y * a) + cosine * (z * along - squared * c)
        for row in range(3):
            if j == 0:
                places[0, row] = pelvis[row] + correction[len(correction) - 1, row]
                continue
            parent = parents[j]
            place = places[parent, row]
            for column in range(3):
                place += turned[parent, row, column] * offsets[j, column]
            places[j, row] = place
    for j in range(len(turns)):
        for column in range(4):
            point = np.zeros(3, np.float32)
            for row in range(3):
                for inner in range(3):
                    point[row] += turned[j, row, inner] * rest[j, inner, column]
                if column == 3:
                    point[row] += places[j, row]
            bones[j, 0, column] = lens[0] * point[0] + lens[2] * point[2]
            bones[j, 1, column] = lens[1] * point[1] + lens[3] * point[2]
            bones[j, 2, column] = point[2]
