"""Render settings of a style, and the files of one render: a PNG, a multi-layer OpenEXR, or both."""

import ctypes
import os
import sys
from typing import Any

import bpy
from propfield_addon.scene.errors import SceneError

PASSES = {
    "depth": "use_pass_z", "normal": "use_pass_normal", "position": "use_pass_position",
    "mist": "use_pass_mist", "vector": "use_pass_vector", "object": "use_pass_cryptomatte_object",
    "material": "use_pass_cryptomatte_material",
}  # fmt: skip
_ANTIALIASING = ((5, "5"), (8, "8"), (11, "11"), (16, "16"), (32, "32"))
_VOLUME_STEPS = 128


def use_style(style: dict[str, Any], seed: int, threads: int) -> None:
    """Sets the scene's renderer up. SceneError for one that cannot run here."""
    scene = bpy.context.scene
    render = scene.render
    _take_engine(scene, style["engine"])
    if style["engine"] == "cycles":
        if style["denoise"] and not _has_denoiser():
            raise SceneError("This Blender has no denoiser (OpenImageDenoise): say “denoise: false”.")
        cycles = scene.cycles
        cycles.device, cycles.samples, cycles.seed = "CPU", style["samples"], seed
        cycles.use_animated_seed, cycles.use_denoising = False, style["denoise"]
        cycles.transparent_max_bounces, cycles.volume_max_steps = 32, _VOLUME_STEPS
        cycles.time_limit = 0
    elif style["engine"] == "eevee":
        scene.eevee.taa_render_samples = style["samples"]
    else:
        _use_workbench(scene, style)
    render.resolution_x, render.resolution_y = style["resolution"]
    render.resolution_percentage, render.use_border = 100, False
    render.pixel_aspect_x = render.pixel_aspect_y = 1
    render.threads_mode, render.threads = "FIXED", threads
    render.film_transparent = style["transparent"]
    render.use_persistent_data = render.use_sequencer = render.use_stamp = False
    for name in dir(render):
        # Dates, times and the machine's name would make each run's files others.
        if name.startswith("use_stamp_"):
            setattr(render, name, False)
    if style["set"] == "studio":
        render.use_compositing = render.use_motion_blur = False
        scene.view_settings.view_transform, scene.view_settings.look = "Standard", "None"
        scene.view_settings.exposure, scene.view_settings.gamma = 0, 1
        scene.display_settings.display_device = "sRGB"
    wanted = style["passes"] if "exr" in style["files"] else ()
    for name, switch in PASSES.items():
        if hasattr(bpy.context.view_layer, switch):
            setattr(bpy.context.view_layer, switch, name in wanted)


def render_files(style: dict[str, Any], write: dict[str, str]) -> None:
    """Renders once; `write` says by suffix (.png, .exr) where each file goes."""
    scene = bpy.context.scene
    bpy.ops.render.render()
    result = bpy.data.images["Render Result"]
    for suffix, path in write.items():
        _use_format(scene.render.image_settings, suffix, style["transparent"])
        result.save_render(path, scene=scene)


def _take_engine(scene: bpy.types.Scene, engine: str) -> None:
    if engine != "cycles" and sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        try:
            ctypes.CDLL("libEGL.so.1")
        except OSError:
            # Blender would abort, without a word.
            raise SceneError(f"{engine} needs OpenGL: install libegl1, or take cycles.") from None
    names = {"cycles": ("CYCLES",), "workbench": ("BLENDER_WORKBENCH",)}
    # EEVEE was called so before Blender 4.2 and from 5.0 on.
    for name in names.get(engine, ("BLENDER_EEVEE_NEXT", "BLENDER_EEVEE")):
        try:
            scene.render.engine = name
        except TypeError:
            continue
        return
    raise SceneError(f"This Blender has no {engine}.")


def _has_denoiser() -> bool:
    try:
        import _cycles
    except ImportError:
        return True  # Then Cycles itself says what it lacks.
    return bool(getattr(_cycles, "with_openimagedenoise", True))


def _use_workbench(scene: bpy.types.Scene, style: dict[str, Any]) -> None:
    shading = scene.display.shading
    shading.light, shading.color_type = "STUDIO", "MATERIAL"
    shading.studio_light = "paint.sl"
    shading.show_cavity = shading.show_specular_highlight = True
    shading.cavity_type = "BOTH"
    shading.show_shadows = shading.show_object_outline = False
    scene.display.render_aa = next(
        (name for most, name in _ANTIALIASING if style["samples"] <= most), _ANTIALIASING[-1][1]
    )


def _use_format(settings: bpy.types.ImageFormatSettings, suffix: str, transparent: bool) -> None:
    if hasattr(settings, "media_type"):  # From Blender 5.0 this decides which formats there are.
        settings.media_type = "MULTI_LAYER_IMAGE" if suffix == ".exr" else "IMAGE"
    if suffix == ".exr":
        settings.file_format, settings.color_depth = "OPEN_EXR_MULTILAYER", "32"
        settings.exr_codec = "ZIP"
        return
    settings.file_format, settings.color_depth = "PNG", "8"
    settings.color_mode = "RGBA" if transparent else "RGB"
