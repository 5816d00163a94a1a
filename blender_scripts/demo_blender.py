"""The demo's part inside Blender: installs the extension, learns by the add-on's operators, poses, renders.

Run by demo.py in a process of its own, with the bpy wheel: python demo_blender.py WORK.json
WORK.json: {"out", "extension", "port", "python", "views", "seed", "acts": [{"category", "type", "poses"}],
"photos": [{"name", "scene"}], "samples"}; what was made is written to out/blender.json.
"""

import importlib
import json
import math
import sys
import time
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector

MODULE = "bl_ext.user_default.propfield"


def installed(zip_file: Path, port: int, python: str) -> None:
    """Installs and enables the extension as a user would, with its backend on a port of the demo's."""
    bpy.ops.extensions.package_install_files(
        filepath=str(zip_file), repo="user_default", enable_on_install=True
    )
    preferences = bpy.context.preferences.addons[MODULE].preferences
    preferences.port, preferences.command = port, python


def part(name: str):
    """A module of the installed add-on."""
    return importlib.import_module(f"{MODULE}.{name}")


def studio_lights() -> None:
    """A bright room with soft shadows, so that translucent shells and smoke read well."""
    world = bpy.data.worlds.new("Demo")
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (0.83, 0.86, 0.9, 1)
    background.inputs["Strength"].default_value = 0.75
    bpy.context.scene.world = world
    light = bpy.data.lights.new("Key", "AREA")
    light.energy, light.size = 180, 3.0
    key = bpy.data.objects.new("Key", light)
    key.location = (-2.2, -2.6, 3.2)
    key.rotation_euler = (Vector((0, 0, 0)) - key.location).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(key)


def camera_at(azimuth: float, elevation: float, distance: float, target: Vector) -> bpy.types.Object:
    """A camera of 50 mm that looks at the target from degrees to the character's front."""
    data = bpy.data.cameras.new("Demo camera")
    data.lens = 50
    camera = bpy.data.objects.new("Demo camera", data)
    a, e = math.radians(azimuth), math.radians(elevation)
    camera.location = target + distance * Vector(
        (math.sin(a) * math.cos(e), -math.cos(a) * math.cos(e), math.sin(e))
    )
    camera.rotation_euler = (target - camera.location).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera
    return camera


def use_cycles(samples: int, width: int, height: int) -> None:
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = True
    scene.cycles.volume_max_steps = 128
    scene.cycles.transparent_max_bounces = 16
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format = "PNG"
    scene.view_settings.view_transform = "Standard"


def render(path: Path) -> str:
    bpy.context.scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return path.name


def learn(category: str, kind: str, views: int, seed: int) -> Path:
    """Learns a field by the add-on's operator and gives the file that came."""
    settings = bpy.context.scene.propfield
    settings.category, settings.interaction, settings.views, settings.seed = category, kind, views, seed
    if bpy.ops.propfield.learn(wait=True) != {"FINISHED"}:
        raise SystemExit(f"The {category} field was not learned.")
    return Path(bpy.path.abspath(settings.field_path))


def act_out(work: dict, act: dict, out: Path) -> dict:
    """Learns, imports, binds and renders one act in a scene of its own; gives its part of the report."""
    begin = time.monotonic()
    field_path = learn(act["category"], act["type"], work["views"], work["seed"])
    seconds = time.monotonic() - begin
    settings = bpy.context.scene.propfield
    settings.character = None
    settings.field_type = act["type"]
    bpy.ops.propfield.make_body()
    character = settings.character
    bpy.ops.propfield.import_mesh(type_name=act["type"])
    mesh = bpy.context.view_layer.objects.active
    bpy.ops.propfield.import_volume(type_name=act["type"])
    volume = bpy.context.view_layer.objects.active
    posing, measure = part("scene.posing"), part("scene.measure")
    arrays = {"canonical": measure.resting_vertices(mesh)}
    pictures = []
    for number, (name, pose) in enumerate(act["poses"].items()):
        frame = 1 + 20 * number
        posing.apply_pose(character, np.array(pose), frame=frame)
        bpy.context.scene.frame_set(frame)
        arrays[f"pose {number}"] = np.array(pose, np.float32)
        arrays[f"deformed {number}"] = measure.deformed_vertices(mesh)
        for shown, hidden, kind in ((mesh, volume, "mesh"), (volume, mesh, "volume")):
            shown.hide_render, hidden.hide_render = False, True
            path = out / "renders" / f"{act['category']}-{kind}-{number}.png"
            pictures.append({"pose": name, "kind": kind, "file": f"renders/{render(path)}"})
    mesh.hide_render = False
    np.savez(out / f"bind-{act['category']}.npz", **arrays)
    bpy.context.scene.frame_end = 1 + 20 * (len(act["poses"]) - 1)
    bpy.context.scene.frame_set(1)
    volume.hide_viewport = True
    return {
        "category": act["category"],
        "type": act["type"],
        "field": str(field_path),
        "seconds": seconds,
        "pictures": pictures,
    }


