"""The materials: a neutral body, a plain object, and for fields translucent shells and a glowing fog, whose
colour stands for probability."""

import bpy
import numpy as np

from .nodes import feed, mix_colours

BODY, OBJECT = "Propfield body", "Propfield object"
SHELL, FOG, POINT = "Propfield shell", "Propfield fog", "Propfield point"

# Stops of matplotlib's "plasma" (van der Walt & Smith, CC0) in linear light: violet is improbable.
RAMP = (
    (0.00, (0.004, 0.002, 0.240)),
    (0.20, (0.208, 0.000, 0.392)),
    (0.42, (0.604, 0.063, 0.188)),
    (0.65, (0.938, 0.292, 0.056)),
    (0.95, (0.871, 0.945, 0.015)),
)


def ramp_colours(probability: np.ndarray) -> np.ndarray:
    """(V,) probabilities relative to the peak to (V, 4) linear colours of the ramp."""
    stops = np.array([stop for stop, _ in RAMP])
    colours = np.array([colour for _, colour in RAMP])
    result = np.ones((len(probability), 4), np.float32)
    for channel in range(3):
        result[:, channel] = np.interp(probability, stops, colours[:, channel])
    return result


def body_material() -> bpy.types.Material:
    """A warm grey clay."""
    return _clay(BODY, (0.52, 0.48, 0.45, 1.0))


def object_material() -> bpy.types.Material:
    """An orange clay, for objects that were rebuilt from photos."""
    return _clay(OBJECT, (0.85, 0.32, 0.06, 1.0))


def _clay(name: str, colour: tuple[float, float, float, float]) -> bpy.types.Material:
    material, made = _material(name)
    if made:
        shader = _principled(material)
        shader.inputs["Base Color"].default_value = colour
        shader.inputs["Roughness"].default_value = 0.55
        material.diffuse_color = colour
        material.roughness = 0.55
    return material


def shell_material(number: int, level: float) -> bpy.types.Material:
    """A translucent skin for the shell of that number, the outermost first: clear outside, denser within;
    edges catch light. One for each, since the solid view knows one colour a material: that of `level`.

    Renders read the point attributes `colour`, `opacity` and `probability`, relative to the peak.
    """
    material, made = _material(f"{SHELL} {number}")
    if not made:
        return material
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = _principled(material)
    shader.inputs["Roughness"].default_value = 0.35
    value, colour, opacity = (
        _attribute(material, name, "GEOMETRY") for name in ("probability", "colour", "opacity")
    )
    links.new(colour.outputs["Color"], shader.inputs["Base Color"])
    links.new(colour.outputs["Color"], shader.inputs["Emission Color"])
    shader.inputs["Emission Strength"].default_value = 0.35
    # Opacity: a base that grows with the probability, more where the shell is seen edge-on.
    squared = _math(material, "POWER", value.outputs["Fac"], 2.0)
    base = _math(material, "MULTIPLY_ADD", squared, 1.1, 0.03)
    facing = nodes.new("ShaderNodeLayerWeight")
    facing.inputs["Blend"].default_value = 0.35
    edge = _math(material, "MULTIPLY_ADD", facing.outputs["Facing"], 0.25, base)
    alpha = _math(material, "MULTIPLY", edge, opacity.outputs["Fac"])
    alpha.node.use_clamp = True
    links.new(alpha, shader.inputs["Alpha"])
    red, green, blue, _ = ramp_colours(np.array([level]))[0].tolist()
    material.diffuse_color = (red, green, blue, 0.12 + 0.7 * level**2)
    # EEVEE (4.2 and later): blended, so that inner shells show through outer ones, which overlap would hide;
    # without back faces, or every shell would count twice.
    material.surface_render_method = "BLENDED"
    material.use_transparency_overlap = True
    material.use_backface_culling = True
    return material


def points_material() -> bpy.types.Material:
    """Small beads in the points' own `colour`."""
    material, made = _material(POINT)
    if made:
        shader, links = _principled(material), material.node_tree.links
        colour = _attribute(material, "colour", "GEOMETRY").outputs["Color"]
        links.new(colour, shader.inputs["Base Color"])
        links.new(colour, shader.inputs["Emission Color"])
        shader.inputs["Emission Strength"].default_value = 0.35
        material.diffuse_color = (0.8, 0.3, 0.15, 1.0)
    return material


def volume_material(colour: str, tint: str) -> bpy.types.Material:
    """Soft fog, coloured and glowing by the volume's `density`.

    Its objects' properties at the paths `colour` and `tint` (inputs of a modifier) colour it; an object
    without them shows the ramp.
    """
    material, made = _material(FOG)
    if not made:
        return material
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    output = nodes.new("ShaderNodeOutputMaterial")
    shader = nodes.new("ShaderNodeVolumePrincipled")
    links.new(shader.outputs["Volume"], output.inputs["Volume"])
    value = _attribute(material, "density", "GEOMETRY").outputs["Fac"]
    shown = mix_colours(
        material.node_tree,
        _attribute(material, tint, "OBJECT").outputs["Fac"],
        ramp_node(material.node_tree, value),
        _attribute(material, colour, "OBJECT").outputs["Color"],
    )
    links.new(shown, shader.inputs["Color"])
    links.new(shown, shader.inputs["Emission Color"])
    # The attribute is the density itself; Principled would multiply by it once more.
    shader.inputs["Density Attribute"].default_value = ""
    squared = _math(material, "POWER", value, 1.5)
    links.new(_math(material, "MULTIPLY", squared, 14.0), shader.inputs["Density"])
    links.new(_math(material, "MULTIPLY", squared, 3.0), shader.inputs["Emission Strength"])
    material.diffuse_color = (0.8, 0.3, 0.15, 1.0)
    return material


def _material(name: str) -> tuple[bpy.types.Material, bool]:
    """The material of that name, and whether it was made just now; one the user edited is kept."""
    material = bpy.data.materials.get(name)
    if material is not None and material.library is None:
        return material, False
    material = bpy.data.materials.new(name)
    if material.node_tree is None:
        material.use_nodes = True
    return material, True


def _principled(material: bpy.types.Material) -> bpy.types.Node:
    return next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")


def ramp_node(tree: bpy.types.NodeTree | None, value: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    """The ramp's colour of a probability, in geometry or shader nodes."""
    node = tree.nodes.new("ShaderNodeValToRGB")
    elements = node.color_ramp.elements
    for index, (stop, colour) in enumerate(RAMP):
        if index >= len(elements):
            elements.new(stop)
        elements[index].position = stop
        elements[index].color = (*colour, 1.0)
    tree.links.new(value, node.inputs["Fac"])
    return node.outputs["Color"]


def _attribute(material: bpy.types.Material, name: str, kind: str) -> bpy.types.Node:
    node = material.node_tree.nodes.new("ShaderNodeAttribute")
    node.attribute_name, node.attribute_type = name, kind
    return node


def _math(
    material: bpy.types.Material, operation: str, *values: bpy.types.NodeSocket | float
) -> bpy.types.NodeSocket:
    node = material.node_tree.nodes.new("ShaderNodeMath")
    node.operation = operation
    for socket, value in zip(node.inputs, values, strict=False):
        feed(material.node_tree, socket, value)
    return node.outputs[0]
