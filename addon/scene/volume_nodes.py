"""Geometry nodes that give a field's density in the posed space, live and without Python.

CHORUS poses a field by backward skinning: for a place x, which canonical place comes from there? Here the
carriers (voxels moved by the armature) answer it to first order. Carrier i sits at q_i in the lattice and at
p_i after posing; J_i = ∂p/∂q comes from its neighbours' posed places. For the nearest carrier,
q(x) ≈ q_i + J_i⁻¹ (x − p_i), and the density is the lattice's trilinear value at q(x). For a rigid motion
this is exact; where the skin stretches, J⁻¹ shrinks distances accordingly, so that no holes or spikes show.
"""

from dataclasses import dataclass

import bpy

from .nodes import Graph, Socket, kept_group
from .value_nodes import VALUE, declare_lattice, declare_look, declare_type, trilinear

WARP_GROUP, DENSITY_GROUP, VOLUME = ".Propfield warp", ".Propfield density", "Propfield volume"
BAKED_GROUP = "Propfield baked"
SOFTNESS = 0.1
"""Probability, relative to the peak, over which the volume grows from nothing at the threshold."""
VOLUME_SIDE_LIMIT = 200
"""Most voxels along an axis of the posed volume."""
NEIGHBOURS = ("before_x", "after_x", "before_y", "after_y", "before_z", "after_z")
_SMALLEST = 0.05
"""Least volume ratio of a carrier's neighbourhood; what is pressed flatter is held open that much."""


def warp_group() -> bpy.types.NodeTree:
    """Deformed mesh → points with `place` (q_i) and the rows of J_i⁻¹ as `row_x`, `row_y`, `row_z`.

    Vertices from `First` on are the carriers; `Spacing` is the steps between neighbours and `Step` the
    lattice's step in the object's units. Carriers of nothing brighter than `Faintest` are left out.
    """
    kept = kept_group(WARP_GROUP)
    if kept is not None:
        return kept
    graph = Graph(WARP_GROUP)
    mesh, first = graph.declare("Mesh", "Geometry"), graph.declare("First", "Int")
    count, spacing = graph.declare("Count", "Int"), graph.declare("Spacing", "Float")
    step, faintest = graph.declare("Step", "Float"), graph.declare("Faintest", "Float")
    index = graph.math("ADD", graph.value("GeometryNodeInputIndex"), first)
    position = graph.value("GeometryNodeInputPosition")

    def place_of(vertex: Socket) -> Socket:
        return graph.at(mesh, position, vertex, "FLOAT_VECTOR")

    columns = []
    for before_name, after_name in zip(NEIGHBOURS[::2], NEIGHBOURS[1::2], strict=True):
        before = graph.at(mesh, graph.attribute(before_name, "INT"), index, "INT")
        after = graph.at(mesh, graph.attribute(after_name, "INT"), index, "INT")
        # One-sided at the rim: one of the two is then the carrier itself.
        sides = graph.math(
            "ADD",
            graph.value("ShaderNodeMath", before, index, 0.5, operation="COMPARE"),
            graph.value("ShaderNodeMath", after, index, 0.5, operation="COMPARE"),
        )
        span = graph.math("MULTIPLY", graph.math("SUBTRACT", 2.0, sides), spacing)
        difference = graph.vector("SUBTRACT", place_of(after), place_of(before))
        columns.append(graph.scaled(difference, graph.math("DIVIDE", 1.0, span)))
    crosses = [
        graph.vector("CROSS_PRODUCT", columns[(axis + 1) % 3], columns[(axis + 2) % 3]) for axis in range(3)
    ]
    determinant = graph.dot(columns[0], crosses[0])
    smallest = graph.math("MULTIPLY", graph.math("POWER", step, 3.0), _SMALLEST)
    inverse = graph.math("DIVIDE", 1.0, graph.math("MAXIMUM", determinant, smallest))
    points = graph.value("GeometryNodePoints", count, place_of(index), 0.0)
    for name, cross in zip(("row_x", "row_y", "row_z"), crosses, strict=True):
        points = graph.stored(points, name, graph.scaled(cross, inverse), "FLOAT_VECTOR")
    place = graph.at(mesh, graph.attribute("place", "FLOAT_VECTOR"), index, "FLOAT_VECTOR")
    points = graph.stored(points, "place", place, "FLOAT_VECTOR")
    # Where the skin folds over, an inside-out sheet lies between two upright ones that cover all it covers.
    inside_out = graph.math("LESS_THAN", determinant, 0.0)
    brightest = graph.at(mesh, graph.attribute("brightest", "FLOAT"), index, "FLOAT")
    unneeded = graph.math("MAXIMUM", inside_out, graph.math("LESS_THAN", brightest, faintest))
    kept_points = graph.value("GeometryNodeDeleteGeometry", points, unneeded, domain="POINT")
    graph.result("Points", "Geometry", kept_points)
    return graph.arrange()


