"""A field as nested translucent iso-surfaces on a character."""

from collections.abc import Sequence

import bpy
import numpy as np

from .binding import bind_rig, to_character
from .errors import SceneError
from .field_file import FieldData
from .iso_surface import iso_surfaces
from .lattice import crop_lattice
from .materials import ramp_colours, shell_material
from .mesh_data import follow_armature, make_mesh, set_point_attribute, set_skin
from .openvdb_support import require_openvdb
from .weights import interpolate_weights

# Votes smear, so what is less likely is mostly not the object: measured on the studio, the level that agrees
# best with the truth is 0.5 to 0.8.
LEVELS = (0.4, 0.6, 0.8)
LOWEST = 0.05


def import_field_mesh(
    field: FieldData,
    type_name: str,
    character: bpy.types.Object,
    collection: bpy.types.Collection,
    levels: Sequence[float] = LEVELS,
) -> bpy.types.Object:
    """One object with a closed surface for each level, following the character's pose.

    `levels` are relative to the type's peak, in [0.05, 1). Vertices lie in the canonical pose; they carry the
    attribute `probability` (their level) and a colour for the solid view. SceneError for levels out of range,
    a character whose bones are not known, an empty field, or a Blender without OpenVDB.
    """
    require_openvdb()
    levels = sorted(set(levels))
    if not levels or not all(LOWEST <= level < 1 for level in levels):
        raise SceneError(f"Levels of a field mesh lie between {LOWEST} and 1, as shares of the peak.")
    lattice = crop_lattice(field, type_name)
    helper = bind_rig(field, character)
    surfaces = iso_surfaces(lattice.values, levels)
    steps = np.concatenate([vertices for vertices, _ in surfaces])
    starts = np.cumsum([0] + [len(vertices) for vertices, _ in surfaces[:-1]])
    faces = np.concatenate([faces + start for (_, faces), start in zip(surfaces, starts, strict=True)])
    probability = np.repeat(levels, [len(vertices) for vertices, _ in surfaces]).astype(np.float32)

    name = f"{field.category} {type_name} mesh"
    in_grid = lattice.origin + steps * lattice.factor
    weights = interpolate_weights(field.voxel_weights, (field.resolution,) * 3, in_grid)
    points = to_character(field, character, lattice.first + steps * lattice.step, weights)
    mesh = make_mesh(name, points, faces)
    set_point_attribute(mesh, "probability", "FLOAT", probability)
    set_point_attribute(mesh, "colour", "FLOAT_COLOR", ramp_colours(probability))
    mesh.color_attributes.active_color = mesh.color_attributes["colour"]
    mesh.color_attributes.render_color_index = mesh.color_attributes.find("colour")
    for level in levels:
        mesh.materials.append(shell_material(level))
    slots = np.repeat(np.arange(len(levels), dtype=np.int32), [len(found) for _, found in surfaces])
    mesh.polygons.foreach_set("material_index", slots)
    object_ = bpy.data.objects.new(name, mesh)
    object_.parent = character
    collection.objects.link(object_)
    set_skin(object_, weights)
    follow_armature(object_, helper)
    object_["propfield"] = {"category": field.category, "type": type_name, "peak": lattice.peak}
    return object_
