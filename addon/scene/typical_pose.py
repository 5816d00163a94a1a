"""The pose in which people typically use an object, which a field brings along."""

import numpy as np

from .errors import SceneError
from .field_file import FieldData
from .skeleton import JOINT_COUNT


def knows_poses(field: FieldData) -> bool:
    """Whether the field was learned by a version that keeps typical poses."""
    return isinstance(told := field.provenance.get("typical_poses"), dict) and bool(told)


def typical_pose(field: FieldData, type_name: str) -> np.ndarray:
    """(24, 3) axis-angle in radians of the pose that stands in the middle of those in which the object was
    seen in that type of use, upright: the root is not turned. The mix of all types has that of its first.

    SceneError for a field that knows none, or another type.
    """
    names = [kind.name for kind in field.types]
    wanted = names[field.type_index(type_name)]
    told = field.provenance["typical_poses"] if knows_poses(field) else {}
    if wanted not in told and wanted == "all":
        wanted = next((name for name in names if name in told), wanted)
    if wanted not in told:
        raise SceneError(f"This field does not say in which pose people {wanted} it: learn it anew.")
    try:
        pose = np.array(told[wanted], np.float64)
    except (TypeError, ValueError):
        pose = np.empty(0)
    if pose.shape != (JOINT_COUNT, 3) or not np.isfinite(pose).all():
        raise SceneError(f"The field's pose for “{wanted}” is damaged: learn the field anew.")
    return pose