def photo_scene(photo: dict, out: Path, samples: int) -> dict[str, str]:
    """Imports a rebuilt photo; renders it through its own camera over the photo, and from the side."""
    bpy.ops.propfield.import_scene(filepath=photo["scene"])
    scene = bpy.context.scene
    use_cycles(samples, scene.render.resolution_x, scene.render.resolution_y)
    scene.render.film_transparent = True
    scene.render.image_settings.color_mode = "RGBA"
    through = out / "renders" / f"photo-{photo['name']}.png"
    render(through)
    # A finger's breadth of the photo shows through, to judge how well both lie on it.
    seen = over(through, Path(photo["scene"]).parent / "photo.png", opacity=0.85)
    scene.render.film_transparent = False
    scene.render.image_settings.color_mode = "RGB"
    orbit(scene.camera, math.radians(70))
    aside = render(out / "renders" / f"photo-{photo['name']}-aside.png")
    return {"in Blender": f"renders/{seen}", "from the side": f"renders/{aside}"}


def over(front: Path, back: Path, opacity: float) -> str:
    """Lays a render with alpha over a picture of the same size, and gives the file's name."""
    from PIL import Image

    render_, photo = Image.open(front).convert("RGBA"), Image.open(back).convert("RGBA")
    render_.putalpha(render_.getchannel("A").point(lambda alpha: round(alpha * opacity)))
    Image.alpha_composite(photo.resize(render_.size), render_).convert("RGB").save(front)
    return front.name


def orbit(camera: bpy.types.Object, angle: float) -> None:
    """Turns a camera round the middle of what is to be seen, about the vertical."""
    meshes = [found for found in bpy.context.scene.objects if found.type == "MESH" and not found.hide_render]
    corners = [found.matrix_world @ Vector(corner) for found in meshes for corner in found.bound_box]
    middle = sum(corners, Vector()) / len(corners)
    turn = Matrix.Translation(middle) @ Matrix.Rotation(angle, 4, "Z") @ Matrix.Translation(-middle)
    camera.matrix_world = turn @ camera.matrix_world


def new_scene(name: str) -> None:
    """An empty scene in the window, so that one file keeps all acts."""
    scene = bpy.data.scenes.new(name)
    bpy.context.window.scene = scene


def main() -> None:
    work = json.loads(Path(sys.argv[1]).read_text())
    out = Path(work["out"])
    installed(Path(work["extension"]), work["port"], work["python"])
    report: dict = {"acts": [], "photos": {}}
    if work["acts"] and bpy.ops.propfield.backend_start(wait=True) != {"FINISHED"}:
        raise SystemExit("The backend did not start.")
    for act in work["acts"]:
        new_scene(act["category"])
        studio_lights()
        use_cycles(work["samples"], 420, 520)
        azimuth, elevation, distance, height = act["camera"]
        camera_at(azimuth, elevation, distance, Vector((0, 0, height)))
        report["acts"].append(act_out(work, act, out))
    if work["acts"]:
        bpy.ops.propfield.backend_stop()
        bpy.ops.wm.save_as_mainfile(filepath=str(out / "demo.blend"), copy=True, compress=True)
    for photo in work["photos"]:
        new_scene(photo["name"])
        studio_lights()
        report["photos"][photo["name"]] = photo_scene(photo, out, work["samples"])
    (out / work["report"]).write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
