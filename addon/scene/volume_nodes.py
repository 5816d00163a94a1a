"""Geometry nodes that give a field's density in the posed space, live and without Python.

CHORUS poses a field by backward skinning: for a place x, which canonical place comes from there? Here the
carriers (voxels moved by the armature) answer it to first order. Carrier i sits at q_i in the lattice and at
p_i after posing; J_i = ∂p/∂q comes from its neighbours' posed places. For the nearest carrier,
q(x) ≈ q_i + J_i⁻¹ (x − p_i), and the density is the lattice's trilinear value at q(x). For a rigid motion
this is exact; where the skin stretches, J⁻¹ shrinks distances accordingly, so that no holes or spikes show.
"""

import bpy

from .nodes import Graph, Socket

WARP_GROUP, DENSITY_GROUP, VOLUME_GROUP = ".Propfield warp", ".Propfield density", "Propfield volume"
VOLUME_SIDE_LIMIT = 200
"""Most voxels along an axis of the posed volume."""
NEIGHBOURS = ("before_x", "after_x", "before_y", "after_y", "before_z", "after_z")
_SMALLEST = 0.05
"""Least volume ratio of a carrier's neighbourhood; what is pressed flatter is held open that much."""


def _kept(name: str) -> bpy.types.NodeTree | None:
    tree = bpy.data.node_groups.get(name)
    return tree if tree is not None and tree.library is None else None


def warp_group() -> bpy.types.NodeTree:
    """Deformed mesh → points with `place` (q_i) and the rows of J_i⁻¹ as `row_x`, `row_y`, `row_z`.

    Vertices from `First` on are the carriers; `Spacing` is the steps between neighbours and `Step` the
    lattice's step in the object's units. Carriers of nothing brighter than `Faintest` are left out.
    """
    kept = _kept(WARP_GROUP)
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
        points = _stored(graph, points, name, graph.scaled(cross, inverse))
    place = graph.at(mesh, graph.attribute("place", "FLOAT_VECTOR"), index, "FLOAT_VECTOR")
    points = _stored(graph, points, "place", place)
    # Where the skin folds over, an inside-out sheet lies between two upright ones that cover all it covers.
    inside_out = graph.math("LESS_THAN", determinant, 0.0)
    brightest = graph.at(mesh, graph.attribute("density", "FLOAT"), index, "FLOAT")
    unneeded = graph.math("MAXIMUM", inside_out, graph.math("LESS_THAN", brightest, faintest))
    kept_points = graph.value("GeometryNodeDeleteGeometry", points, unneeded, domain="POINT")
    graph.result("Points", "Geometry", kept_points)
    return graph.arrange()


def _stored(graph: Graph, geometry: Socket, name: str, value: Socket) -> Socket:
    return graph.value(
        "GeometryNodeStoreNamedAttribute",
        geometry,
        True,
        name,
        value,
        data_type="FLOAT_VECTOR",
        domain="POINT",
    )


def density_group() -> bpy.types.NodeTree:
    """Points of `warp_group`, the lattice (first vertices of Mesh) and a position → occupancy relative to
    the peak. `Size` is the lattice's voxels along its axes."""
    kept = _kept(DENSITY_GROUP)
    if kept is not None:
        return kept
    graph = Graph(DENSITY_GROUP)
    points, mesh = graph.declare("Points", "Geometry"), graph.declare("Mesh", "Geometry")
    position, size = graph.declare("Position", "Vector"), graph.declare("Size", "Vector")
    spacing = graph.declare("Spacing", "Float")
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
    value = trilinear(graph, mesh, place, size)
    graph.result("Density", "Float", graph.math("MULTIPLY", value, window))
    return graph.arrange()


def trilinear(graph: Graph, mesh: Socket, place: Socket, size: Socket) -> Socket:
    """The attribute `density` of the lattice's vertices, in C order of [x, y, z], between its voxels."""
    last = graph.vector("SUBTRACT", size, (1.0, 1.0, 1.0))
    inside = graph.vector("MINIMUM", graph.vector("MAXIMUM", place, (0.0, 0.0, 0.0)), last)
    below = graph.vector(
        "MINIMUM", graph.vector("FLOOR", inside), graph.vector("SUBTRACT", size, (2.0, 2.0, 2.0))
    )
    shares = graph.parts(graph.vector("SUBTRACT", inside, below))
    _, size_y, size_z = graph.parts(size)
    strides = graph.joined(graph.math("MULTIPLY", size_y, size_z), size_z, 1.0)
    stride_x, stride_y, _ = graph.parts(strides)
    base = graph.dot(below, strides)
    density = graph.attribute("density", "FLOAT")

    def along(axis: int, index: Socket) -> Socket:
        if axis == 3:
            # Sample Index truncates; half a step keeps a float just below a whole number on its own voxel.
            return graph.at(mesh, density, graph.math("ADD", index, 0.5), "FLOAT")
        stride = (stride_x, stride_y, 1.0)[axis]
        low, high = along(axis + 1, index), along(axis + 1, graph.math("ADD", index, stride))
        return graph.math("MULTIPLY_ADD", graph.math("SUBTRACT", high, low), shares[axis], low)

    return along(0, base)


