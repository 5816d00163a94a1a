"""Where a photo's landmarks are on a 24-joint body: each is a point fixed to one joint's frame."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from propfield.body.skeleton import JOINT_INDEX
from propfield.body.template import BodyTemplate
from propfield.perception.landmarks import LANDMARK_NAMES

# Hips are annotated higher and further out than the ball of the joint (COCO's annotators click the hip's
# crease), shoulders at the top of the arm; the rest of the limbs at the joints themselves.
_HIP_LIFT, _HIP_OUT = 0.02, 0.0


@dataclass(frozen=True)
class BodyLandmarks:
    """Landmark l of LANDMARK_NAMES is `offsets[l]` (metres, T-pose axes) from joint `joints[l]`."""

    joints: Int64[np.ndarray, "23"]
    offsets: Float32[np.ndarray, "23 3"]


def landmarks_of(body: BodyTemplate) -> BodyLandmarks:
    """The landmarks of a body. The face's are found by its geometry, so that any family's mesh will do:
    the nose is the head's foremost vertex, eyes and ears stand off from it in proportion to the head."""
    head = body.part_vertices("head")
    vertices = body.vertices[head]
    nose = vertices[np.argmax(np.where(np.abs(vertices[:, 0]) < 0.02, vertices[:, 2], -np.inf))]
    # From the nose's height to the crown; 0.148 m on the open body, where the offsets were measured.
    unit = float(vertices[:, 1].max() - nose[1]) / 0.148
    foot = body.part_vertices("left foot")
    toe_z, sole_y = body.vertices[foot, 2].max(), body.vertices[foot, 1].min()
    heel_z = body.vertices[foot, 2].min()
    points: dict[str, tuple[str, tuple[float, float, float]]] = {
        "nose": ("head", (0.0, float(nose[1]), float(nose[2]))),
        "left_eye": ("head", (0.029 * unit, float(nose[1]) + 0.043 * unit, float(nose[2]) - 0.028 * unit)),
        "left_ear": ("head", (0.074 * unit, float(nose[1]) + 0.021 * unit, float(nose[2]) - 0.113 * unit)),
    }
    joint = {name: body.joints[index] for name, index in JOINT_INDEX.items()}
    ankle, toes = joint["left_ankle"], joint["left_foot"]
    points["left_toe"] = ("left_foot", (float(toes[0]), float(sole_y) + 0.02, float(toe_z) - 0.02))
    points["left_heel"] = ("left_ankle", (float(ankle[0]), float(sole_y) + 0.03, float(heel_z) + 0.01))
    points["left_knuckle"] = ("left_hand", tuple(float(value) for value in joint["left_hand"]))  # type: ignore[assignment]
    hip = joint["left_hip"]
    points["left_hip"] = ("left_hip", (float(hip[0]) + _HIP_OUT, float(hip[1]) + _HIP_LIFT, float(hip[2])))
    joints, offsets = [], []
    for name in LANDMARK_NAMES:
        left = name.replace("right_", "left_")
        anchor, point = points[left] if left in points else (left, tuple(joint[left]))
        offset = np.asarray(point, dtype=np.float32) - joint[anchor]
        if anchor == "left_hip":
            # The pelvis carries the hip's landmark: it must not swing with the thigh.
            anchor, offset = "pelvis", np.asarray(point, dtype=np.float32) - joint["pelvis"]
        if name.startswith("right_"):
            anchor, offset = (
                anchor.replace("left_", "right_"),
                offset * np.array([-1, 1, 1], dtype=np.float32),
            )
        joints.append(JOINT_INDEX[anchor])
        offsets.append(offset)
    return BodyLandmarks(joints=np.array(joints, dtype=np.int64), offsets=np.array(offsets, dtype=np.float32))
