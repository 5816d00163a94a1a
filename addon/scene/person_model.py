"""A person who can be fitted: the field's body with its own lengths, girth, place and a pose near A or T."""

from dataclasses import dataclass

import numpy as np

from .field_file import FieldData
from .kinematics import joint_transforms, skin_forward
from .skeleton import JOINT_COUNT, JOINT_INDEX, JOINT_NAMES, PARENTS

_LENGTHS = {
    "trunk": ("spine1", "spine2", "spine3", "neck", "left_collar", "right_collar"),
    "neck": ("head",),
    "shoulders": ("left_shoulder", "right_shoulder"),
    "hips": ("left_hip", "right_hip"),
    "upper arms": ("left_elbow", "right_elbow"),
    "forearms": ("left_wrist", "right_wrist"),
    "hands": ("left_hand", "right_hand"),
    "thighs": ("left_knee", "right_knee"),
    "shins": ("left_ankle", "right_ankle"),
    "feet": ("left_foot", "right_foot"),
}
"""What may be longer or shorter: the joints at whose end a length is counted."""
_SIDE_ANGLES = {
    "shoulder": "xyz", "elbow": "xyz", "wrist": "yz", "collar": "z", "hip": "xyz", "knee": "x", "ankle": "xy",
}  # fmt: skip
_ANGLES = {
    **{f"{side}_{joint}": axes for side in ("left", "right") for joint, axes in _SIDE_ANGLES.items()},
    **dict.fromkeys(("spine1", "spine3", "neck"), "x"),
}
_SPREADS = {"shoulder": 0.5, "hip": 0.25, "elbow": 0.3, "collar": 0.15, "spine1": 0.1, "spine3": 0.1}
"""Radians by which angles differ from the start; others 0.2."""
_LENGTH_SPREAD = 0.12
_GIRTH_SPREAD = 0.015


@dataclass(frozen=True)
class Person:
    """A fitted person, all in the backend's axes, in the units of what was fitted.

    Attributes:
        vertices: (S, 3) the body's surface, of the template's vertices that were used.
        joints: (24, 3) where the joints are.
    """

    vertices: np.ndarray
    joints: np.ndarray


class PersonModel:
    """Parameters → person. `chosen` are the template's vertices that are wanted."""

    def __init__(self, field: FieldData, chosen: np.ndarray) -> None:
        self.weights = field.body_weights.dense(chosen).astype(np.float64)
        self.rest = field.body_joints.astype(np.float64)
        vertices = field.body_vertices.astype(np.float64)
        self.normals = vertex_normals(vertices, field.body_faces)[chosen]
        self.vertices = vertices[chosen]
        self.height = float(np.ptp(vertices[:, 1]))
        self.lowest = float(vertices[:, 1].min())
        self.names = ["size", "x", "y", "z", "yaw", "girth", *_LENGTHS]
        self.names += [f"{joint} {axis}" for joint, axes in _ANGLES.items() for axis in axes]
        self._number = {name: index for index, name in enumerate(self.names)}

    def start(self, size: float, place: np.ndarray, yaw: float, lowered: float) -> np.ndarray:
        """Parameters of a person `size` times the template, whose soles stand at `place`, with arms hanging
        by `lowered` radians."""
        parameters = np.zeros(len(self.names))
        parameters[self._number["size"]] = np.log(size)
        parameters[1:4] = place - (0, size * self.lowest, 0)
        parameters[self._number["yaw"]] = yaw
        parameters[self._number["left_shoulder z"]] = -lowered
        parameters[self._number["right_shoulder z"]] = lowered
        return parameters

    def spreads(self) -> np.ndarray:
        """How far each parameter is from its start, in people who stand in an A- or T-pose; 0: anywhere."""
        result = np.zeros(len(self.names))
        for name, index in self._number.items():
            if name in _LENGTHS:
                result[index] = _LENGTH_SPREAD
            elif " " in name:
                joint = name.split(" ")[0]
                result[index] = _SPREADS.get(joint, _SPREADS.get(joint.partition("_")[2], 0.2))
        result[self._number["girth"]] = _GIRTH_SPREAD
        return result

    def person(self, parameters: np.ndarray) -> Person:
        """The person of these parameters."""
        stretch = np.ones(JOINT_COUNT)
        for name, ends in _LENGTHS.items():
            for end in ends:
                stretch[JOINT_INDEX[end]] = np.exp(parameters[self._number[name]])
        joints = self.rest.copy()
        for joint, parent in enumerate(PARENTS):
            if parent >= 0:
                joints[joint] = joints[parent] + stretch[joint] * (self.rest[joint] - self.rest[parent])
        pose = np.zeros((JOINT_COUNT, 3))
        for name, axes in _ANGLES.items():
            for axis in axes:
                pose[JOINT_INDEX[name], "xyz".index(axis)] = parameters[self._number[f"{name} {axis}"]]
        pose[0, 1] = parameters[self._number["yaw"]]
        frames = joint_transforms(pose, joints)
        maps = frames @ self._shapes(joints)
        thick = self.vertices + parameters[self._number["girth"]] * self.normals
        size, place = np.exp(parameters[0]), parameters[1:4]
        return Person(
            vertices=size * skin_forward(thick, self.weights, maps) + place,
            joints=size * frames[:, :3, 3] + place,
        )

    def _shapes(self, joints: np.ndarray) -> np.ndarray:
        """(24, 4, 4) from the template into each joint's own frame, stretched towards the joint's child."""
        shapes = np.tile(np.eye(4), (JOINT_COUNT, 1, 1))
        for joint, child in _MAIN_CHILD.items():
            old, new = self.rest[child] - self.rest[joint], joints[child] - joints[joint]
            length = np.linalg.norm(old)
            along = np.outer(old, old) / length**2
            shapes[joint, :3, :3] += (np.linalg.norm(new) / length - 1) * along
        shapes[:, :3, 3] = -np.einsum("jab,jb->ja", shapes[:, :3, :3], self.rest)
        return shapes


_MAIN_CHILD = {
    joint: next(
        child for child, parent in enumerate(PARENTS) if parent == joint and JOINT_NAMES[child] in chain
    )
    for joint, chain in (
        (JOINT_INDEX[name], chain)
        for chain in (
            ("pelvis", "spine1", "spine2", "spine3", "neck", "head"),
            *(
                tuple(f"{side}_{part}" for part in parts)
                for side in ("left", "right")
                for parts in (
                    ("hip", "knee", "ankle", "foot"),
                    ("collar", "shoulder", "elbow", "wrist", "hand"),
                )
            ),
        )
        for name in chain[:-1]
    )
}


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(V, 3) outward unit normals of (V, 3) vertices and (F, 3) triangles, weighted by area."""
    corners = vertices[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], across)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
