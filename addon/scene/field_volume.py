"""A field as a fog volume on a character."""

import hashlib

import bpy
import numpy as np

from .binding import bind_rig, to_character, units_per_metre
from .carriers import CARRIER_SHARE, Carriers, choose_carriers
from .field_file import FieldData
from .field_lattice import make_lattice
from .field_object import describe, input_path
from .lattice import crop_lattice, shown_types
from .materials import volume_material
from .mesh_data import make_mesh, set_point_attribute
from .nodes import set_input
from .openvdb_support import require_openvdb
from .value_nodes import LATTICE, VALUE
from .volume_nodes import NEIGHBOURS, VOLUME, VolumeLayout, volume_group


def import_field_volume(
    field: FieldData,
    type_name: str,
    character: bpy.types.Object,
    collection: bpy.types.Collection,
) -> bpy.types.Object:
    """An object whose geometry is the field of a type as a volume, following the character's pose.

    A hidden mesh holds the lattice (values of all types that are not empty, unmoved) and after it each type's
    carriers, which an armature modifier moves; a geometry-nodes modifier makes the volume of them, whose
    inputs switch the type and change threshold, density, resolution and colour, and can be keyed. SceneError
    for a character whose bones are not known, an empty type, or a Blender without OpenVDB.
    """
    require_openvdb()
    types = shown_types(field, type_name)
    lattice = crop_lattice(field, types, CARRIER_SHARE)
    helper = bind_rig(field, character)
    chosen = [choose_carriers(field, lattice, number) for number in range(len(types))]
    parts = [part for pieces, _ in chosen for part in pieces]
    cells = np.stack(np.meshgrid(*(np.arange(n) for n in lattice.values[0].shape), indexing="ij"), -1)
    steps = np.concatenate([cells.reshape(-1, 3), *(part.steps for part in parts)])
    # Where the lattice ends and the parts' carriers begin.
    starts = np.cumsum([lattice.values[0].size, *(len(part.steps) for part in parts)])
    name = f"{field.category} volume"
    weights = np.concatenate([part.weights for part in parts])
    points = lattice.first + steps * lattice.step
    # The lattice's own places are never looked at; only what carries it must be exact.
    still = to_character(field, character, points[: starts[0]])
    carried = to_character(field, character, points[starts[0] :], weights)
    mesh = make_mesh(f"{name} lattice", np.concatenate([still, carried]))
    _set_attributes(mesh, lattice.values, types, steps, parts, starts)

    carrier = make_lattice(mesh, character, helper, collection, weights, starts[0])

    own = bpy.data.meshes.new(name)
    object_ = bpy.data.objects.new(name, own)
    object_.parent = character
    collection.objects.link(object_)
    spans = iter(zip(starts[:-1].tolist(), (len(part.steps) for part in parts), strict=True))
    layout = VolumeLayout(
        types=types,
        size=lattice.values[0].shape,
        step=lattice.step * units_per_metre(field, character),
        spacing=[spacing for _, spacing in chosen],
        pieces=[[next(spans) for _ in pieces] for pieces, _ in chosen],
        offset=_offset(object_.name),
    )
    modifier = object_.modifiers.new(VOLUME, "NODES")
    modifier.node_group = volume_group(f"{VOLUME}, {field.category}", layout)
    describe(object_, field, "volume", types)
    material = volume_material(input_path(object_, "Colour"), input_path(object_, "Tint"))
    own.materials.append(material)
    set_input(modifier, LATTICE, carrier)
    set_input(modifier, "Type", types.index(type_name))
    set_input(modifier, "Material", material)
    # Inputs set from Python are seen by the next evaluation only when tagged.
    object_.update_tag()
    return object_


def _set_attributes(
    mesh: bpy.types.Mesh,
    values: np.ndarray,
    types: tuple[str, ...],
    steps: np.ndarray,
    parts: list[Carriers],
    starts: np.ndarray,
) -> None:
    set_point_attribute(mesh, "place", "FLOAT_VECTOR", steps)
    for kind, own in zip(types, values, strict=True):
        padded = np.zeros(len(steps), np.float32)
        padded[: starts[0]] = own.ravel()
        set_point_attribute(mesh, VALUE + kind, "FLOAT", padded)
    brightest = np.zeros(len(steps), np.float32)
    brightest[starts[0] :] = np.concatenate([part.brightest for part in parts])
    set_point_attribute(mesh, "brightest", "FLOAT", brightest)
    neighbours = np.zeros((len(steps), 6), np.int32)
    for part, start in zip(parts, starts, strict=False):
        neighbours[start : start + len(part.steps)] = part.neighbours + start
    for axis, attribute in enumerate(NEIGHBOURS):
        set_point_attribute(mesh, attribute, "INT", neighbours[:, axis])


def _offset(name: str) -> tuple[float, ...]:
    """Parts of a voxel, in [0, 1), the same for the same name."""
    digest = hashlib.sha256(name.encode()).digest()
    return tuple(digest[axis] / 256 for axis in range(3))
