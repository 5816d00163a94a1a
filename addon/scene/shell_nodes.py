"""Geometry nodes that make nested iso-surfaces of a field, live, and let them follow the armature.

The surfaces are found in the canonical pose and carried from there: measured (docs/measurements.md), that is
several times faster than finding them in the posed volume, and no surface is lost where limbs fold.
"""

from dataclasses import dataclass

import bpy

from .control_lattice import follow_group
from .lattice import LOWEST
from .materials import ramp_node, shell_material
from .nodes import Graph, Socket
from .value_nodes import VALUE, declare_lattice, declare_look, declare_type, trilinear

SHELLS = "Propfield mesh"
SIDE_LIMIT = 400
"""Most samples along an axis of the lattice that surfaces are found in."""


@dataclass(frozen=True)
class ShellLayout:
    """What the group of one object's shells has to know of its mesh.

    Attributes:
        types: names, in the order of the menu.
        boxes: (T, 2, 3) first and last step around each type's support.
        size, factor: voxels of the stored values along the axes, and how many of them are a step.
        first, shape, spacing: the control points: their first vertex, corners along the axes, steps between.
        levels: how many surfaces.
    """

    types: tuple[str, ...]
    boxes: list[list[list[float]]]
    size: tuple[int, ...]
    factor: int
    first: int
    shape: tuple[int, ...]
    spacing: int
    levels: int


def shell_group(name: str, layout: ShellLayout) -> bpy.types.NodeTree:
    """The modifier of a field's shells: of the deformed lattice one closed surface for each level.

    Points get the attributes `probability` (the level), `type` (its number), `colour` and `opacity`.
    """
    graph = Graph(name)
    graph.tree.is_modifier = True
    base = graph.declare("Mesh", "Geometry")
    mesh = declare_lattice(graph)
    number = declare_type(graph, layout.types)
    levels = [
        graph.declare(
            f"Level {shell + 1}", "Float", min_value=LOWEST, max_value=0.99, subtype="FACTOR",
            description="Probability on this surface, relative to the interaction's highest",
        )
        for shell in range(layout.levels)
    ]  # fmt: skip
    resolution = graph.declare(
        "Resolution", "Float", min_value=0.25, max_value=4.0,
        description="Samples per voxel of the field; fewer are faster",
    )  # fmt: skip
    colour, tint = declare_look(graph)
    opacity = graph.declare(
        "Opacity", "Float", min_value=0.0, max_value=4.0, default_value=1.0,
        description="Factor on how opaque renders show the surfaces",
    )  # fmt: skip
    materials = [graph.declare(f"Material {shell + 1}", "Material") for shell in range(layout.levels)]

    low = graph.chosen(number, [tuple(box[0]) for box in layout.boxes], "VECTOR")
    high = graph.chosen(number, [tuple(box[1]) for box in layout.boxes], "VECTOR")
    attribute = graph.chosen(number, [VALUE + one for one in layout.types], "STRING")
    spans = graph.scaled(graph.vector("SUBTRACT", high, low), resolution)
    counts = [
        graph.math("MINIMUM", graph.math("ADD", graph.math("ROUND", span), 1.5), float(SIDE_LIMIT))
        for span in graph.parts(spans)
    ]
    position = graph.value("GeometryNodeInputPosition")
    size = tuple(float(count) for count in layout.size)
    density = trilinear(graph, mesh, graph.scaled(position, float(layout.factor)), size, attribute)
    volume = graph.value("GeometryNodeVolumeCube", density, 0.0, low, high, *counts)
    shells = [
        _shell(graph, volume, level, material) for level, material in zip(levels, materials, strict=True)
    ]
    # Joining takes materials and the active colour, for the solid view, over from the object's own mesh, if
    # that has any vertex; meshes made by nodes have none.
    single = graph.value("ShaderNodeMath", graph.value("GeometryNodeInputIndex"), 0.5, operation="LESS_THAN")
    surface = graph.joined_geometry([base, *shells])
    surface = graph.value("GeometryNodeDeleteGeometry", surface, single, domain="POINT")
    surface = graph.stored(surface, "type", number, "INT")
    surface = graph.stored(surface, "opacity", opacity, "FLOAT")
    ramp = ramp_node(graph.tree, graph.attribute("probability", "FLOAT"))
    surface = graph.stored(surface, "colour", graph.mixed(tint, ramp, colour), "FLOAT_COLOR")
    follow = graph.group(
        follow_group(), mesh, layout.first, position, [float(n) for n in layout.shape], float(layout.spacing)
    )
    surface = graph.value("GeometryNodeSetPosition", surface, True, follow.outputs[0])
    graph.result("Mesh", "Geometry", surface)
    return graph.arrange()


def _shell(graph: Graph, volume: Socket, level: Socket, material: Socket) -> Socket:
    node = graph.node("GeometryNodeVolumeToMesh", volume)
    graph.tree.links.new(level, node.inputs["Threshold"])
    marked = graph.stored(node.outputs["Mesh"], "probability", level, "FLOAT")
    smooth = graph.value("GeometryNodeSetShadeSmooth", marked, True, True)
    return graph.value("GeometryNodeSetMaterial", smooth, True, material)


def shell_materials(levels: list[float]) -> list[bpy.types.Material]:
    """One for each surface, outermost first."""
    return [shell_material(number + 1, level) for number, level in enumerate(sorted(levels))]
