"""What a scene remembers: what to learn, which field is at hand, and on whom it goes."""

from bpy.props import (
    EnumProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)
from bpy.types import Context, Object, PropertyGroup

from ..client.running import session
from ..operators.opened import field_at_hand
from ..scene.field_file import FieldType
from ..scene.field_mesh import LEVELS, LOWEST
from .properties_character import PropfieldBones
from .properties_place import PropfieldPlaceSettings

# Blender keeps no copy of a dynamic enum's strings, so Python must.
_type_items: list[tuple[str, str, str]] = []


def _matching(names: list[str], typed: str) -> list[str]:
    return [name for name in names if typed.lower() in name.lower()]


def _search_category(self: "PropfieldSettings", context: Context, typed: str) -> list[str]:
    return _matching([str(category["name"]) for category in session.categories], typed)


def _search_interaction(self: "PropfieldSettings", context: Context, typed: str) -> list[str]:
    return _matching([str(kind["name"]) for kind in session.types_of(self.category)], typed)


def _list_types(self: "PropfieldSettings", context: Context | None) -> list[tuple[str, str, str]]:
    field = field_at_hand(self.field_path)
    _type_items[:] = [
        (kind.name, _label(kind.name), _describe(kind)) for kind in (field.types if field else ())
    ]
    return _type_items


def _label(name: str) -> str:
    return "All Interactions" if name == "all" else name


def _describe(kind: FieldType) -> str:
    part = f", with the {kind.part.replace('_', ' ')}" if kind.part else ""
    return f"{kind.prompt or 'The mix of all interactions'}{part} ({kind.views} views)"


def _is_armature(self: "PropfieldSettings", candidate: Object) -> bool:
    return candidate.type == "ARMATURE"


class PropfieldSettings(PropertyGroup):
    """`scene.propfield`."""

    category: StringProperty(
        name="Category",
        description="The kind of object to learn",
        search=_search_category,
        search_options={"SUGGESTION"},
    )
    interaction: StringProperty(
        name="Interaction",
        description="One way of using the object. Empty: all that the backend knows",
        search=_search_interaction,
        search_options={"SUGGESTION"},
    )
    views: IntProperty(
        name="Views",
        description="Pictures for each interaction; more are slower and sharper",
        default=500,
        min=1,
        max=1_000_000,
        soft_min=50,
        soft_max=5000,
    )
    seed: IntProperty(name="Seed", description="The same seed gives the same field", min=0)
    estimator: EnumProperty(
        name="Estimator",
        description="How the pictures become a field",
        items=[
            ("fit", "Fit", "Find the field that explains the pictures: sharper, takes some seconds more"),
            ("voting", "Votes", "Count in how many pictures each place shows the object, as CHORUS does"),
        ],
        default="fit",
    )
    field_path: StringProperty(
        name="Field", description="The field file at hand", subtype="FILE_PATH", options={"HIDDEN"}
    )
    field_type: EnumProperty(
        name="Interaction", description="The way of using the object to import", items=_list_types
    )
    levels: FloatVectorProperty(
        name="Levels",
        description="Iso-surfaces of the mesh, relative to the interaction's highest probability",
        size=3,
        default=LEVELS,
        min=LOWEST,
        max=0.99,
        subtype="NONE",
    )
    character: PointerProperty(
        name="Character",
        description="The armature that the field follows. Empty: one with the field's own body is made",
        type=Object,
        poll=_is_armature,
    )
    bones: PointerProperty(type=PropfieldBones)
    place: PointerProperty(type=PropfieldPlaceSettings)
