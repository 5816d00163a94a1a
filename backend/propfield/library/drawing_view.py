"""The camera of a field's picture: a long lens that frames what is to be seen."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

_FOCAL = 2.6
"""In widths of the picture: a long lens, 22°."""
_ABOVE = float(np.radians(10))
_MARGIN = 0.06
"""Of the picture's width, on each side."""


@dataclass(frozen=True)
class View:
    """A square picture's camera, OpenCV's axes.

    Attributes:
        side: pixels.
        R, t: world to camera, metres.
        focal: fx, fy, cx, cy in pixels.
    """

    side: int
    R: Float64[np.ndarray, "3 3"]
    t: Float64[np.ndarray, "3"]
    focal: Float64[np.ndarray, "4"]

    @property
    def centre(self) -> Float64[np.ndarray, "3"]:
        """Where the camera stands, metres."""
        return -self.R.T @ self.t


def framed(points: Float64[np.ndarray, "P 3"], azimuth: float, side: int) -> View:
    """The view that has all of the points just inside it, from `azimuth` radians about the vertical, counted
    from the person's front (+z) to the person's left (+x), and a little from above."""
    back = np.array([np.sin(azimuth) * np.cos(_ABOVE), np.sin(_ABOVE), np.cos(azimuth) * np.cos(_ABOVE)])
    right = np.cross([0.0, 1.0, 0.0], back)
    right /= np.linalg.norm(right)
    R = np.stack([right, -np.cross(back, right), -back])
    turned = points @ R.T
    low, high = turned.min(0), turned.max(0)
    t = -(low + high) / 2
    t[2] = 10.0 - low[2]
    for _ in range(12):
        seen = (turned + t)[:, :2] / (turned + t)[:, 2:]
        low, high = seen.min(0), seen.max(0)
        t[:2] -= (low + high) / 2 * t[2]
        # How far the camera must go back for the farthest point to come onto the margin.
        t[2] += (t[2] + turned[:, 2].mean()) * ((high - low).max() / 2 * _FOCAL / (0.5 - _MARGIN) - 1)
    return View(side, R, t, np.array([_FOCAL * side, _FOCAL * side, side / 2, side / 2]))
