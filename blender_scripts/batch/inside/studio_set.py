"""The set: a plain backdrop, a floor of shadows alone, and three lights that go round with the camera."""

import math
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector
from propfield_addon.scene.mesh_data import make_mesh

from .character import Character

# Degrees from the camera, degrees up, metres away in heights of the subject, watts for a subject 2 m high,
# metres wide.
LIGHTS = {
    "key": (-38, 42, 1.7, 95, 1.4),
    "fill": (55, 15, 2.0, 14, 2.4),
    "rim": (155, 45, 1.7, 80, 1.0),
}
AMBIENT = 0.5
SIDES = 64


def set_up(style: dict[str, Any], character: Character, keep: list[bpy.types.Object]) -> None:
    """Makes the set of a style: "studio", where nothing but the character and `keep` is seen, or "own"."""
    if style["material"] == "clay":
        _clay(character)
    if style["set"] == "own":
        return
    seen = {*character.meshes, *keep}
    for found in bpy.context.scene.objects:
        if found not in seen and found.type not in ("ARMATURE", "EMPTY", "CAMERA"):
            found.hide_render = True
    _backdrop(style["background"])
    for name in LIGHTS:
        light = bpy.data.lights.new(f"propfield {name}", "AREA")
        light.shape = "DISK"
        bpy.context.scene.collection.objects.link(bpy.data.objects.new(light.name, light))
    if style["floor"] and style["engine"] == "cycles":
        _floor()


def light_from(azimuth: float, camera: bpy.types.Object, points: np.ndarray) -> None:
    """Turns the lights to a camera that looks from so many degrees, and fits them and the floor to what is
    seen: (P, 3) points in the world. Does nothing in a set of the file's own."""
    low, high = points.min(0), points.max(0)
    middle, size = (low + high) / 2, float(np.linalg.norm(high - low)) / 2
    for name, (turn, elevation, away, watts, width) in LIGHTS.items():
        lamp = bpy.data.objects.get(f"propfield {name}")
        if lamp is None:
            return
        a, e = math.radians(azimuth + turn), math.radians(elevation)
        way = Vector((math.sin(a) * math.cos(e), -math.cos(a) * math.cos(e), math.sin(e)))
        where = Vector(middle.tolist()) + 2 * size * away * way
        lamp.matrix_world = Matrix.LocRotScale(where, (-way).to_track_quat("-Z", "Y"), None)
        assert isinstance(lamp.data, bpy.types.AreaLight)
        # Glossy shells would show the lamps as white patches.
        lamp.data.specular_factor = 0.25
        lamp.data.energy, lamp.data.size = watts * size**2, width * size
    floor = bpy.data.objects.get("propfield floor")
    if floor is not None:
        floor.location, floor.scale = (middle[0], middle[1], min(0.0, low[2])), (size, size, size)
        floor.hide_render = camera.matrix_world.translation.z <= floor.location.z


def _clay(character: Character) -> None:
    from propfield_addon.scene.materials import body_material

    for mesh in character.meshes:
        if not mesh.material_slots:
            mesh.data.materials.append(body_material())
        for slot in mesh.material_slots:
            slot.material = body_material()


def linear(colour: list[float]) -> tuple[float, ...]:
    """An sRGB colour in linear light (IEC 61966-2-1)."""
    return tuple(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)


def _backdrop(colour: list[float]) -> None:
    """The camera sees the colour as it is; all else is lit by a soft grey, whatever the colour."""
    world = bpy.data.worlds.new("propfield backdrop")
    bpy.context.scene.world = world
    world.color = linear(colour)
    if world.node_tree is None:
        world.use_nodes = True
    tree = world.node_tree
    tree.nodes.clear()
    output, mix = tree.nodes.new("ShaderNodeOutputWorld"), tree.nodes.new("ShaderNodeMixShader")
    path = tree.nodes.new("ShaderNodeLightPath")
    for socket, shade, strength in ((1, (1, 1, 1), AMBIENT), (2, linear(colour), 1.0)):
        node = tree.nodes.new("ShaderNodeBackground")
        node.inputs["Color"].default_value = (*shade, 1)
        node.inputs["Strength"].default_value = strength
        tree.links.new(node.outputs["Background"], mix.inputs[socket])
    tree.links.new(path.outputs["Is Camera Ray"], mix.inputs["Fac"])
    tree.links.new(mix.outputs["Shader"], output.inputs["Surface"])


def _floor() -> None:
    """A bowl that shows nothing but the shadows on it; Cycles alone has that. It curves up all round, since a
    plane's horizon would be seen as a fine line, and takes no light away."""
    rings = np.array(
        [(radius, 0) for radius in (1e-4, 4, 6)]
        + [(6 + 8 * math.sin(angle), 8 - 8 * math.cos(angle)) for angle in np.linspace(0.15, math.pi / 2, 10)]
        + [(14, 60)]
    )
    angles = np.linspace(0, 2 * np.pi, SIDES, endpoint=False)
    around = np.stack([np.cos(angles), np.sin(angles)], 1)
    points = [np.column_stack([radius * around, np.full(SIDES, height)]) for radius, height in rings]
    ring, side = np.mgrid[: len(rings) - 1, :SIDES].reshape(2, -1)
    beside = (side + 1) % SIDES
    corners = (
        ring * SIDES + side,
        ring * SIDES + beside,
        (ring + 1) * SIDES + beside,
        (ring + 1) * SIDES + side,
    )
    floor = bpy.data.objects.new(
        "propfield floor", make_mesh("propfield floor", np.concatenate(points), np.stack(corners, 1))
    )
    floor.is_shadow_catcher = True
    floor.visible_diffuse = floor.visible_glossy = floor.visible_transmission = floor.visible_shadow = False
    bpy.context.scene.collection.objects.link(floor)
