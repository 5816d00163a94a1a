"""A few words to write geometry-node graphs with, so that they read like formulas."""

from typing import Any

import bpy

Socket = bpy.types.NodeSocket
COLUMN = 180


class Graph:
    """A node tree being written; values are output sockets or constants."""

    def __init__(self, name: str) -> None:
        self.tree = bpy.data.node_groups.new(name, "GeometryNodeTree")
        self._entry = self.tree.nodes.new("NodeGroupInput")
        self._exit = self.tree.nodes.new("NodeGroupOutput")

    def declare(self, name: str, kind: str, **settings: Any) -> Socket:
        """A new input of the group; `kind` is "Geometry", "Float", "Int", "Vector" or "Material"."""
        item = self.tree.interface.new_socket(name, in_out="INPUT", socket_type=f"NodeSocket{kind}")
        for key, value in settings.items():
            setattr(item, key, value)
        return next(socket for socket in self._entry.outputs if socket.identifier == item.identifier)

    def result(self, name: str, kind: str, value: Any) -> None:
        """A new output of the group, set to `value`."""
        item = self.tree.interface.new_socket(name, in_out="OUTPUT", socket_type=f"NodeSocket{kind}")
        socket = next(one for one in self._exit.inputs if one.identifier == item.identifier)
        self._set(socket, value)

    def node(self, kind: str, *values: Any, **settings: Any) -> bpy.types.Node:
        """A node with `values` on its enabled inputs in order (None leaves one as it is)."""
        node = self.tree.nodes.new(kind)
        for key, value in settings.items():
            setattr(node, key, value)
        enabled = [socket for socket in node.inputs if socket.enabled]
        for socket, value in zip(enabled, values, strict=False):
            if value is not None:
                self._set(socket, value)
        return node

    def value(self, kind: str, *values: Any, **settings: Any) -> Socket:
        """The first enabled output of such a node."""
        node = self.node(kind, *values, **settings)
        return next(socket for socket in node.outputs if socket.enabled)

    def group(self, tree: bpy.types.NodeTree, *values: Any) -> bpy.types.Node:
        """Another group's node."""
        node = self.tree.nodes.new("GeometryNodeGroup")
        node.node_tree = tree
        for socket, value in zip(node.inputs, values, strict=False):
            self._set(socket, value)
        return node

    def math(self, operation: str, *values: Any) -> Socket:
        return self.value("ShaderNodeMath", *values, operation=operation)

    def vector(self, operation: str, *values: Any) -> Socket:
        return self.value("ShaderNodeVectorMath", *values, operation=operation)

    def dot(self, first: Any, second: Any) -> Socket:
        node = self.node("ShaderNodeVectorMath", first, second, operation="DOT_PRODUCT")
        return node.outputs["Value"]

    def scaled(self, vector: Any, factor: Any) -> Socket:
        node = self.tree.nodes.new("ShaderNodeVectorMath")
        node.operation = "SCALE"
        self._set(node.inputs[0], vector)
        self._set(node.inputs["Scale"], factor)
        return node.outputs["Vector"]

    def parts(self, vector: Socket) -> tuple[Socket, Socket, Socket]:
        node = self.node("ShaderNodeSeparateXYZ", vector)
        return node.outputs[0], node.outputs[1], node.outputs[2]

    def joined(self, x: Any, y: Any, z: Any) -> Socket:
        return self.value("ShaderNodeCombineXYZ", x, y, z)

    def attribute(self, name: str, kind: str) -> Socket:
        """A named attribute as a field; `kind` as in mesh_data."""
        return self.value("GeometryNodeInputNamedAttribute", name, data_type=kind)

    def at(self, geometry: Socket, value: Socket, index: Any, kind: str) -> Socket:
        """`value` at the point `index` of a geometry."""
        return self.value("GeometryNodeSampleIndex", geometry, value, index, data_type=kind, domain="POINT")

    def arrange(self) -> bpy.types.NodeTree:
        """Lays the nodes out in columns by their depth, for whoever opens the group."""
        depth: dict[str, int] = {}

        def depth_of(node: bpy.types.Node) -> int:
            if node.name not in depth:
                depth[node.name] = 0
                links = [link for link in self.tree.links if link.to_node == node]
                sources = [link.from_node for link in links if link.from_node is not None]
                depth[node.name] = 1 + max((depth_of(source) for source in sources), default=-1)
            return depth[node.name]

        rows: dict[int, int] = {}
        for node in self.tree.nodes:
            column = depth_of(node)
            row = rows.get(column, 0)
            rows[column] = row + 1
            node.location = (column * COLUMN, -row * 160)
        return self.tree

    def _set(self, socket: Socket, value: Any) -> None:
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        else:
            socket.default_value = value


def set_input(modifier: bpy.types.Modifier, name: str, value: Any) -> None:
    """Sets an input of a geometry-nodes modifier by its name."""
    items = modifier.node_group.interface.items_tree
    item = next(
        one for one in items if one.item_type == "SOCKET" and one.in_out == "INPUT" and one.name == name
    )
    modifier[item.identifier] = value
