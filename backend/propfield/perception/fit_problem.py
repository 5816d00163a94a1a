"""What the fit's kernels are told: the rules that hold for everybody, and what one photo says."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64


class Rules(NamedTuple):
    """What holds for every person. Points are landmarks (as in the evidence), then others, then spheres.

    Attributes:
        bones: pairs of landmarks whose direction may be known.
        mean, precision: of the pose's prior, radians and 1/radians².
        low, high: limits of the pose, radians; limit_precision, 1/radians², is how hard they are.
        shape_precision: of a shape number around zero.
        outlier: spreads of a keypoint beyond which it stops counting.
        first_sphere: the point at which spheres begin; radii and pairs of them, and gap_precision, 1/metres².
        upright_precision: of the sine by which the person leans to or from the camera.
    """

    bones: Int64[np.ndarray, "N 2"]
    mean: Float64[np.ndarray, "24 3"]
    precision: Float64[np.ndarray, "24 3"]
    low: Float64[np.ndarray, "24 3"]
    high: Float64[np.ndarray, "24 3"]
    limit_precision: float
    shape_precision: float
    outlier: float
    first_sphere: int
    radii: Float64[np.ndarray, " M"]
    pairs: Int64[np.ndarray, "Q 2"]
    gap_precision: float
    upright_precision: float


class Evidence(NamedTuple):
    """What one photo says, in each of L readings of its sides.

    Attributes:
        lens: fx, fy, cx, cy, pixels.
        pixels, precision: of the landmarks, pixels and 1/pixels²; 0 without evidence.
        directions, direction_precision: unit vectors of the bones in the camera's axes; 0 where unknown.
        doubt: nats that each reading costs.
    """

    lens: Float64[np.ndarray, "4"]
    pixels: Float64[np.ndarray, "L 23 2"]
    precision: Float64[np.ndarray, "L 23"]
    directions: Float64[np.ndarray, "L N 3"]
    direction_precision: Float64[np.ndarray, "L N"]
    doubt: Float64[np.ndarray, " L"]
