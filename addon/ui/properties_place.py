"""What a scene remembers of placing props: `scene.propfield.place`."""

from bpy.props import (
    BoolProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
)
from bpy.types import Object, PropertyGroup


def _has_faces(self: "PropfieldPlaceSettings", candidate: Object) -> bool:
    return candidate.type == "MESH"


class PropfieldPlaceSettings(PropertyGroup):
    """`scene.propfield.place`."""

    prop: PointerProperty(
        name="Prop",
        description="The object to place. Empty: the active mesh object",
        type=Object,
        poll=_has_faces,
    )
    allow_scale: BoolProperty(
        name="Allow Scale", description="Let the search change the prop's size within a range"
    )
    scale_range: FloatVectorProperty(
        name="Scale",
        description="The least and the greatest factor on the prop's size",
        size=2,
        default=(0.8, 1.25),
        min=0.01,
        max=100.0,
        soft_min=0.1,
        soft_max=10.0,
    )
    on_ground: BoolProperty(
        name="Ground", description="Keep the prop above the ground, and stand it there where that is near"
    )
    ground: FloatProperty(
        name="Height", description="How high the ground is in the world", subtype="DISTANCE"
    )
    count: IntProperty(name="Placements", description="How many to find", default=12, min=1, max=50)
    attach: EnumProperty(
        name="Attach",
        description="How the prop is held once it is placed",
        items=[
            ("AUTO", "Automatic", "Parent to the bone that holds it, or an armature constraint for several"),
            ("BONE", "Parent to Bone", "Parent to the bone that holds most of it"),
            ("CHILD_OF", "Child Of", "A constraint to that bone, whose influence can be keyed"),
            ("ARMATURE", "Armature", "A constraint to all bones that hold it, by their weights"),
            ("NONE", "Nothing", "Place it and leave it in the world"),
        ],
    )
    span: EnumProperty(
        name="Frames",
        description="Which frames of the animation are solved",
        items=[
            ("RANGE", "Range", "From the start to the end in steps"),
            ("KEYS", "Key Frames", "Where the character's armature has key frames, within the range"),
        ],
    )
    start: IntProperty(name="Start", description="The first frame", default=1)
    end: IntProperty(name="End", description="The last frame", default=250)
    step: IntProperty(name="Step", description="Every how many frames", default=2, min=1, max=100)
