"""A field as a fog volume on a character."""

import hashlib

import bpy
import numpy as np

from .binding import bind_rig, to_character, units_per_metre
from .carriers import CARRIER_SHARE, choose_carriers
from .field_file import FieldData
from .lattice import crop_lattice
from .materials import volume_material
from .mesh_data import follow_armature, make_mesh, set_point_attribute, set_skin
from .nodes import set_input
from .openvdb_support import require_openvdb
from .volume_nodes import NEIGHBOURS, volume_group


def import_field_volume(
    field: FieldData,
    type_name: str,
    character: bpy.types.Object,
    collection: bpy.types.Collection,
) -> bpy.types.Object:
    """An object whose geometry is the field of a type as a volume, following the character's pose.

    Its mesh holds the lattice (values, unmoved) and after it the carriers, which the armature modifier moves;
    a geometry-nodes modifier makes the volume of them. SceneError for a character whose bones are not known,
    an empty field, or a Blender without OpenVDB.
    """
    require_openvdb()
    lattice = crop_lattice(field, type_name, CARRIER_SHARE)
    helper = bind_rig(field, character)
    parts, spacing = choose_carriers(field, lattice)
    cells = np.stack(np.meshgrid(*(np.arange(n) for n in lattice.values.shape), indexing="ij"), -1)
    steps = np.concatenate([cells.reshape(-1, 3), *(part.steps for part in parts)])
    # Where the lattice ends and the parts' carriers begin.
    starts = np.cumsum([lattice.values.size, *(len(part.steps) for part in parts)])
    name = f"{field.category} {type_name} volume"
    weights = np.concatenate([part.weights for part in parts])
    points = lattice.first + steps * lattice.step
    # The lattice's own places are never looked at; only what carries it must be exact.
    still = to_character(field, character, points[: starts[0]])
    carried = to_character(field, character, points[starts[0] :], weights)
    mesh = make_mesh(name, np.concatenate([still, carried]))
    set_point_attribute(mesh, "place", "FLOAT_VECTOR", steps)
    density = np.zeros(len(steps), np.float32)
    density[: starts[0]] = lattice.values.ravel()
    density[starts[0] :] = np.concatenate([part.brightest for part in parts])
    set_point_attribute(mesh, "density", "FLOAT", density)
    neighbours = np.zeros((len(steps), 6), np.int32)
    for part, start in zip(parts, starts, strict=False):
        neighbours[start : start + len(part.steps)] = part.neighbours + start
    for axis, attribute in enumerate(NEIGHBOURS):
        set_point_attribute(mesh, attribute, "INT", neighbours[:, axis])

    object_ = bpy.data.objects.new(name, mesh)
    object_.parent = character
    collection.objects.link(object_)
    set_skin(object_, weights, starts[0])
    follow_armature(object_, helper)
    material = volume_material()
    mesh.materials.append(material)
    modifier = object_.modifiers.new("Propfield volume", "NODES")
    modifier.node_group = volume_group(len(parts))
    set_input(modifier, "Size", [float(n) for n in lattice.values.shape])
    set_input(modifier, "Spacing", float(spacing))
    set_input(modifier, "Step", lattice.step * units_per_metre(field, character))
    set_input(modifier, "Offset", _offset(object_.name))
    set_input(modifier, "Material", material)
    for number, (part, start) in enumerate(zip(parts, starts, strict=False)):
        set_input(modifier, f"First {number}", int(start))
        set_input(modifier, f"Count {number}", len(part.steps))
    object_["propfield"] = {"category": field.category, "type": type_name, "peak": lattice.peak}
    # Inputs set from Python are seen by the next evaluation only when tagged.
    object_.update_tag()
    return object_


def _offset(name: str) -> list[float]:
    """Parts of a voxel, in [0, 1), the same for the same name."""
    digest = hashlib.sha256(name.encode()).digest()
    return [digest[axis] / 256 for axis in range(3)]
