"""A few words to write geometry-node graphs with, so that they read like formulas."""

from collections.abc import Sequence
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
        """A new input of the group; `kind` ends a socket type's name: "Geometry", "Float", "Menu", …"""
        item = self.tree.interface.new_socket(name, in_out="INPUT", socket_type=f"NodeSocket{kind}")
        for key, value in settings.items():
            setattr(item, key, value)
        return next(socket for socket in self._entry.outputs if socket.identifier == item.identifier)

    def show_last(self, *names: str) -> None:
        """Shows these inputs after all others, in this order."""
        interface = self.tree.interface
        for name in names:
            interface.move(input_items(self.tree)[name], len(interface.items_tree))

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

    def parts(self, vector: Any) -> tuple[Socket, Socket, Socket]:
        node = self.node("ShaderNodeSeparateXYZ", vector)
        return node.outputs[0], node.outputs[1], node.outputs[2]

    def joined(self, x: Any, y: Any, z: Any) -> Socket:
        return self.value("ShaderNodeCombineXYZ", x, y, z)

    def attribute(self, name: Any, kind: str) -> Socket:
        """A named attribute as a field; `kind` as in mesh_data."""
        return self.value("GeometryNodeInputNamedAttribute", name, data_type=kind)

    def mixed(self, share: Any, first: Any, second: Any) -> Socket:
        """Two colours mixed; at a share of 0 the first."""
        return mix_colours(self.tree, share, first, second)

    def stored(self, geometry: Socket, name: str, value: Any, kind: str) -> Socket:
        """The geometry with an attribute on its points."""
        return self.value(
            "GeometryNodeStoreNamedAttribute", geometry, True, name, value, data_type=kind, domain="POINT"
        )

    def menu(self, choice: Socket, names: Sequence[str]) -> Socket:
        """Which of `names` a menu input is at: 0, 1, … It gives the input its entries, numbered alike."""
        node = self.tree.nodes.new("GeometryNodeMenuSwitch")
        node.data_type = "INT"
        items = node.enum_definition.enum_items
        # A fresh node has two; made anew they would be numbered from 2 on.
        for number, name in enumerate(names):
            if number < len(items):
                items[number].name = name
            else:
                items.new(name)
        while len(items) > len(names):
            items.remove(items[-1])
        values = [socket for socket in node.inputs if socket.enabled and socket.type == "INT"]
        for number, socket in enumerate(values):
            socket.default_value = number
        self.tree.links.new(choice, node.inputs[0])
        return node.outputs[0]

    def chosen(self, number: Socket, values: Sequence[Any], kind: str) -> Socket:
        """One of several constants by its number; `kind` is Blender's name of their type."""
        node = self.tree.nodes.new("GeometryNodeIndexSwitch")
        node.data_type = kind
        while len(node.index_switch_items) < len(values):
            node.index_switch_items.new()
        self.tree.links.new(number, node.inputs[0])
        for socket, value in zip(node.inputs[1:], values, strict=False):
            self._set(socket, value)
        return node.outputs[0]

    def joined_geometry(self, parts: Sequence[Socket]) -> Socket:
        """Several geometries as one, in this order."""
        node = self.tree.nodes.new("GeometryNodeJoinGeometry")
        # What is linked last comes first.
        for part in reversed(parts):
            self.tree.links.new(part, node.inputs[0])
        return node.outputs[0]

    def at(self, geometry: Socket, value: Socket, index: Any, kind: str) -> Socket:
        """`value` at the point `index` of a geometry."""
        return self.value("GeometryNodeSampleIndex", geometry, value, index, data_type=kind, domain="POINT")

    def arrange(self) -> bpy.types.NodeTree:
        """Lays the nodes out in columns by their depth, for whoever opens the group."""
        # All links once: asked node by node they would be gone through for each.
        sources: dict[str, list[str]] = {}
        for link in self.tree.links:
            if link.from_node is not None and link.to_node is not None:
                sources.setdefault(link.to_node.name, []).append(link.from_node.name)
        depth: dict[str, int] = {}

        def depth_of(name: str) -> int:
            if name not in depth:
                depth[name] = 0
                depth[name] = 1 + max((depth_of(source) for source in sources.get(name, ())), default=-1)
            return depth[name]

        rows: dict[int, int] = {}
        places: list[float] = []
        for node in self.tree.nodes:
            column = depth_of(node.name)
            row = rows.get(column, 0)
            rows[column] = row + 1
            places += (column * COLUMN, -row * 160)
        # One by one the whole tree would be looked at after each.
        self.tree.nodes.foreach_set("location", places)
        return self.tree

    def _set(self, socket: Socket, value: Any) -> None:
        feed(self.tree, socket, value)


def feed(tree: bpy.types.NodeTree | None, socket: Socket, value: Any) -> None:
    """Links an input to another socket, or sets it to a constant."""
    if isinstance(value, bpy.types.NodeSocket):
        tree.links.new(value, socket)
    else:
        socket.default_value = value


def mix_colours(tree: bpy.types.NodeTree | None, share: Any, first: Any, second: Any) -> Socket:
    """Two colours mixed, in geometry or shader nodes; at a share of 0 the first."""
    node = tree.nodes.new("ShaderNodeMix")
    node.data_type = "RGBA"
    enabled = [socket for socket in node.inputs if socket.enabled]
    for socket, value in zip(enabled, (share, first, second), strict=True):
        feed(tree, socket, value)
    return next(socket for socket in node.outputs if socket.enabled)


def kept_group(name: str) -> bpy.types.NodeTree | None:
    """The file's own group of that name."""
    tree = bpy.data.node_groups.get(name)
    return tree if tree is not None and tree.library is None else None


def input_items(tree: bpy.types.NodeTree | None) -> dict[str, Any]:
    """A group's inputs by their names, in the order in which they are shown."""
    items = tree.interface.items_tree if tree is not None else ()
    return {item.name: item for item in items if item.item_type == "SOCKET" and item.in_out == "INPUT"}


def set_input(modifier: bpy.types.Modifier, name: str, value: Any) -> None:
    """Sets an input of a geometry-nodes modifier by its name; a menu by the number of the entry."""
    modifier[input_items(modifier.node_group)[name].identifier] = value
