"""A field as points with attributes, for those who build on it with geometry nodes of their own."""

import bpy
import numpy as np

from .binding import bind_rig, to_character, units_per_metre
from .field_file import FieldData
from .field_object import describe
from .lattice import LOWEST, crop_lattice, shown_types
from .materials import points_material, ramp_node
from .mesh_data import follow_armature, make_mesh, set_point_attribute, set_skin
from .nodes import Graph, set_input
from .value_nodes import declare_look, declare_type
from .weights import interpolate_weights

POINTS = "Propfield points"
POINT_LIMIT = 150_000
"""Of more, so many are drawn by lot, always the same."""


def import_field_points(
    field: FieldData,
    type_name: str,
    character: bpy.types.Object,
    collection: bpy.types.Collection,
) -> bpy.types.Object:
    """An object whose mesh holds a vertex for each voxel of each type that is not faint, following the pose.

    Vertices carry `probability`, relative to the type's peak, `type`, its number, and their skinning weights
    as vertex groups. Its modifier shows those of one type as points. SceneError for a character whose bones
    are not known, or an empty type.
    """
    types = shown_types(field, type_name)
    lattice = crop_lattice(field, types)
    helper = bind_rig(field, character)
    found = np.argwhere(lattice.values >= LOWEST)
    if len(found) > POINT_LIMIT:
        lot = np.random.default_rng(0).choice(len(found), POINT_LIMIT, replace=False)
        found = found[np.sort(lot)]
    in_grid = lattice.origin + found[:, 1:] * lattice.factor
    weights = interpolate_weights(field.voxel_weights, (field.resolution,) * 3, in_grid)
    points = to_character(field, character, lattice.first + found[:, 1:] * lattice.step, weights)
    name = f"{field.category} points"
    mesh = make_mesh(name, points)
    set_point_attribute(mesh, "probability", "FLOAT", lattice.values[tuple(found.T)])
    set_point_attribute(mesh, "type", "INT", found[:, 0])
    object_ = bpy.data.objects.new(name, mesh)
    object_.parent = character
    collection.objects.link(object_)
    set_skin(object_, weights)
    follow_armature(object_, helper)
    modifier = object_.modifiers.new(POINTS, "NODES")
    modifier.node_group = points_group(f"{POINTS}, {field.category}", types)
    set_input(modifier, "Type", types.index(type_name))
    set_input(modifier, "Radius", 0.2 * lattice.step * units_per_metre(field, character))
    material = points_material()
    mesh.materials.append(material)
    set_input(modifier, "Material", material)
    describe(object_, field, "points", types)
    # Inputs set from Python are seen by the next evaluation only when tagged.
    object_.update_tag()
    return object_


def points_group(name: str, types: tuple[str, ...]) -> bpy.types.NodeTree:
    """The modifier that shows the vertices of a type as points, with all their attributes and a `colour`."""
    graph = Graph(name)
    graph.tree.is_modifier = True
    mesh = graph.declare("Mesh", "Geometry")
    number = declare_type(graph, types)
    threshold = graph.declare(
        "Threshold", "Float", default_value=0.2, min_value=0.0, max_value=1.0, subtype="FACTOR",
        description="Probability, relative to the interaction's highest, below which points are left out",
    )  # fmt: skip
    radius = graph.declare(
        "Radius", "Float", default_value=0.01, min_value=0.0, subtype="DISTANCE",
        description="How large points are shown; nothing that is built on them need mind",
    )  # fmt: skip
    exported = graph.declare(
        "As Vertices", "Bool", default_value=False,
        description="Vertices of a mesh, which USD and Alembic export and renders do not show",
    )  # fmt: skip
    colour, tint = declare_look(graph)
    material = graph.declare("Material", "Material")
    probability = graph.attribute("probability", "FLOAT")
    same = graph.value("ShaderNodeMath", graph.attribute("type", "INT"), number, 0.5, operation="COMPARE")
    likely = graph.math("SUBTRACT", 1.0, graph.math("LESS_THAN", probability, threshold))
    node = graph.node("GeometryNodeMeshToPoints", mesh)
    graph.tree.links.new(graph.math("MULTIPLY", same, likely), node.inputs["Selection"])
    graph.tree.links.new(radius, node.inputs["Radius"])
    ramp = ramp_node(graph.tree, probability)
    points = graph.stored(node.outputs[0], "colour", graph.mixed(tint, ramp, colour), "FLOAT_COLOR")
    shown = graph.value("GeometryNodeSetMaterial", points, True, material)
    vertices = graph.value("GeometryNodePointsToVertices", points)
    switch = graph.value("GeometryNodeSwitch", exported, shown, vertices, input_type="GEOMETRY")
    graph.result("Points", "Geometry", switch)
    return graph.arrange()
