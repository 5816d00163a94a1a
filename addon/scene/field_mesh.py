"""A field as nested translucent iso-surfaces on a character."""

from collections.abc import Sequence

import bpy
import numpy as np

from .binding import bind_rig, to_character
from .control_lattice import CORNER, choose_controls
from .errors import SceneError
from .field_file import FieldData
from .field_lattice import make_lattice
from .field_object import describe
from .lattice import LOWEST, Lattice, crop_lattice, shown_types
from .mesh_data import make_mesh, set_point_attribute
from .nodes import set_input
from .openvdb_support import require_openvdb
from .shell_nodes import SHELLS, ShellLayout, shell_group, shell_materials
from .value_nodes import LATTICE, VALUE

# Votes smear, so what is less likely is mostly not the object: measured on the studio, the level that agrees
# best with the truth is 0.5 to 0.8.
LEVELS = (0.4, 0.6, 0.8)
REFINE_LIMIT = 60_000
"""Lattices of fewer voxels are made twice as fine, so that shells look round."""
VALUE_LIMIT = 4_000_000
"""Values of all types that are stored so."""


def import_field_mesh(
    field: FieldData,
    type_name: str,
    character: bpy.types.Object,
    collection: bpy.types.Collection,
    levels: Sequence[float] = LEVELS,
) -> bpy.types.Object:
    """One object with a closed surface for each level, following the character's pose.

    It holds all types that are not empty and shows `type_name`; its modifier's inputs switch the type and
    change the levels (relative to the type's peak, in [0.05, 1)), resolution, colour and opacity, and can be
    keyed. SceneError for levels out of range, a character whose bones are not known, an empty type, or a
    Blender without OpenVDB.
    """
    require_openvdb()
    levels = sorted(set(levels))
    if not levels or not all(LOWEST <= level < 1 for level in levels):
        raise SceneError(f"Levels of a field mesh lie between {LOWEST} and 1, as shares of the peak.")
    types = shown_types(field, type_name)
    lattice = crop_lattice(field, types)
    helper = bind_rig(field, character)
    controls = choose_controls(field, lattice)
    values, factor = _stored_values(lattice)
    stored = values[0].size
    points = to_character(field, character, lattice.first + controls.steps * lattice.step, controls.weights)
    # The vertices with the values are read by their number, wherever they are.
    still = np.broadcast_to(points.mean(0), (stored, 3))
    name = f"{field.category} mesh"
    mesh = make_mesh(f"{name} lattice", np.concatenate([still, points]))
    for kind, stored_ones in zip(types, values, strict=True):
        padded = np.zeros(len(mesh.vertices), np.float32)
        padded[:stored] = stored_ones.ravel()
        set_point_attribute(mesh, VALUE + kind, "FLOAT", padded)
    numbers = np.zeros(len(mesh.vertices), np.int32)
    numbers[: len(controls.numbers)] = controls.numbers
    set_point_attribute(mesh, CORNER, "INT", numbers)
    carrier = make_lattice(mesh, character, helper, collection, controls.weights, stored)

    own = make_mesh(name, points[:1])
    # For the solid view; nodes fill it.
    own.color_attributes.new("colour", "FLOAT_COLOR", "POINT")
    own.color_attributes.active_color = own.color_attributes["colour"]
    own.color_attributes.render_color_index = 0
    object_ = bpy.data.objects.new(name, own)
    object_.parent = character
    collection.objects.link(object_)
    layout = ShellLayout(
        types=types,
        boxes=lattice.boxes.astype(float).tolist(),
        size=values[0].shape,
        factor=factor,
        first=stored,
        shape=controls.shape,
        spacing=controls.spacing,
        levels=len(levels),
    )
    modifier = object_.modifiers.new(SHELLS, "NODES")
    modifier.node_group = shell_group(f"{SHELLS}, {field.category}", layout)
    set_input(modifier, LATTICE, carrier)
    set_input(modifier, "Type", types.index(type_name))
    set_input(modifier, "Resolution", float(factor))
    for number, (level, material) in enumerate(zip(levels, shell_materials(levels), strict=True), start=1):
        own.materials.append(material)
        set_input(modifier, f"Level {number}", float(level))
        set_input(modifier, f"Material {number}", material)
    describe(object_, field, "mesh", types)
    # Inputs set from Python are seen by the next evaluation only when tagged.
    object_.update_tag()
    return object_


def refined(values: np.ndarray) -> np.ndarray:
    """Twice as fine along each axis, between (2n − 1) voxels: Catmull-Rom cubics through the values."""
    for axis in range(3):
        moved = np.moveaxis(values, axis, 0)
        padded = np.concatenate([moved[:1], moved, moved[-1:]])
        between = (9 * (padded[1:-2] + padded[2:-1]) - padded[:-3] - padded[3:]) / 16
        finer = np.empty((2 * len(moved) - 1, *moved.shape[1:]), values.dtype)
        finer[::2], finer[1::2] = moved, between
        values = np.moveaxis(finer, 0, axis)
    return np.clip(np.ascontiguousarray(values), 0, None)


def _stored_values(lattice: Lattice) -> tuple[list[np.ndarray], int]:
    """Each type's values as the mesh holds them, and how many of theirs are a step of the lattice."""
    if lattice.values[0].size >= REFINE_LIMIT or 8 * lattice.values.size > VALUE_LIMIT:
        return list(lattice.values), 1
    return [refined(own) for own in lattice.values], 2
