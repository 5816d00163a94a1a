"""A guess which bones of an unknown armature are SMPL's joints: by names, by shape where names say nothing.

The shape is read off the tree: legs are the two mirrored chains that reach lowest, arms the two that reach
farthest aside above them; the bone at which the legs part is the pelvis, that at which the arms do the chest.
"""

from dataclasses import dataclass

import bpy
import numpy as np

from .bone_names import PAIRED, is_finger, is_machinery, likeness, side_of, words_of

SIDES = ("left", "right")
_CHAINS = (("hip", "knee", "ankle", "foot"), ("collar", "shoulder", "elbow", "wrist", "hand"))


@dataclass(frozen=True)
class _Bones:
    """The armature's bones in space: `heads` (B, 3) as (towards the left, height, forward), of height 1."""

    names: list[str]
    parents: list[int]
    heads: np.ndarray
    words: list[list[str]]

    def chain(self, bone: int) -> list[int]:
        """From the bone up to its root."""
        found = []
        while bone >= 0:
            found.append(bone)
            bone = self.parents[bone]
        return found


def guess_rig(armature: bpy.types.Object) -> dict[str, str]:
    """Joint → bone, for as many joints as can be guessed; the sides are the person's own.

    Names that say a side are believed; else the side is where the bone lies, for a person who faces −y.
    """
    bones = _bones(armature)
    if bones is None:
        return {}
    shaped = _by_shape(bones)
    named = _by_names(bones, shaped.get("pelvis"))
    guess = dict(shaped)
    for side in SIDES:
        for chain in _CHAINS:
            joints = [f"{side}_{part}" for part in chain]
            mixed = {joint: named.get(joint, shaped.get(joint)) for joint in joints}
            for joint in joints:
                guess.pop(joint, None)
            guess.update({joint: bone for joint, bone in mixed.items() if bone is not None})
    middle = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")
    if any(joint.startswith("spine") for joint in named):
        # Two opinions about one spine would cross.
        guess = {joint: bone for joint, bone in guess.items() if not joint.startswith("spine")}
    guess.update({joint: named[joint] for joint in middle if joint in named})
    taken: set[int] = set()
    result = {}
    for joint, bone in sorted(guess.items(), key=lambda item: item[0] not in named):
        if bone not in taken:
            taken.add(bone)
            result[joint] = bones.names[bone]
    return result


def _bones(armature: bpy.types.Object) -> _Bones | None:
    """Deforming bones alone, where there are enough of them, without the machinery of a rig."""
    everything = list(armature.data.bones)
    useful = [bone for bone in everything if not is_machinery(words_of(bone.name))] or everything
    deforming = [bone for bone in useful if bone.use_deform]
    chosen = deforming if len(deforming) >= 13 else useful
    number = {bone.name: index for index, bone in enumerate(chosen)}
    parents = []
    for bone in chosen:
        above = bone.parent
        while above is not None and above.name not in number:
            above = above.parent
        parents.append(number[above.name] if above is not None else -1)
    turn = np.array(armature.matrix_world.to_3x3())
    heads = np.array([bone.head_local for bone in chosen]).reshape(-1, 3) @ turn.T
    if not len(chosen) or np.ptp(heads[:, 2]) == 0:
        return None
    words = [words_of(bone.name) for bone in chosen]
    left = _left(heads, words)
    frame = np.stack([left, (0, 0, 1), np.cross(left, (0, 0, 1))])
    heads = heads @ frame.T
    middle = np.array([np.median(heads[:, 0]), heads[:, 1].min(), np.median(heads[:, 2])])
    size = np.ptp(heads[:, 1])
    return _Bones([bone.name for bone in chosen], parents, (heads - middle) / size, words)


