"""What the geometry nodes of all field objects share: the type's menu, the colour, reading the lattice."""

from collections.abc import Sequence

from .nodes import Graph, Socket

LATTICE = "Lattice"
VALUE = "probability of "
"""Before a type's name: the attribute that holds its values, relative to its peak."""


def declare_type(graph: Graph, types: Sequence[str]) -> Socket:
    """The input that switches between types; gives the type's number."""
    choice = graph.declare("Type", "Menu", description="The interaction that is shown")
    return graph.menu(choice, types)


def declare_lattice(graph: Graph) -> Socket:
    """The input for the hidden object that carries the field; gives its deformed mesh."""
    lattice = graph.declare(
        LATTICE, "Object", hide_in_modifier=True, description="The hidden object that follows the armature"
    )
    node = graph.node("GeometryNodeObjectInfo", lattice, transform_space="ORIGINAL")
    return node.outputs["Geometry"]


def declare_look(graph: Graph) -> tuple[Socket, Socket]:
    """The inputs colour and tint."""
    colour = graph.declare(
        "Colour", "Color", default_value=(0.1, 0.45, 1.0, 1.0), description="A colour instead of the ramp"
    )
    tint = graph.declare(
        "Tint", "Float", min_value=0.0, max_value=1.0, subtype="FACTOR",
        description="How much of the colour; at 0 the colour tells the probability",
    )  # fmt: skip
    return colour, tint


def trilinear(
    graph: Graph, mesh: Socket, place: Socket, size: Socket | tuple[float, ...], name: Socket
) -> Socket:
    """The attribute `name` of the lattice's vertices, in C order of [x, y, z], between its voxels."""
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
    density = graph.attribute(name, "FLOAT")

    def along(axis: int, index: Socket) -> Socket:
        if axis == 3:
            # Sample Index truncates; half a step keeps a float just below a whole number on its own voxel.
            return graph.at(mesh, density, graph.math("ADD", index, 0.5), "FLOAT")
        stride = (stride_x, stride_y, 1.0)[axis]
        low, high = along(axis + 1, index), along(axis + 1, graph.math("ADD", index, stride))
        return graph.math("MULTIPLY_ADD", graph.math("SUBTRACT", high, low), shares[axis], low)

    return along(0, base)
