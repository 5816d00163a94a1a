"""Spheres inside a body's limbs and trunk, and which pairs of them must not run into each other."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from propfield.body.skeleton import JOINT_INDEX
from propfield.body.template import BodyTemplate

SLACK = 0.8
"""Of the limb's thickness: flesh gives way, and touching is not running into."""

# Along a bone: the two joints and the share of the way from the first to the second.
_LIMBS: dict[str, tuple[tuple[str, str, float], ...]] = {
    "arm": (
        ("shoulder", "elbow", 0.9), ("elbow", "wrist", 0.5), ("wrist", "hand", 0.0), ("hand", "hand", 0.0),
    ),
    "leg": (
        ("hip", "knee", 0.4), ("hip", "knee", 0.75), ("knee", "ankle", 0.05), ("knee", "ankle", 0.5),
        ("ankle", "foot", 0.0),
    ),
}  # fmt: skip
_TRUNK = ("pelvis", "spine1", "spine2", "spine3", "head")


@dataclass(frozen=True)
class BodySpheres:
    """Sphere m has `radii[m]` metres around `offsets[m]` from joint `joints[m]` (T-pose axes); the spheres of
    each row of `pairs` must keep apart."""

    joints: Int64[np.ndarray, " M"]
    offsets: Float64[np.ndarray, "M 3"]
    radii: Float64[np.ndarray, " M"]
    pairs: Int64[np.ndarray, "Q 2"]


def body_spheres(body: BodyTemplate) -> BodySpheres:
    """Spheres of any 24-joint body: thickness is that of the skin around the place."""
    joints: list[int] = []
    offsets: list[np.ndarray] = []
    radii: list[float] = []
    groups: dict[str, list[int]] = {}

    def put(group: str, joint: int, place: np.ndarray, radius: float) -> None:
        groups.setdefault(group, []).append(len(joints))
        joints.append(joint)
        offsets.append(place - body.joints[joint])
        radii.append(SLACK * radius)

    for side in ("left", "right"):
        for limb, bones in _LIMBS.items():
            for first, second, share in bones:
                a, b = JOINT_INDEX[f"{side}_{first}"], JOINT_INDEX[f"{side}_{second}"]
                place = body.joints[a] + share * (body.joints[b] - body.joints[a])
                put(f"{side} {limb}", a, place, _thickness(body, a, place))
    for name in _TRUNK:
        joint = JOINT_INDEX[name]
        middle, half_width, half_depth = _section(body, joint)
        # The trunk is wider than deep: two spheres beside each other.
        for sign in (-1, 1):
            aside = np.array([sign * max(half_width - half_depth, 0.0), 0, 0])
            put("trunk", joint, middle + aside, half_depth)
    pairs = [
        (one, other)
        for side, opposite in (("left", "right"), ("right", "left"))
        for one in groups[f"{side} arm"]
        for other in [*groups["trunk"], *groups[f"{side} leg"][:2], *groups[f"{opposite} leg"][:2]]
    ]
    pairs += [(one, other) for one in groups["left leg"] for other in groups["right leg"][1:]]
    return BodySpheres(
        joints=np.array(joints, dtype=np.int64),
        offsets=np.array(offsets, dtype=np.float64),
        radii=np.array(radii, dtype=np.float64),
        pairs=np.array(pairs, dtype=np.int64),
    )


def _thickness(body: BodyTemplate, joint: int, place: np.ndarray) -> float:
    """Metres from a place in a limb to the skin of that limb."""
    own = body.vertices[body.skin_weights[:, joint] > 0.3]
    return float(np.linalg.norm(own - place, axis=1).min()) if len(own) else 0.03


def _section(body: BodyTemplate, joint: int) -> tuple[np.ndarray, float, float]:
    """The trunk cut level at a joint: its middle, half its width and half its depth."""
    heights = np.abs(body.vertices[:, 1] - body.joints[joint, 1])
    trunk = body.skin_weights[:, [JOINT_INDEX[name] for name in (*_TRUNK, "neck")]].sum(1) > 0.5
    cut = body.vertices[(heights < 0.05) & trunk]
    low, high = cut.min(0), cut.max(0)
    middle = np.array([0.0, body.joints[joint, 1], (low[2] + high[2]) / 2])
    return middle, float((high[0] - low[0]) / 2), float((high[2] - low[2]) / 2)
