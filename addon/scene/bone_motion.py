"""Where the bones of a character take the canonical space of a field, at the current frame."""

import bpy
import numpy as np

from .axes import TO_BLENDER
from .carrying import canonical_bones, carry_maps
from .field_file import FieldData
from .rest_match import rest_match


def canonical_to_world(field: FieldData, character: bpy.types.Object) -> np.ndarray:
    """(24, 4, 4) float64: for each joint the affine map of canonical points to where its bone holds them now.

    Both sides are in the backend's axes and in metres; the far one is Blender's world. Blended by a point's
    weights they give its place on the posed character (CHORUS Eq. 5). SceneError for a character whose bones
    are not known.
    """
    match = rest_match(character)
    rest = canonical_bones(field, match)
    evaluated = character.evaluated_get(bpy.context.evaluated_depsgraph_get())
    posed = np.array([evaluated.pose.bones[name].matrix for name in match.rig.bones])
    to_backend = np.eye(4)
    to_backend[:3, :3] = TO_BLENDER.T
    moved = posed @ np.linalg.inv(rest) @ carry_maps(field, match)
    return to_backend @ np.array(evaluated.matrix_world) @ moved
