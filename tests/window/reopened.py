"""Opens the saved file again with the add-on on, and goes on working. Runs inside Blender."""

import json
import os
import sys
from pathlib import Path

import bpy

SETTINGS = json.loads(Path(sys.argv[-1]).read_text(encoding="utf-8"))
sys.path.insert(0, str(Path(__file__).parent))

from hands import Doing, Hands, play  # noqa: E402


def story() -> Doing:
    """The sidebar is as it was left; one press reads the field's file again, another imports its volume."""
    hands = Hands(Path(SETTINGS["pictures"]))
    yield from hands.rest(20)
    assert hands.area.spaces.active.show_region_ui, "the sidebar is open as it was saved"
    before = set(bpy.data.objects.keys())
    yield from hands.unfold(bpy.types.PROPFIELD_PT_field)
    yield from hands.press("propfield.open_field(filepath=")
    yield from hands.press("propfield.import_volume(")
    yield from hands.until(lambda: len(bpy.data.objects) > len(before), 60, "the volume")
    yield from hands.picture("window-reopened")
    return sorted(set(bpy.data.objects.keys()) - before)


os.environ["PROPFIELD_HOME"] = SETTINGS["home"]
bpy.ops.wm.open_mainfile(filepath=SETTINGS["blend"])
play(story(), Path(SETTINGS["verdict"]))