def density_group() -> bpy.types.NodeTree:
    """Points of `warp_group`, the lattice (first vertices of Mesh) and a position → occupancy relative to
    the peak. `Size` is the lattice's voxels along its axes, `Values` the attribute with the type's values."""
    kept = kept_group(DENSITY_GROUP)
    if kept is not None:
        return kept
    graph = Graph(DENSITY_GROUP)
    points, mesh = graph.declare("Points", "Geometry"), graph.declare("Mesh", "Geometry")
    position, size = graph.declare("Position", "Vector"), graph.declare("Size", "Vector")
    spacing, values = graph.declare("Spacing", "Float"), graph.declare("Values", "String")
    nearest = graph.value("GeometryNodeSampleNearest", points, position, domain="POINT")

    def of_nearest(field: Socket) -> Socket:
        return graph.at(points, field, nearest, "FLOAT_VECTOR")

    away = graph.vector("SUBTRACT", position, of_nearest(graph.value("GeometryNodeInputPosition")))
    rows = [of_nearest(graph.attribute(name, "FLOAT_VECTOR")) for name in ("row_x", "row_y", "row_z")]
    offset = graph.joined(*(graph.dot(row, away) for row in rows))
    place = graph.vector("ADD", of_nearest(graph.attribute("place", "FLOAT_VECTOR")), offset)
    reach = graph.vector("ABSOLUTE", offset)
    x, y, z = graph.parts(reach)
    farthest = graph.math("DIVIDE", graph.math("MAXIMUM", graph.math("MAXIMUM", x, y), z), spacing)
    # Beyond the carriers there is nothing; the fall is soft so that no edge flickers as a pose moves.
    window = graph.value("ShaderNodeMapRange", farthest, 0.8, 1.3, 1.0, 0.0)
    value = trilinear(graph, mesh, place, size, values)
    graph.result("Density", "Float", graph.math("MULTIPLY", value, window))
    return graph.arrange()


@dataclass(frozen=True)
class VolumeLayout:
    """What the group of one object's volume has to know of its mesh.

    Attributes:
        types: names, in the order of the menu.
        size: the lattice's voxels along its axes; their values are those of the mesh's first vertices.
        step: from voxel to voxel in the object's units.
        spacing: for each type the steps between carriers.
        pieces: for each type the first vertex and the number of each of its pieces of carriers.
        offset: parts of a voxel by which the volume's samples lie off whole ones, in [0, 1).
    """

    types: tuple[str, ...]
    size: tuple[int, ...]
    step: float
    spacing: list[int]
    pieces: list[list[tuple[int, int]]]
    offset: tuple[float, ...]


