"""A prop's size against the field's: what is far from fitting is said before anything is searched."""

import numpy as np

from .errors import SceneError
from .field_file import FieldData
from .prop_grid import posed_cloud
from .prop_mesh import PropMesh
from .prop_problem import Problem
from .prop_search import Wishes

LARGEST, SMALLEST = 4.0, 0.1
"""A prop's length over the field's beyond which it cannot be meant: fields are wider than what they are of,
since it is held here and there."""


def lengths(field: FieldData, type_name: str, prop: PropMesh, bones: np.ndarray) -> tuple[float, float]:
    """Metres: how long the prop is, and how long what is likely of the field, from corner to corner.

    `bones` are (24, 4, 4) canonical → posed, in metres.
    """
    cloud = posed_cloud(field, type_name, bones)
    likely = cloud.points[cloud.values > 0.5]
    own = np.linalg.norm(np.ptp(prop.vertices, 0))
    return float(own), float(np.linalg.norm(np.ptp(likely, 0) + cloud.step))


def refuse_size(field: FieldData, problem: Problem, wishes: Wishes) -> None:
    """SceneError for a prop that is far too large or too small, whatever scale is allowed."""
    prop, likely = lengths(field, wishes.type_name, problem.prop, problem.bones[0])
    least, most = wishes.scale or (1.0, 1.0)
    if prop * most > SMALLEST * likely and prop * least < LARGEST * likely:
        return
    size = "large" if prop * least > likely else "small"
    raise SceneError(
        f"The prop is far too {size}: it measures {prop:.3g} m, a {field.category} here about {likely:.2g} m;"
        " use Match Size, or allow scale."
    )
