"""What counts as evidence of a landmark, whoever found it."""

import numpy as np
from jaxtyping import Float32

from propfield.perception.picture import Picture


def with_evidence_inside(marks: Float32[np.ndarray, "L 3"], picture: Picture) -> Float32[np.ndarray, "L 3"]:
    """Landmarks x, y, confidence with confidences in [0, 1], and 0 for those outside the picture: networks
    place joints there with a confidence that says little."""
    width, height = picture.size
    marks = marks.copy()
    inside = (marks[:, 0] >= 0) & (marks[:, 0] < width) & (marks[:, 1] >= 0) & (marks[:, 1] < height)
    marks[:, 2] = np.where(inside & np.isfinite(marks).all(1), np.clip(marks[:, 2], 0, 1), 0)
    marks[:, :2] = np.nan_to_num(marks[:, :2])
    return marks