def volume_group(name: str, layout: VolumeLayout) -> bpy.types.NodeTree:
    """The modifier of a field's volume: a fog of the deformed lattice.

    The density at a place is the largest that any piece of carriers brings there.
    """
    graph = Graph(name)
    graph.tree.is_modifier = True
    graph.declare("Mesh", "Geometry")
    # First, so that they have the same identifiers as in `baked_group`: the fog's material reads them there.
    declare_look(graph)
    mesh = declare_lattice(graph)
    number = declare_type(graph, layout.types)
    threshold = graph.declare(
        "Threshold", "Float", default_value=0.2, min_value=0.0, max_value=1.0, subtype="FACTOR",
        description="Probability, relative to the interaction's highest, below which nothing shows",
    )  # fmt: skip
    strength = graph.declare(
        "Density", "Float", default_value=1.0, min_value=0.0, max_value=100.0,
        description="Factor on the density; at 1 it is the probability relative to the highest",
    )  # fmt: skip
    resolution = graph.declare(
        "Resolution", "Float", default_value=1.0, min_value=0.25, max_value=6.0,
        description="Voxels of the volume per voxel of the field; fewer are faster",
    )  # fmt: skip
    material = graph.declare("Material", "Material")
    graph.show_last("Colour", "Tint", "Material")

    together, relative = _brought(graph, mesh, number, threshold, layout)
    # Whole multiples of the voxel, so that the samples stay where they are while the box moves; moved by a
    # part of a voxel of the object's own, since Cycles loses a volume whose faces coincide with another's.
    box = graph.node("GeometryNodeBoundBox", together)
    width = graph.math("DIVIDE", layout.step, resolution)
    widths = graph.joined(width, width, width)
    corner = graph.vector("SUBTRACT", graph.vector("SNAP", box.outputs["Min"], widths), widths)
    low = graph.vector("SUBTRACT", corner, graph.vector("MULTIPLY", layout.offset, widths))
    above = graph.vector("SNAP", graph.vector("SUBTRACT", box.outputs["Max"], low), widths)
    high = graph.vector("ADD", low, graph.vector("ADD", above, graph.scaled(widths, 2.0)))
    sides = graph.vector("DIVIDE", graph.vector("SUBTRACT", high, low), widths)
    counts = [
        graph.math("MINIMUM", graph.math("ADD", side, 1.5), float(VOLUME_SIDE_LIMIT))
        for side in graph.parts(sides)
    ]
    above = graph.math("ADD", threshold, SOFTNESS)
    shown = graph.value(
        "ShaderNodeMapRange", relative, threshold, above, 0.0, 1.0, interpolation_type="SMOOTHSTEP"
    )
    density = graph.math("MULTIPLY", graph.math("MULTIPLY", relative, shown), strength)
    volume = graph.value("GeometryNodeVolumeCube", density, 0.0, low, high, *counts)
    result = graph.value("GeometryNodeSetMaterial", volume, True, material)
    graph.result("Volume", "Geometry", result)
    return graph.arrange()


def baked_group() -> bpy.types.NodeTree:
    """The modifier on baked volumes: changes nothing, but holds the inputs that colour the fog."""
    kept = kept_group(BAKED_GROUP)
    if kept is not None:
        return kept
    graph = Graph(BAKED_GROUP)
    graph.tree.is_modifier = True
    volume = graph.declare("Volume", "Geometry")
    declare_look(graph)
    graph.result("Volume", "Geometry", volume)
    return graph.arrange()


def _brought(
    graph: Graph, mesh: Socket, number: Socket, threshold: Socket, layout: VolumeLayout
) -> tuple[Socket, Socket | None]:
    """The carriers of the type, and the occupancy relative to the peak that they bring to a position."""
    spacing = graph.chosen(number, layout.spacing, "INT")
    values = graph.chosen(number, [VALUE + one for one in layout.types], "STRING")
    position = graph.value("GeometryNodeInputPosition")
    size = tuple(float(count) for count in layout.size)
    most: list[Socket] = []
    relative: Socket | None = None
    for piece in range(max(len(pieces) for pieces in layout.pieces)):
        own = [pieces[piece] if piece < len(pieces) else (0, 0) for pieces in layout.pieces]
        first = graph.chosen(number, [start for start, _ in own], "INT")
        count = graph.chosen(number, [length for _, length in own], "INT")
        points = graph.group(warp_group(), mesh, first, count, spacing, layout.step, threshold).outputs[0]
        brought = graph.group(density_group(), points, mesh, position, size, spacing, values).outputs[0]
        # A type of fewer pieces than others has no carriers here, and nothing is read off none.
        brought = graph.math("MULTIPLY", brought, graph.math("GREATER_THAN", count, 0.5))
        most.append(points)
        relative = brought if relative is None else graph.math("MAXIMUM", relative, brought)
    return graph.joined_geometry(most), relative
