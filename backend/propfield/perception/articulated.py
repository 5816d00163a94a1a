"""Points fixed to a body's joints, as pose, shape and camera move them, with their derivatives, compiled.

The parameters of a fit are, in this order: a turn of the whole person (3, radians about the camera's axes),
the pelvis' place as x/z, y/z and log z (3), the axis-angle of every joint but the pelvis (69, radians), and
the shape's numbers. Derivatives are of points in the camera's axes, metres.
"""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float64, Int64
from numba import njit

from propfield.body.skeleton import JOINT_COUNT, PARENTS
from propfield.body.template import BodyTemplate

COMPILED = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"contract", "reassoc"}}
POSE = 6
"""The first parameter of the pose."""
SHAPE = POSE + 3 * (JOINT_COUNT - 1)
"""The first of the shape."""


class Articulation(NamedTuple):
    """What the kernels know of a body: P points, S shape numbers.

    Attributes:
        joints: of the T-pose, metres.
        joint_directions: how they move with a shape number.
        anchors, offsets: the joint that each point is fixed to, and where from it in the T-pose's axes.
        columns, counts: the parameters that move a point fixed to each joint, ascending.
    """

    joints: Float64[np.ndarray, "24 3"]
    joint_directions: Float64[np.ndarray, "24 3 S"]
    parents: Int64[np.ndarray, "24"]
    anchors: Int64[np.ndarray, " P"]
    offsets: Float64[np.ndarray, "P 3"]
    columns: Int64[np.ndarray, "24 N"]
    counts: Int64[np.ndarray, "24"]


class State(NamedTuple):
    """Starts of a fit, B of them: turn, place, pose and shape as in the module's first lines, but the turn
    as a matrix."""

    turn: Float64[np.ndarray, "B 3 3"]
    place: Float64[np.ndarray, "B 3"]
    pose: Float64[np.ndarray, "B 24 3"]
    shape: Float64[np.ndarray, "B S"]


class Posed(NamedTuple):
    """Room for a body in the camera's axes."""

    frames: Float64[np.ndarray, "24 3 3"]
    places: Float64[np.ndarray, "24 3"]
    points: Float64[np.ndarray, "P 3"]
    axes: Float64[np.ndarray, "24 3 3"]
    """Columns: about what a point turns when a component of the joint's axis-angle grows."""
    grown: Float64[np.ndarray, "24 3 S"]
    """How joints move with the shape."""
    slopes: Float64[np.ndarray, "P 3 N"]
    """Derivatives of the points."""


def articulation(
    body: BodyTemplate, anchors: Int64[np.ndarray, " P"], offsets: Float64[np.ndarray, "P 3"]
) -> Articulation:
    """A body with points; at most ten shape numbers, none where it has no regressor of joints."""
    count = min(10, body.shape_directions.shape[2])
    directions = np.einsum("jv,vcs->jcs", body.joint_regressor, body.shape_directions[:, :, :count])
    columns = np.zeros((JOINT_COUNT, SHAPE + count), dtype=np.int64)
    counts = np.zeros(JOINT_COUNT, dtype=np.int64)
    for joint in range(JOINT_COUNT):
        chain, up = [], joint
        while up > 0:
            chain.append(up)
            up = PARENTS[up]
        own = [POSE + 3 * (each - 1) + axis for each in sorted(chain) for axis in range(3)]
        moved = [*range(POSE), *own, *range(SHAPE, SHAPE + count)]
        columns[joint, : len(moved)], counts[joint] = moved, len(moved)
    return Articulation(
        joints=body.joints.astype(np.float64),
        joint_directions=directions.astype(np.float64),
        parents=np.array(PARENTS, dtype=np.int64),
        anchors=anchors,
        offsets=offsets,
        columns=columns,
        counts=counts,
    )


@njit(**COMPILED)
@no_type_check
def room(body):
    """An empty Posed."""
    points, count = len(body.anchors), body.joint_directions.shape[2]
    return Posed(
        np.zeros((24, 3, 3)),
        np.zeros((24, 3)),
        np.zeros((points, 3)),
        np.zeros((24, 3, 3)),
        np.zeros((24, 3, count)),
        np.zeros((points, 3, SHAPE + count)),
    )


