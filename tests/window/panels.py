"""Draws each panel of the sidebar alone, and takes its picture. Runs inside Blender.

blender --enable-event-simulate --python panels.py -- SETTINGS.json
"""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import bpy

SETTINGS = json.loads(Path(sys.argv[-1]).read_text(encoding="utf-8"))
sys.path.insert(0, str(Path(__file__).parent))

from hands import Doing, Hands, play  # noqa: E402

ADDON = "bl_ext.user_default.propfield"
# The picture's name, and the panels on it.
PICTURES = {
    "backend": ["backend"],
    "details": ["backend", "details"],
    "learn": ["learn"],
    "library": ["field", "library"],
    "field": ["field", "import", "licences"],
    "field-object": ["field", "field_object"],
    "character": ["character", "bones", "more_bones", "fit"],
    "place": ["place", "place_frames"],
    "photo": ["photo"],
}
CLOSED = {"details", "library", "place", "photo"}
# The tabs' strip with the scroll bar beside it, and the line around an editor, in pixels.
TABS, RIM = 30, 4


def panels() -> list[type]:
    """The add-on's panels in their order, parents before children."""
    return [cls for cls in importlib.import_module(f"{ADDON}.ui").CLASSES if "_PT_" in cls.__name__]


def show_only(names: list[str]) -> None:
    """Of all panels registers those alone."""
    for cls in reversed(panels()):
        if cls.is_registered:
            bpy.utils.unregister_class(cls)
    for cls in panels():
        if cls.__name__.removeprefix("PROPFIELD_PT_") in names:
            bpy.utils.register_class(cls)


class Pictures:
    """One pass over the panels."""

    def __init__(self) -> None:
        self.hands = Hands(Path(SETTINGS["pictures"]))
        self.active: dict[str, str] = {}

    @property
    def session(self) -> Any:
        """What the add-on knows of the backend."""
        return importlib.import_module(f"{ADDON}.client.running").session

    def story(self) -> Doing:
        """A backend, a field on a character, then panel after panel."""
        hands, settings, verbs = self.hands, bpy.context.scene.propfield, bpy.ops.propfield
        bpy.context.preferences.system.use_region_overlap = False
        bpy.data.objects.remove(bpy.data.objects["Cube"])
        hands.area.spaces.active.show_region_ui = True
        yield from hands.rest(20)
        verbs.backend_start()
        yield from hands.until(lambda: self.session.state == "running", 120, "the backend")
        settings.category, settings.views = "umbrella", 4000
        verbs.learn()
        yield from hands.until(lambda: self.session.job.progress > 0.02, 120, "progress")
        # Blender learns of a tab as it draws it for the first time.
        show_only(["learn"])
        yield from hands.rest(30)
        yield from self.take("learn")
        verbs.cancel()
        yield from hands.until(lambda: self.session.job.ended, 120, "the cancelled job's end")
        verbs.open_field(filepath=SETTINGS["field"])
        verbs.import_mesh()
        bpy.context.window_manager.propfield_library.active = 0
        shells = bpy.context.object.name
        bpy.ops.mesh.primitive_cylinder_add(radius=0.02, depth=0.9, location=(1, 0, 1))
        bpy.context.object.name = "Stick"
        verbs.place_prop()
        job = self.session.job
        yield from hands.until(lambda: job.ended, 300, "the prop's place")
        settings.place.prop = bpy.context.object
        self.active = {"field-object": shells, "character": settings.character.name}
        bpy.ops.mesh.primitive_cylinder_add(radius=0.15, depth=0.4, location=(1, 0, 1))
        bpy.context.object.name = "Prop"
        verbs.place_prop()
        yield from hands.until(
            lambda: self.session.job.kind == "place" and self.session.job.ended, 240, "a place"
        )
        for name in PICTURES:
            if name != "learn":
                yield from self.take(name)
        show_only([cls.__name__.removeprefix("PROPFIELD_PT_") for cls in panels()])

    def take(self, name: str) -> Doing:
        """A picture of some panels alone, cut to where they end."""
        show_only(PICTURES[name])
        if name in self.active:
            bpy.context.view_layer.objects.active = bpy.data.objects[self.active[name]]
        hands = self.hands
        yield from hands.rest(10)
        sidebar, main = hands.region("UI"), hands.region("WINDOW")
        sidebar.active_panel_category = "Propfield"
        yield from hands.rest(10)
        top = sidebar.y + sidebar.height
        if name in CLOSED:
            yield from hands.unfold(getattr(bpy.types, f"PROPFIELD_PT_{name}"))
        yield from hands.move(main.x + 300, main.y + 40)
        yield from hands.rest(60)
        width, height = sidebar.width - TABS, sidebar.height - 2 * RIM
        part = f"{width}x{height}+{sidebar.x}+{hands.window.height - top + RIM}"
        file = f"{hands.pictures}/panel-{name}.png"
        subprocess.run(["import", "-window", "root", "-crop", part, "+repage", file], check=False)
        border = ["-bordercolor", "#303030", "-trim", "+repage", "-border", "6"]
        subprocess.run(["convert", file, *border, "+dither", "-colors", "250", f"png8:{file}"], check=False)


os.environ["PROPFIELD_HOME"] = SETTINGS["home"]
preferences = bpy.context.preferences.addons[ADDON].preferences
preferences.port, preferences.command = SETTINGS["port"], SETTINGS["python"]
play(Pictures().story(), Path(SETTINGS["verdict"]))
