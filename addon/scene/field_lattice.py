"""The hidden object that carries a field object: its points follow the armature, the field's nodes read them.

Not part of the field object itself, since exporters take a mesh with an armature modifier for skinned
geometry and leave out what its other modifiers make of it.
"""

import bpy
import numpy as np

from .mesh_data import follow_armature, set_skin

LATTICE_KEY = "propfield_lattice"


def make_lattice(
    mesh: bpy.types.Mesh,
    character: bpy.types.Object,
    helper: bpy.types.Object,
    collection: bpy.types.Collection,
    weights: np.ndarray,
    first: int,
) -> bpy.types.Object:
    """A hidden object of the mesh, whose vertices from `first` on follow the helper armature by their (n, 24)
    weights."""
    lattice = bpy.data.objects.new(mesh.name, mesh)
    lattice[LATTICE_KEY] = True
    lattice.parent = character
    # Before it is in the scene, which would be evaluated after each group.
    set_skin(lattice, weights, first)
    collection.objects.link(lattice)
    follow_armature(lattice, helper)
    # Out of sight, but evaluated, since the field depends on it.
    lattice.hide_viewport = lattice.hide_render = lattice.hide_select = True
    return lattice