def volume_group(parts: int) -> bpy.types.NodeTree:
    """The modifier on a field volume with `parts` pieces of carriers: deformed mesh in, fog volume out.

    The density at a place is the largest that any piece brings there.
    """
    name = VOLUME_GROUP if parts == 1 else f"{VOLUME_GROUP}, {parts} pieces"
    kept = _kept(name)
    if kept is not None:
        return kept
    graph = Graph(name)
    graph.tree.is_modifier = True
    mesh = graph.declare("Mesh", "Geometry")
    threshold = graph.declare(
        "Threshold", "Float", default_value=0.2, min_value=0.0, max_value=1.0, subtype="FACTOR",
        description="Occupancy, relative to the peak, below which nothing shows",
    )  # fmt: skip
    strength = graph.declare(
        "Density", "Float", default_value=1.0, min_value=0.0, max_value=100.0,
        description="Factor on the density; at 1 the density is the occupancy relative to the peak",
    )  # fmt: skip
    resolution = graph.declare(
        "Resolution", "Float", default_value=1.0, min_value=0.25, max_value=6.0,
        description="Voxels of the volume per voxel of the field",
    )  # fmt: skip
    size = graph.declare("Size", "Vector", hide_in_modifier=True)
    spacing = graph.declare("Spacing", "Float", default_value=1.0, hide_in_modifier=True)
    step = graph.declare("Step", "Float", default_value=1.0, hide_in_modifier=True)
    offset = graph.declare("Offset", "Vector", hide_in_modifier=True)
    material = graph.declare("Material", "Material")

    pieces = []
    for part in range(parts):
        first = graph.declare(f"First {part}", "Int", hide_in_modifier=True)
        count = graph.declare(f"Count {part}", "Int", hide_in_modifier=True)
        pieces.append(graph.group(warp_group(), mesh, first, count, spacing, step, threshold).outputs[0])
    together = graph.tree.nodes.new("GeometryNodeJoinGeometry")
    for points in pieces:
        graph.tree.links.new(points, together.inputs[0])
    box = graph.node("GeometryNodeBoundBox", together.outputs[0])
    # Whole multiples of the voxel, so that the samples stay where they are while the box moves; moved by a
    # part of a voxel of the object's own, since Cycles loses a volume whose faces coincide with another's.
    width = graph.math("DIVIDE", step, resolution)
    widths = graph.joined(width, width, width)
    corner = graph.vector("SUBTRACT", graph.vector("SNAP", box.outputs["Min"], widths), widths)
    low = graph.vector("SUBTRACT", corner, graph.vector("MULTIPLY", offset, widths))
    above = graph.vector("SNAP", graph.vector("SUBTRACT", box.outputs["Max"], low), widths)
    high = graph.vector("ADD", low, graph.vector("ADD", above, graph.scaled(widths, 2.0)))
    sides = graph.vector("DIVIDE", graph.vector("SUBTRACT", high, low), widths)
    counts = [
        graph.math("MINIMUM", graph.math("ADD", side, 1.5), float(VOLUME_SIDE_LIMIT))
        for side in graph.parts(sides)
    ]
    position = graph.value("GeometryNodeInputPosition")
    relative = None
    for points in pieces:
        brought = graph.group(density_group(), points, mesh, position, size, spacing).outputs[0]
        relative = brought if relative is None else graph.math("MAXIMUM", relative, brought)
    above = graph.math("ADD", threshold, 0.1)
    shown = graph.value(
        "ShaderNodeMapRange", relative, threshold, above, 0.0, 1.0, interpolation_type="SMOOTHSTEP"
    )
    density = graph.math("MULTIPLY", graph.math("MULTIPLY", relative, shown), strength)
    volume = graph.value("GeometryNodeVolumeCube", density, 0.0, low, high, *counts)
    result = graph.value("GeometryNodeSetMaterial", volume, True, material)
    graph.result("Volume", "Geometry", result)
    return graph.arrange()
