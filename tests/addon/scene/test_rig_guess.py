import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from tests.addon.scene.rig_samples import SAMPLES, Sample, make_sample  # noqa: E402

STYLES = {
    "Biped": {
        "pelvis": "Bip001 Pelvis", "spine1": "Bip001 Spine", "spine2": "Bip001 Spine1",
        "spine3": "Bip001 Spine2",
        "neck": "Bip001 Neck", "head": "Bip001 Head", "hip": "Bip001 {S} Thigh", "knee": "Bip001 {S} Calf",
        "ankle": "Bip001 {S} Foot", "foot": "Bip001 {S} Toe0", "collar": "Bip001 {S} Clavicle",
        "shoulder": "Bip001 {S} UpperArm", "elbow": "Bip001 {S} Forearm", "wrist": "Bip001 {S} Hand",
        "hand": "Bip001 {S} Finger2",
    },
    "Character Creator": {
        "pelvis": "CC_Base_Hip", "spine1": "CC_Base_Waist", "spine2": "CC_Base_Spine01",
        "spine3": "CC_Base_Spine02",
        "neck": "CC_Base_Neck01", "head": "CC_Base_Head", "hip": "CC_Base_{S}_Thigh",
        "knee": "CC_Base_{S}_Calf",
        "ankle": "CC_Base_{S}_Foot", "foot": "CC_Base_{S}_ToeBase", "collar": "CC_Base_{S}_Clavicle",
        "shoulder": "CC_Base_{S}_Upperarm", "elbow": "CC_Base_{S}_Forearm", "wrist": "CC_Base_{S}_Hand",
        "hand": "CC_Base_{S}_Mid1",
    },
    "DAZ": {
        "pelvis": "hip", "spine1": "abdomenLower", "spine2": "abdomenUpper", "spine3": "chestUpper",
        "neck": "neckLower", "head": "head",
        "hip": "{s}ThighBend", "knee": "{s}Shin", "ankle": "{s}Foot",
        "foot": "{s}Toe", "collar": "{s}Collar", "shoulder": "{s}ShldrBend", "elbow": "{s}ForearmBend",
        "wrist": "{s}Hand", "hand": "{s}Mid1",
    },
    "MMD": {
        "pelvis": "下半身", "spine1": "上半身", "spine3": "上半身2", "neck": "首", "head": "頭",
        "hip": "{J}足", "knee": "{J}ひざ", "ankle": "{J}足首", "foot": "{J}つま先",
        "collar": "{J}肩", "shoulder": "{J}腕", "elbow": "{J}ひじ", "wrist": "{J}手首", "hand": "{J}中指１",
    },
    "plain words": {
        "pelvis": "Hips", "spine1": "back_lower", "spine3": "torso", "neck": "neck", "head": "skull",
        "hip": "leg_upper.{side}", "knee": "leg_lower.{side}", "ankle": "foot.{side}",
        "shoulder": "arm.{side}",
        "elbow": "elbow.{side}", "wrist": "hand.{side}",
    },
    "Valve": {
        "pelvis": "ValveBiped.Bip01_Pelvis", "spine1": "ValveBiped.Bip01_Spine",
        "spine2": "ValveBiped.Bip01_Spine1",
        "spine3": "ValveBiped.Bip01_Spine2", "neck": "ValveBiped.Bip01_Neck1",
        "head": "ValveBiped.Bip01_Head1",
        "hip": "ValveBiped.Bip01_{S}_Thigh", "knee": "ValveBiped.Bip01_{S}_Calf",
        "ankle": "ValveBiped.Bip01_{S}_Foot", "foot": "ValveBiped.Bip01_{S}_Toe0",
        "collar": "ValveBiped.Bip01_{S}_Clavicle", "shoulder": "ValveBiped.Bip01_{S}_UpperArm",
        "elbow": "ValveBiped.Bip01_{S}_Forearm", "wrist": "ValveBiped.Bip01_{S}_Hand",
    },
}  # fmt: skip


def _rename(armature, style: dict[str, str]) -> dict[str, str]:
    """Gives a sample of SMPL's the style's names; joints that the style lacks are taken out."""
    from addon.scene.edit_bones import edit_bones
    from addon.scene.skeleton import JOINT_NAMES

    names = {}
    with edit_bones(armature) as bones:
        for joint in JOINT_NAMES:
            side, _, part = joint.partition("_")
            pattern = style.get(part if side in ("left", "right") else joint)
            bone = bones[joint]
            if pattern is None:
                for child in bone.children:
                    child.parent = bone.parent
                bones.remove(bone)
                continue
            letters = {
                "S": side[0].upper(),
                "s": side[0],
                "side": side,
                "J": {"left": "左", "right": "右"}.get(side),
            }
            names[joint] = bone.name = pattern.format(**letters)
    return names


@pytest.fixture
def unknown(field, collection):
    """An armature with SMPL's joints in an A-pose, in centimetres, y up."""
    return make_sample(field, Sample("propfield", lowered=45, bent=15, units=100, y_up=True), collection)[0]


@pytest.mark.parametrize("style", STYLES)
def test_names_that_riggers_use_are_understood(style, unknown):
    from addon.scene.rig_guess import guess_rig

    names = _rename(unknown, STYLES[style])
    guess = guess_rig(unknown)
    # "Finger2" is the middle one in Biped alone.
    needed = {joint: name for joint, name in names.items() if not joint.endswith("_hand")}
    assert {joint: guess.get(joint) for joint in needed} == needed


@pytest.mark.parametrize("name", SAMPLES)
def test_every_supported_rig_is_guessed_as_its_map_has_it_even_with_names_that_say_nothing(
    name, field, collection
):
    from addon.scene.rig import find_rig
    from addon.scene.rig_guess import guess_rig
    from addon.scene.rig_map import ESSENTIAL
    from addon.scene.skeleton import JOINT_INDEX

    armature, _ = make_sample(field, SAMPLES[name], collection)
    rig = find_rig(armature)
    essential = {joint: rig.bones[JOINT_INDEX[joint]] for joint in ESSENTIAL}
    by_name = guess_rig(armature)
    assert {joint: by_name.get(joint) for joint in ESSENTIAL} == essential
    numbers = {}
    for index, bone in enumerate(armature.data.bones):
        numbers[bone.name] = f"Bone.{index:03d}"
    for old, new in numbers.items():
        armature.data.bones[old].name = new
    by_shape = guess_rig(armature)
    assert {joint: by_shape.get(joint) for joint in ESSENTIAL} == {
        j: numbers[b] for j, b in essential.items()
    }


def test_an_armature_that_is_no_body_is_guessed_nothing_of(collection):
    from addon.scene.edit_bones import edit_bones
    from addon.scene.rig_guess import guess_rig

    armature = bpy.data.objects.new("chain", bpy.data.armatures.new("chain"))
    collection.objects.link(armature)
    assert guess_rig(armature) == {}
    random = np.random.default_rng(2)
    with edit_bones(armature) as bones:
        above = None
        for index in range(30):
            bone = bones.new(f"link {index}")
            bone.head, bone.tail = random.normal(size=3), random.normal(size=3)
            bone.parent, above = above, bone
    assert guess_rig(armature) == {}