@njit(**COMPILED)
@no_type_check
def rodrigues(vector, rotation, slope):
    """Fills `rotation` with exp([v]×) and `slope` with the left Jacobian: exp([v + d]×) is about
    exp([slope · d]×) exp([v]×) (Solà et al. 2018, Eq. 145)."""
    x, y, z = vector[0], vector[1], vector[2]
    squared = x * x + y * y + z * z
    if squared < 1e-8:
        a, b, c = 1 - squared / 6, 0.5 - squared / 24, 1 / 6 - squared / 120
    else:
        angle = np.sqrt(squared)
        a, b = np.sin(angle) / angle, (1 - np.cos(angle)) / squared
        c = (1 - a) / squared
    # [v]×² = v vᵀ − |v|² 1
    for i in range(3):
        for j in range(3):
            outer = vector[i] * vector[j] - (squared if i == j else 0.0)
            one = 1.0 if i == j else 0.0
            rotation[i, j] = one + b * outer
            slope[i, j] = one + c * outer
    for i, j, value in ((0, 1, -z), (0, 2, y), (1, 2, -x)):
        rotation[i, j] += a * value
        rotation[j, i] -= a * value
        slope[i, j] += b * value
        slope[j, i] -= b * value


@njit(**COMPILED)
@no_type_check
def place_body(body, turn, place, pose, shape, out):
    """Fills frames, places, points, axes and grown of `out` (SMPL, Eq. 2 to 4, in the camera's axes)."""
    local, slope, offset = np.empty((3, 3)), np.empty((3, 3)), np.empty(3)
    depth = np.exp(place[2])
    for i in range(3):
        for j in range(3):
            out.frames[0, i, j] = turn[i, j]
        out.places[0, i] = place[i] * depth if i < 2 else depth
    count = len(shape)
    for joint in range(1, 24):
        parent = body.parents[joint]
        above = out.frames[parent]
        rodrigues(pose[joint], local, slope)
        for i in range(3):
            offset[i] = body.joints[joint, i] - body.joints[parent, i]
            for s in range(count):
                offset[i] += (
                    body.joint_directions[joint, i, s] - body.joint_directions[parent, i, s]
                ) * shape[s]
        for i in range(3):
            for j in range(3):
                total, axis = 0.0, 0.0
                for k in range(3):
                    total += above[i, k] * local[k, j]
                    axis += above[i, k] * slope[k, j]
                out.frames[joint, i, j] = total
                out.axes[joint, i, j] = axis
            moved = out.places[parent, i]
            for k in range(3):
                moved += above[i, k] * offset[k]
            out.places[joint, i] = moved
            for s in range(count):
                grown = out.grown[parent, i, s]
                for k in range(3):
                    more = body.joint_directions[joint, k, s] - body.joint_directions[parent, k, s]
                    grown += above[i, k] * more
                out.grown[joint, i, s] = grown
    for point in range(len(body.anchors)):
        joint = body.anchors[point]
        for i in range(3):
            moved = out.places[joint, i]
            for k in range(3):
                moved += out.frames[joint, i, k] * body.offsets[point, k]
            out.points[point, i] = moved


@njit(**COMPILED)
@no_type_check
def fill_slopes(body, point, out):
    """Fills one point's derivatives in `out.slopes`, in the columns that move it; place_body has run."""
    joint, slopes, here = body.anchors[point], out.slopes[point], out.points[point]
    root, depth = out.places[0], out.places[0, 2]
    dx, dy, dz = here[0] - root[0], here[1] - root[1], here[2] - root[2]
    # A turn w moves it by w × d.
    slopes[0, 0], slopes[0, 1], slopes[0, 2] = 0.0, dz, -dy
    slopes[1, 0], slopes[1, 1], slopes[1, 2] = -dz, 0.0, dx
    slopes[2, 0], slopes[2, 1], slopes[2, 2] = dy, -dx, 0.0
    for i in range(3):
        slopes[i, 3] = depth if i == 0 else 0.0
        slopes[i, 4] = depth if i == 1 else 0.0
        slopes[i, 5] = root[i]
    while joint > 0:
        x, y, z = (
            here[0] - out.places[joint, 0],
            here[1] - out.places[joint, 1],
            here[2] - out.places[joint, 2],
        )
        for axis in range(3):
            a, b, c = out.axes[joint, 0, axis], out.axes[joint, 1, axis], out.axes[joint, 2, axis]
            column = POSE + 3 * (joint - 1) + axis
            slopes[0, column] = b * z - c * y
            slopes[1, column] = c * x - a * z
            slopes[2, column] = a * y - b * x
        joint = body.parents[joint]
    joint = body.anchors[point]
    for s in range(out.grown.shape[2]):
        for i in range(3):
            slopes[i, SHAPE + s] = out.grown[joint, i, s]
