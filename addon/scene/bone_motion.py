"""Where the bones of a character take the canonical space of a field, at the current frame."""

import bpy
import numpy as np

from .axes import TO_BLENDER
from .binding import canonical_bones, to_character
from .field_file import FieldData
from .rig import rig_of


def canonical_to_world(field: FieldData, character: bpy.types.Object) -> np.ndarray:
    """(24, 4, 4) float64: for each joint the affine map of canonical points to where its bone holds them now.

    Both sides are in the backend's axes and in metres; the far one is Blender's world. Blended by a point's
    weights they give its place on the posed character (CHORUS Eq. 5). SceneError for a character whose bones
    are not known.
    """
    rest = canonical_bones(field, character)
    evaluated = character.evaluated_get(bpy.context.evaluated_depsgraph_get())
    posed = np.array([evaluated.pose.bones[name].matrix for name in rig_of(character).bones])
    from_backend = np.eye(4)
    corners = to_character(character, np.concatenate([np.zeros((1, 3)), np.eye(3)]))
    from_backend[:3, 3], from_backend[:3, :3] = corners[0], (corners[1:] - corners[0]).T
    to_backend = np.eye(4)
    to_backend[:3, :3] = TO_BLENDER.T
    return to_backend @ np.array(evaluated.matrix_world) @ posed @ np.linalg.inv(rest) @ from_backend