def _left(heads: np.ndarray, words: list[list[str]]) -> np.ndarray:
    """(3,) level direction to the person's left: from bones named right to those named left, else +x."""
    sides = [side_of(word) for word in words]
    left, right = (np.array([side == wanted for side in sides]) for wanted in SIDES)
    if left.any() and right.any():
        across = (heads[left].mean(0) - heads[right].mean(0)) * (1, 1, 0)
        if np.linalg.norm(across) > 0.02 * np.ptp(heads[:, 2]):
            return across / np.linalg.norm(across)
    return np.array([1.0, 0.0, 0.0])


def _by_names(bones: _Bones, pelvis: int | None) -> dict[str, int]:
    """What names say; `pelvis` is where the legs part, for a rig that calls that a bone of the spine."""
    sides = [side_of(words) for words in bones.words]
    if not any(sides):
        return {}
    found: dict[str, int] = {}
    for side in SIDES:
        own = [index for index, said in enumerate(sides) if said == side]
        parts = _surest_first(bones, own, PAIRED)
        # What a rig calls shoulder is the collar bone, unless no bone is called an arm.
        if "shoulder" not in parts and "collar" in parts:
            parts["shoulder"] = parts.pop("collar")
        found.update({f"{side}_{part}": bone for part, bone in parts.items()})
    alone = [index for index, said in enumerate(sides) if said is None]
    found.update(_surest_first(bones, alone, ("pelvis", "neck", "head")))
    if "pelvis" not in found and pelvis is not None:
        found["pelvis"] = pelvis
    low, high = (_height(bones, found, part) for part in ("hip", "shoulder"))
    spine = [
        index
        for index in alone
        if likeness(bones.words[index], "spine")
        and index not in found.values()
        and low + 0.03 < bones.heads[index, 1] < high
    ]
    found.update(_spread(sorted(spine, key=lambda index: bones.heads[index, 1])))
    return found


def _height(bones: _Bones, found: dict[str, int], part: str) -> float:
    """Where the two of a pair lie; where that is unknown, all of a body is between hips and shoulders."""
    pair = [found[f"{side}_{part}"] for side in SIDES if f"{side}_{part}" in found]
    return float(bones.heads[pair, 1].mean()) if pair else {"hip": -1.0, "shoulder": 2.0}[part]


def _surest_first(bones: _Bones, among: list[int], parts: tuple[str, ...]) -> dict[str, int]:
    """Part → bone: the surest names first, of equals the one nearest to the root; each bone once."""
    sure = [
        (likeness(bones.words[index], part), -len(bones.chain(index)), -index, part)
        for index in among
        for part in parts
        if part == "hand" or not is_finger(bones.words[index])
    ]
    found: dict[str, int] = {}
    for value, _, index, part in sorted(sure, reverse=True):
        if value > 0 and part not in found and -index not in found.values():
            found[part] = -index
    return found


