"""Where a fit starts: turned all ways about the body's length as it lies in the photo, leaning, sitting."""

import numpy as np
from jaxtyping import Float64, Int64
from scipy.spatial.transform import Rotation

from propfield.body.skeleton import JOINT_INDEX
from propfield.perception.articulated import Articulation, State, place_body, room
from propfield.perception.camera import starting_translation
from propfield.perception.fit_evidence import EVERYTHING
from propfield.perception.fit_problem import Evidence, Rules
from propfield.perception.fit_terms import NEAREST
from propfield.perception.landmarks import LANDMARK_COUNT, LANDMARK_INDEX

# The person upright before the camera: y and z turn round (OpenCV's y is down, the person looks at the lens).
_FACING = np.diag([1.0, -1.0, -1.0])
_LEAN = 40.0
_SITTING = {"hip": -80.0, "knee": 80.0}
"""Degrees about the body's x axis."""
_SHOULDERS, _HIPS = (
    [LANDMARK_INDEX[f"{side}_{name}"] for side in ("left", "right")] for name in ("shoulder", "hip")
)


def starts(body: Articulation, rules: Rules, evidence: Evidence) -> tuple[State, Int64[np.ndarray, " B"]]:
    """The starts and the reading of the sides that each takes (see fit_evidence.READINGS)."""
    # yaw and lean in degrees, sitting, reading
    plan = [(45.0 * step, 0.0, False, 0) for step in range(8)]
    plan += [(90.0 * step, lean, False, 0) for step in range(4) for lean in (-_LEAN, _LEAN)]
    plan += [(90.0 * step, 0.0, True, 0) for step in range(4)]
    plan += [(90.0 * step, 0.0, False, EVERYTHING) for step in range(4)]
    upright = Rotation.from_euler("z", _roll(evidence)).as_matrix()
    count = len(plan)
    state = State(
        turn=np.stack(
            [
                upright
                @ Rotation.from_euler("x", lean, degrees=True).as_matrix()
                @ _FACING
                @ Rotation.from_euler("y", yaw, degrees=True).as_matrix()
                for yaw, lean, _, _ in plan
            ]
        ),
        place=np.zeros((count, 3)),
        pose=np.tile(rules.mean, (count, 1, 1)),
        shape=np.zeros((count, body.joint_directions.shape[2])),
    )
    for start, (_, _, sits, reading) in enumerate(plan):
        if sits:
            for name, degrees in _SITTING.items():
                for side in ("left", "right"):
                    state.pose[start, JOINT_INDEX[f"{side}_{name}"], 0] = np.radians(degrees)
        state.place[start] = _placed(body, evidence, state, start, reading)
    return state, np.array([reading for *_, reading in plan], dtype=np.int64)


def _roll(evidence: Evidence) -> float:
    """Radians about the line of sight by which the trunk lies in the photo; 0 where that cannot be told."""
    seen = evidence.precision[0]
    if seen[_SHOULDERS].max() <= 0 or seen[_HIPS].max() <= 0:
        return 0.0
    ends = [np.average(evidence.pixels[0, each], axis=0, weights=seen[each]) for each in (_SHOULDERS, _HIPS)]
    right, down = ends[0] - ends[1]
    return float(np.arctan2(right, -down))


def _placed(
    body: Articulation, evidence: Evidence, state: State, start: int, reading: int
) -> Float64[np.ndarray, "3"]:
    posed = room(body)
    place_body(body, state.turn[start], np.zeros(3), state.pose[start], state.shape[start], posed)
    # The pelvis is at depth e⁰ = 1 here; without it these are the points around the pelvis.
    around = posed.points[:LANDMARK_COUNT] - [0.0, 0.0, 1.0]
    x, y, z = starting_translation(
        around, evidence.pixels[reading], evidence.precision[reading], evidence.lens
    )
    # Wild keypoints of a close-up can ask for a pelvis behind the lens.
    z = max(z, NEAREST)
    return np.array([x / z, y / z, np.log(z)])
