"""From MakeHuman's stance (arms lowered, feet apart) to SMPL's T-pose.

Every bone gets a rotation in the world; those without one of their own take their parent's.
"""

import numpy as np
from jaxtyping import Float64

from propfield.body.construction.joints24 import FINGERS, joint_positions
from propfield.body.construction.mpfb import Rig

PELVIS_HEIGHT = -0.22  # of the pelvis in SMPL's template, so that a grid around 0 frames both alike
COLLAR_LIFT = np.deg2rad(10)  # raised arms lift the collar bones and, more, the shoulder blades
SHOULDER_LIFT = np.deg2rad(18)
LEG_LEAN = np.deg2rad(1.2)  # outward, from hip to ankle
# How much of the hand's twist each segment of the arm takes: skin turns over the forearm's whole length.
TWIST_SHARES = {"upperarm02": 0.1, "lowerarm01": 0.4, "lowerarm02": 0.75, "wrist": 1.0}
Z = np.array([0.0, 0.0, 1.0])

Vector = Float64[np.ndarray, "3"]
Rotation = Float64[np.ndarray, "3 3"]


def t_pose(
    rig: Rig, vertices: Float64[np.ndarray, "V 3"]
) -> tuple[Float64[np.ndarray, "V 3"], Float64[np.ndarray, "24 3"]]:
    """A person's mesh stood in the T-pose, and the 24 joints; the pelvis lies at (0, -0.22, 0). Metres."""
    rest = {name: vertices[head].mean(0) for name, head in zip(rig.names, rig.heads, strict=True)}
    own = _arm_rotations(rest, "L", 1.0) | _arm_rotations(rest, "R", -1.0)
    own |= _leg_rotations(rest, "L", 1.0) | _leg_rotations(rest, "R", -1.0)
    rotations: list[np.ndarray] = []
    posed: dict[str, np.ndarray] = {}
    for name, parent in zip(rig.names, rig.parents, strict=True):
        if parent < 0:
            rotations.append(np.eye(3))
            posed[name] = rest[name]
            continue
        above = rig.names[parent]
        rotations.append(own.get(name, rotations[parent]))
        posed[name] = posed[above] + rotations[parent] @ (rest[name] - rest[above])
    transforms = np.array(
        [
            np.c_[turn, posed[name] - turn @ rest[name]]
            for turn, name in zip(rotations, rig.names, strict=True)
        ]
    )
    blended = (rig.skin_weights @ transforms.reshape(-1, 12)).reshape(-1, 3, 4)
    skinned = np.einsum("vij,vj->vi", blended[:, :, :3], vertices) + blended[:, :, 3]
    joints = joint_positions(posed)
    shift = np.array([joints[0, 0], joints[0, 1] - PELVIS_HEIGHT, joints[0, 2]])
    return skinned - shift, joints - shift


def _arm_rotations(rest: dict[str, Vector], letter: str, side: float) -> dict[str, Rotation]:
    """Straighten an arm along ±x, the palm down. `side` is 1 for the left, -1 for the right."""

    def head(bone: str) -> Vector:
        return rest[f"{bone}.{letter}"]

    outward = np.array([side, 0.0, 0.0])
    knuckles = np.mean([head(f"finger{finger}-1") for finger in FINGERS], axis=0)
    upper = shortest_arc(head("lowerarm01") - head("upperarm01"), outward)
    fore = shortest_arc(upper @ (head("wrist") - head("lowerarm01")), outward) @ upper
    hand = shortest_arc(fore @ (knuckles - head("wrist")), outward) @ fore
    # With the palm down, the line from the index's knuckle to the little finger's points backward.
    knuckle_line = hand @ (head("finger5-1") - head("finger2-1"))
    across = knuckle_line - (knuckle_line @ outward) * outward
    across /= np.linalg.norm(across)
    twist = np.arctan2(np.cross(across, -Z) @ outward, across @ -Z)
    straight = {"upperarm02": upper, "lowerarm01": fore, "lowerarm02": fore, "wrist": hand}
    rotations = {
        "clavicle": about(Z, side * COLLAR_LIFT),
        "shoulder01": about(Z, side * SHOULDER_LIFT),
        "upperarm01": upper,
    }
    rotations |= {bone: about(outward, TWIST_SHARES[bone] * twist) @ turn for bone, turn in straight.items()}
    return {f"{bone}.{letter}": turn for bone, turn in rotations.items()}


def _leg_rotations(rest: dict[str, Vector], letter: str, side: float) -> dict[str, Rotation]:
    """Bring a leg under its hip, seen from the front; the foot keeps its stand on the ground."""
    leg = rest[f"foot.{letter}"] - rest[f"upperleg01.{letter}"]
    lean = np.arctan2(side * leg[0], -leg[1])
    return {f"upperleg01.{letter}": about(Z, -side * (lean - LEG_LEAN)), f"foot.{letter}": np.eye(3)}


def about(axis: Vector, angle: float) -> Rotation:
    """Rotation about a unit axis, radians (Rodrigues)."""
    cross = _cross_matrix(axis)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def shortest_arc(start: Vector, end: Vector) -> Rotation:
    """The smallest rotation that brings direction `start` to `end`; they must not be opposite."""
    start, end = start / np.linalg.norm(start), end / np.linalg.norm(end)
    cross = _cross_matrix(np.cross(start, end))
    return np.eye(3) + cross + cross @ cross / (1 + start @ end)


def _cross_matrix(axis: Vector) -> Rotation:
    x, y, z = axis
    return np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
