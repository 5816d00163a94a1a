"""A field as a fog volume on a character."""

import bpy
import numpy as np

from .binding import bind_rig, to_character
from .field_file import FieldData
from .lattice import choose_carriers, crop_lattice
from .materials import volume_material
from .mesh_data import follow_armature, make_mesh, set_point_attribute, set_skin
from .nodes import set_input
from .openvdb_support import require_openvdb
from .rig import rest_frame
from .volume_nodes import volume_group
from .weights import interpolate_weights


def import_field_volume(
    field: FieldData,
    type_name: str,
    character: bpy.types.Object,
    collection: bpy.types.Collection,
) -> bpy.types.Object:
    """An object whose geometry is the field of a type as a volume, following the character's pose.

    Its mesh holds the lattice (values, unmoved) and after it the carriers, which the armature modifier moves;
    a geometry-nodes modifier makes the volume of them. SceneError for a character that is not SMPL-like, an
    empty field, or a Blender without OpenVDB.
    """
    require_openvdb()
    lattice = crop_lattice(field, type_name)
    helper = bind_rig(field, character)
    carriers = choose_carriers(lattice)
    cells = np.stack(np.meshgrid(*(np.arange(n) for n in lattice.values.shape), indexing="ij"), -1)
    steps = np.concatenate([cells.reshape(-1, 3), carriers.steps])
    first = cells.size // 3
    name = f"{field.category} {type_name} volume"
    mesh = make_mesh(name, to_character(character, lattice.first + steps * lattice.step))
    set_point_attribute(mesh, "place", "FLOAT_VECTOR", steps)
    density = np.zeros(len(steps), np.float32)
    density[:first] = lattice.values.ravel()
    set_point_attribute(mesh, "density", "FLOAT", density)
    for axis, attribute in enumerate(("before_x", "after_x", "before_y", "after_y", "before_z", "after_z")):
        there = np.zeros(len(steps), np.int32)
        there[first:] = carriers.neighbours[:, axis] + first
        set_point_attribute(mesh, attribute, "INT", there)

    object_ = bpy.data.objects.new(name, mesh)
    object_.parent = character
    collection.objects.link(object_)
    in_grid = lattice.origin + carriers.steps * lattice.factor
    weights = interpolate_weights(field.voxel_weights, (field.resolution,) * 3, in_grid)
    set_skin(object_, weights, first)
    follow_armature(object_, helper)
    material = volume_material()
    mesh.materials.append(material)
    modifier = object_.modifiers.new("Propfield volume", "NODES")
    modifier.node_group = volume_group()
    set_input(modifier, "Size", [float(n) for n in lattice.values.shape])
    set_input(modifier, "First", first)
    set_input(modifier, "Count", len(carriers.steps))
    set_input(modifier, "Spacing", float(carriers.spacing))
    set_input(modifier, "Step", lattice.step * rest_frame(character).scale)
    set_input(modifier, "Material", material)
    # Inputs set from Python are seen by the next evaluation only when tagged.
    object_.update_tag()
    return object_
