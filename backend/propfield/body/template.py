"""A body: its template mesh, skin and skeleton, whatever family it comes from."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, Int32

from propfield.body.skeleton import BODY_PARTS, JOINT_INDEX, PARENTS
from propfield.errors import NotFound, PropfieldError


@dataclass(frozen=True)
class BodyTemplate:
    """A 24-joint body in the backend's space: metres, y up, facing +z, T-pose.

    Attributes:
        name: how fields and Blender objects call it, such as "open body".
        licence: SPDX id or a sentence; it goes into every field learned on this body.
        vertices: (V, 3) template vertices.
        faces: (F, 3) vertex indices, counter-clockwise seen from outside.
        skin_weights: (V, 24) rows that sum to 1.
        joints: (24, 3) joint positions of the template.
        parents: (24,) SMPL's tree; -1 for the pelvis.
        shape_directions: (V, 3, S) displacement per unit of a shape number; S may be 0.
        joint_regressor: (24, V) joints from shaped vertices.
        commercial: whether a studio may use it commercially.
    """

    name: str
    licence: str
    vertices: Float32[np.ndarray, "V 3"]
    faces: Int32[np.ndarray, "F 3"]
    skin_weights: Float32[np.ndarray, "V 24"]
    joints: Float32[np.ndarray, "24 3"]
    shape_directions: Float32[np.ndarray, "V 3 S"]
    joint_regressor: Float32[np.ndarray, "24 V"]
    parents: tuple[int, ...] = PARENTS
    commercial: bool = False
    provenance: dict = field(default_factory=dict)

    def shaped(self, betas: Float32[np.ndarray, " S"]) -> "BodyTemplate":
        """The same body with shape numbers `betas` applied (SMPL, Eq. 8); its shape numbers are then zero."""
        betas = np.asarray(betas, dtype=np.float32)
        count = self.shape_directions.shape[2]
        if betas.ndim != 1 or len(betas) > count:
            raise PropfieldError(f"This body has {count} shape numbers, {betas.size} were given.")
        moved = self.vertices + self.shape_directions[:, :, : len(betas)] @ betas
        return BodyTemplate(
            name=self.name,
            licence=self.licence,
            vertices=moved.astype(np.float32),
            faces=self.faces,
            skin_weights=self.skin_weights,
            joints=(self.joint_regressor @ moved).astype(np.float32),
            shape_directions=self.shape_directions,
            joint_regressor=self.joint_regressor,
            parents=self.parents,
            commercial=self.commercial,
            provenance=self.provenance,
        )

    def part_vertices(self, part: str) -> Int32[np.ndarray, " N"]:
        """Indices of the vertices of a body part (see skeleton.BODY_PARTS). NotFound for another name."""
        if part not in BODY_PARTS:
            raise NotFound(f"No body part is called “{part}”; there are: {', '.join(BODY_PARTS)}.")
        joints = [JOINT_INDEX[name] for name in BODY_PARTS[part]]
        return np.flatnonzero(np.isin(self.skin_weights.argmax(1), joints)).astype(np.int32)
