"""A field object with all that it needs, as an asset: one collection that stands on its own in any file."""

from dataclasses import dataclass

import bpy
import numpy as np

from .errors import SceneError
from .field_file import FieldData
from .field_lattice import LATTICE_KEY
from .field_object import MARK, fingerprint, is_field_object, lattice_of, read_input
from .preview_picture import field_picture


@dataclass(frozen=True)
class AssetNotes:
    """What the asset browser shows beside the picture."""

    author: str = ""
    licence: str = ""
    description: str = ""


def mark_asset(object_: bpy.types.Object, field: FieldData, notes: AssetNotes) -> bpy.types.Collection:
    """Marks a collection with the object, its character and its helper armature as an asset with a picture of
    the shown type, tags (category, types) and notes; the one that is there is marked anew.

    The collection is not put into any scene. SceneError for an object of another field.
    """
    if not is_field_object(object_) or object_.parent is None:
        raise SceneError(f"“{object_.name}” shows no field on a character: import a field first.")
    if object_[MARK]["fingerprint"] != fingerprint(field):
        raise SceneError(
            f"“{object_.name}” shows another field than the one at hand: open the field it is of."
        )
    name = f"{field.category.capitalize()} field, {object_[MARK]['kind']}"
    collection = next((one for one in bpy.data.collections if one.get(MARK) == object_.name), None)
    if collection is None:
        collection = bpy.data.collections.new(name)
        collection[MARK] = object_.name
    wanted = _needed(object_)
    for member in wanted:
        if member.name not in collection.objects:
            collection.objects.link(member)
    collection.asset_mark()
    data = collection.asset_data
    data.author, data.license, data.description = notes.author, notes.licence, notes.description
    while data.tags:
        data.tags.remove(data.tags[0])
    for tag in ("propfield", field.category, *object_[MARK]["types"]):
        data.tags.new(tag, skip_if_exists=True)
    set_preview(collection, field_picture(field, read_input(object_, "Type")))
    return collection


def set_preview(data: bpy.types.ID, picture: np.ndarray) -> None:
    """Gives a data-block a picture: (H, W, 4) in [0, 1], lowest row first."""
    preview = data.preview_ensure()
    height, width = picture.shape[:2]
    preview.image_size = (width, height)
    preview.image_pixels_float.foreach_set(np.ascontiguousarray(picture, np.float32).ravel())


def licence_of(field: FieldData) -> str:
    """The licences of all that the field was made of, each once."""
    entries = field.provenance.get("licences", ())
    found = {str(entry.get("licence")) for entry in entries if isinstance(entry, dict)}
    return ", ".join(sorted(found))


def _needed(object_: bpy.types.Object) -> list[bpy.types.Object]:
    """The object, the character it follows, its helper, and the meshes that the character wears."""
    character = object_.parent
    assert character is not None
    carrier = lattice_of(object_)
    helpers = [
        one.object for one in (carrier or object_).modifiers if isinstance(one, bpy.types.ArmatureModifier)
    ]
    worn = [
        child
        for child in character.children
        if child.type == "MESH"
        and not is_field_object(child)
        and child.get(LATTICE_KEY) is None
        and child.find_armature() == character
    ]
    return [one for one in (object_, carrier, character, *helpers, *worn) if one is not None]
