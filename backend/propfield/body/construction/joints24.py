"""MakeHuman's 163 bones merged into SMPL's 24 joints."""

import numpy as np
from jaxtyping import Float64

from propfield.body.construction.mpfb import Rig
from propfield.body.skeleton import JOINT_COUNT, JOINT_INDEX

FINGERS = (2, 3, 4, 5)  # the thumb (1) stays with the wrist, as its joint lies before the knuckles
TOES = (1, 2, 3, 4, 5)


def _joint_of_first_bones() -> dict[str, str]:
    """The bones at which a joint's part of the tree begins."""
    begins = {
        "root": "pelvis",  # and with it spine05, spine04
        "spine03": "spine1",
        "spine02": "spine2",
        "spine01": "spine3",
        "neck01": "neck",
        "head": "head",
    }
    for letter, side in (("L", "left"), ("R", "right")):
        begins |= {
            f"pelvis.{letter}": "pelvis",
            f"upperleg01.{letter}": f"{side}_hip",
            f"lowerleg01.{letter}": f"{side}_knee",
            f"foot.{letter}": f"{side}_ankle",
            f"clavicle.{letter}": f"{side}_collar",
            f"upperarm01.{letter}": f"{side}_shoulder",
            f"lowerarm01.{letter}": f"{side}_elbow",
            f"wrist.{letter}": f"{side}_wrist",
        }
        begins |= {f"toe{toe}-1.{letter}": f"{side}_foot" for toe in TOES}
        begins |= {f"finger{finger}-1.{letter}": f"{side}_hand" for finger in FINGERS}
    return begins


FIRST_BONES = _joint_of_first_bones()


def merged_skin_weights(rig: Rig) -> Float64[np.ndarray, "V 24"]:
    """Skin weights over the 24 joints: each bone's go to the nearest joint at or above it in the tree."""
    merge = np.zeros((len(rig.names), JOINT_COUNT))
    joint_of = np.zeros(len(rig.names), dtype=int)
    for bone, (name, parent) in enumerate(zip(rig.names, rig.parents, strict=True)):
        joint_of[bone] = JOINT_INDEX[FIRST_BONES[name]] if name in FIRST_BONES else joint_of[parent]
        merge[bone, joint_of[bone]] = 1
    return rig.skin_weights @ merge


def joint_positions(heads: dict[str, Float64[np.ndarray, "3"]]) -> Float64[np.ndarray, "24 3"]:
    """The 24 joints from the heads of the posed bones, at the places where SMPL has them."""
    joints = np.zeros((JOINT_COUNT, 3))

    def put(name: str, position: np.ndarray) -> None:
        joints[JOINT_INDEX[name]] = position

    pelvis = (heads["upperleg01.L"] + heads["upperleg01.R"]) / 2
    pelvis[1] = 0.3 * heads["spine05"][1] + 0.7 * heads["spine04"][1]
    put("pelvis", pelvis)
    for bone, name in (("spine03", "spine1"), ("spine02", "spine2"), ("spine01", "spine3")):
        put(name, heads[bone])
    put("neck", heads["neck01"])
    put("head", heads["head"])
    for letter, side in (("L", "left"), ("R", "right")):
        put(f"{side}_hip", heads[f"upperleg01.{letter}"])
        put(f"{side}_knee", heads[f"lowerleg01.{letter}"])
        put(f"{side}_ankle", heads[f"foot.{letter}"])
        put(f"{side}_foot", np.mean([heads[f"toe{toe}-1.{letter}"] for toe in TOES], axis=0))
        put(f"{side}_collar", (heads[f"clavicle.{letter}"] + heads[f"shoulder01.{letter}"]) / 2)
        put(f"{side}_shoulder", heads[f"upperarm01.{letter}"])
        put(f"{side}_elbow", heads[f"lowerarm01.{letter}"])
        put(f"{side}_wrist", heads[f"wrist.{letter}"])
        put(f"{side}_hand", np.mean([heads[f"finger{finger}-1.{letter}"] for finger in FINGERS], axis=0))
    return joints