def _spread(spine: list[int]) -> dict[str, int]:
    """Of the bones of a spine, from below, those for its joints: three evenly, or as many as there are."""
    if len(spine) > 3:
        spine = [spine[0], spine[len(spine) // 2], spine[-1]]
    joints = {1: ("spine1",), 2: ("spine1", "spine3"), 3: ("spine1", "spine2", "spine3")}.get(len(spine), ())
    return dict(zip(joints, spine, strict=True))


def _by_shape(bones: _Bones) -> dict[str, int]:
    leaves = sorted(set(range(len(bones.names))) - set(bones.parents))
    legs = _mirrored(bones, leaves, lambda end: -end[1] if end[1] < 0.35 else None)
    arms = _mirrored(bones, leaves, lambda end: abs(end[0]) if end[1] > 0.3 else None)
    found: dict[str, int] = {}
    if legs is None or arms is None:
        return found
    pelvis = _parting(bones, legs)
    chest = _parting(bones, arms)
    if pelvis is None or chest is None:
        return found
    found["pelvis"] = pelvis
    for leaf in legs:
        side = "left" if bones.heads[leaf, 0] > 0 else "right"
        found.update({f"{side}_{part}": bone for part, bone in _leg(bones, leaf, pelvis).items()})
    for leaf in arms:
        side = "left" if bones.heads[leaf, 0] > 0 else "right"
        found.update({f"{side}_{part}": bone for part, bone in _arm(bones, leaf, chest).items()})
    above = [index for index in leaves if chest in bones.chain(index) and abs(bones.heads[index, 0]) < 0.05]
    if above:
        top = bones.chain(max(above, key=lambda index: bones.heads[index, 1]))
        neck = [
            bone for bone in top[: top.index(chest)][::-1] if bones.heads[bone, 1] > bones.heads[chest, 1]
        ]
        if neck:
            # The head is where the face begins; without a face it is the last bone.
            face = (bone for bone in neck if bones.parents.count(bone) > 2)
            found["head"] = next(face, neck[-1] if len(neck) < 4 else neck[1])
            if neck[0] != found["head"]:
                found["neck"] = neck[0]
    trunk = bones.chain(chest)
    if pelvis in trunk:
        found.update(_spread(trunk[: trunk.index(pelvis)][::-1]))
    return found


def _mirrored(bones, leaves, worth):
    """The two leaves of most worth that mirror each other, left first; None where there are no such."""
    best, most = None, -np.inf
    for one in leaves:
        value = worth(bones.heads[one])
        if value is None or bones.heads[one, 0] < 0.02:
            continue
        away = np.abs(bones.heads[leaves] - bones.heads[one] * (-1, 1, 1)).max(1)
        other = leaves[int(away.argmin())]
        if away.min() < 0.03 and value > most:
            best, most = (one, other), value
    return best


def _parting(bones: _Bones, pair: tuple[int, int]) -> int | None:
    other = set(bones.chain(pair[1]))
    return next((bone for bone in bones.chain(pair[0]) if bone in other), None)


def _leg(bones: _Bones, leaf: int, pelvis: int) -> dict[str, int]:
    chain = bones.chain(leaf)
    chain = chain[: chain.index(pelvis)][::-1]
    # Bones in the middle of the body lead to the leg, and are none of it.
    chain = [bone for bone in chain if abs(bones.heads[bone, 0]) > 0.015] or chain
    low = [bone for bone in chain[2:] if bones.heads[bone, 1] < 0.12]
    if len(chain) < 3 or not low:
        return {}
    hip, ankle = chain[0], low[0]
    between = chain[1 : chain.index(ankle)]
    half = (bones.heads[hip, 1] + bones.heads[ankle, 1]) / 2
    found = {"hip": hip, "ankle": ankle}
    if between:
        found["knee"] = min(between, key=lambda bone: abs(bones.heads[bone, 1] - half))
    beyond = chain[chain.index(ankle) + 1 :]
    if beyond:
        found["foot"] = beyond[0]
    return found


def _arm(bones: _Bones, leaf: int, chest: int) -> dict[str, int]:
    chain = bones.chain(leaf)
    chain = chain[: chain.index(chest)][::-1]
    children = [sum(parent == bone for parent in bones.parents) for bone in chain]
    # The hand is where the fingers part; without fingers it is the last bone, or the one before a short last.
    wrist = max((i for i, count in enumerate(children) if i >= 2 and count >= 2), default=len(chain) - 1)
    lengths = np.linalg.norm(np.diff(bones.heads[chain], axis=0), axis=1)
    if wrist == len(chain) - 1 >= 3 and lengths[-1] < 0.6 * lengths[-2]:
        wrist -= 1
    if wrist < 2:
        return {}
    found = {"wrist": chain[wrist]}
    # The collar bone begins near the middle; the arm at the shoulder.
    first = 1 if wrist >= 3 and abs(bones.heads[chain[0], 0]) < 0.7 * abs(bones.heads[chain[1], 0]) else 0
    if first:
        found["collar"] = chain[0]
    found["shoulder"] = chain[first]
    half = (bones.heads[chain[first]] + bones.heads[chain[wrist]]) / 2
    between = chain[first + 1 : wrist]
    if between:
        found["elbow"] = min(between, key=lambda bone: float(np.linalg.norm(bones.heads[bone] - half)))
    return found
