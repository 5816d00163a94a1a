"""What an animator does with propfield in a whole Blender, by simulated events. Runs inside Blender.

blender --enable-event-simulate --python animator.py -- SETTINGS.json
"""

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import bmesh
import bpy
import numpy as np
from bpy_extras.view3d_utils import location_3d_to_region_2d
from mathutils import Matrix, Quaternion, Vector

SETTINGS = json.loads(Path(sys.argv[-1]).read_text(encoding="utf-8"))
sys.path.insert(0, str(Path(__file__).parent))

from hands import Doing, Hands, play  # noqa: E402

ADDON = "bl_ext.user_default.propfield"
SOON, LEARNED = 90.0, 240.0
# Bones in the order in which they are turned: the axis of the bone's own, degrees.
POSE = (("right_hip", "X", "30"), ("left_hip", "X", "-15"), ("spine1", "Y", "35"))


class Animator:
    """One person at one Blender."""

    def __init__(self) -> None:
        self.hands = Hands(Path(SETTINGS["pictures"]))
        self.seen: dict[str, Any] = {}

    @property
    def settings(self) -> Any:
        """The add-on's settings of the scene."""
        return bpy.context.scene.propfield

    @property
    def session(self) -> Any:
        """What the add-on knows of the backend."""
        return importlib.import_module(f"{ADDON}.client.running").session

    def story(self) -> Doing:
        """From an empty scene to a saved file; gives what the test compares."""
        yield from self.open_the_tab()
        yield from self.start_the_backend()
        yield from self.cancel_a_long_job()
        yield from self.learn()
        yield from self.import_the_mesh()
        yield from self.pose()
        yield from self.undo()
        yield from self.place()
        yield from self.save()
        return self.seen

    def open_the_tab(self) -> Doing:
        """N opens the sidebar, and the tab is ours."""
        bpy.data.objects.remove(bpy.data.objects["Cube"])
        model_umbrella()
        hands = self.hands
        view = hands.area.spaces.active
        view.region_3d.view_rotation = Quaternion((0.79, 0.55, 0.14, 0.21)).normalized()
        view.region_3d.view_location, view.region_3d.view_distance = (0.3, 0.0, 1.1), 4.6
        yield from hands.rest(20)
        main = hands.region("WINDOW")
        yield from hands.move(main.x + main.width / 2, main.y + main.height / 2)
        yield from hands.key("N")
        assert view.show_region_ui
        hands.region("UI").active_panel_category = "Propfield"
        yield from hands.rest()

    def start_the_backend(self) -> Doing:
        """The button of the panel starts the program that the preferences name."""
        yield from self.hands.press("propfield.backend_start(")
        yield from self.hands.until(lambda: self.session.state == "running", SOON, "the backend")
        assert self.session.process.running
        self.seen["backend"] = self.session.greeting["pid"]
        yield from self.hands.picture("window-backend")

    def cancel_a_long_job(self) -> Doing:
        """A job that would take minutes is stopped by the cross beside its progress bar."""
        hands, session = self.hands, self.session
        yield from hands.fill("propfield.category", "umbrella")
        assert self.settings.category == "umbrella", self.settings.category
        yield from hands.fill("propfield.views", "20000")
        assert self.settings.views == 20000
        yield from hands.press("propfield.learn(")
        yield from hands.until(lambda: session.job and session.job.progress > 0, SOON, "progress")
        yield from hands.picture("window-learning")
        yield from hands.press("propfield.cancel(")
        yield from hands.until(lambda: session.job.ended, SOON, "the cancelled job's end")
        assert session.job.state == "cancelled", (session.job.state, session.job.error)
        [job] = session.backend.jobs()
        assert job["state"] == "cancelled", job
        assert session.backend.fields() == []
        assert not self.settings.field_path

    def learn(self) -> Doing:
        """A short job to its end: its field is at hand, and the scene is as it was."""
        hands, session = self.hands, self.session
        before = set(bpy.data.objects.keys())
        yield from hands.fill("propfield.views", "150")
        yield from hands.press("propfield.learn(")
        yield from hands.until(
            lambda: session.job.state == "done" and self.settings.field_path, LEARNED, "a field"
        )
        assert [job["state"] for job in session.backend.jobs()] in (
            ["cancelled", "done"],
            ["done", "cancelled"],
        )
        assert Path(self.settings.field_path).is_file() or self.settings.field_path.startswith("//")
        assert set(bpy.data.objects.keys()) == before
        yield from hands.picture("window-learned")

    def import_the_mesh(self) -> Doing:
        """The Mesh button makes shells on a character of the field's own body, as one undo step."""
        hands = self.hands
        before = set(bpy.data.objects.keys())
        yield from hands.press("propfield.import_mesh(")
        yield from hands.until(lambda: len(bpy.data.objects) > len(before), SOON, "the imported mesh")
        yield from hands.rest(10)
        after = set(bpy.data.objects.keys())
        assert self.settings.character is not None
        yield from self.over_the_view()
        yield from hands.key("Z", ctrl=True)
        assert set(bpy.data.objects.keys()) == before, "one undo takes the import back, and nothing else"
        assert self.settings.field_path, "the field stays at hand"
        yield from hands.key("Z", ctrl=True, shift=True)
        assert set(bpy.data.objects.keys()) == after
        yield from hands.picture("window-imported")

    def pose(self) -> Doing:
        """Select the armature, Pose as Used, Ctrl Tab, click a bone, R, and the field comes along."""
        hands = self.hands
        at_rest = shells()
        name = self.settings.character.name
        for bone in ("spine2", "pelvis", "left_knee"):
            yield from self.click_bone(bone)
            if bpy.context.view_layer.objects.active == bpy.data.objects[name]:
                break
        assert bpy.context.view_layer.objects.active == bpy.data.objects[name], "a click selects the armature"
        yield from hands.press("propfield.pose_as_used(")
        used = shells()
        assert np.linalg.norm(used - at_rest, axis=1).max() > 0.1, "the field follows the pose of its use"
        yield from self.over_the_view()
        yield from hands.key("TAB", ctrl=True)
        assert bpy.context.mode == "POSE", bpy.context.mode
        for bone, axis, degrees in POSE:
            yield from self.click_bone(bone)
            active = bpy.context.active_pose_bone
            assert getattr(active, "name", "") == bone, f"clicked {bone}, got {active}"
            yield from self.turn(axis, degrees)
        yield from hands.picture("window-posed")
        moved = np.linalg.norm(shells() - used, axis=1)
        self.seen["moved"] = [float(moved.min()), float(moved.max())]
        assert moved.max() > 0.2, "the field follows the pose"

    def undo(self) -> Doing:
        """One Ctrl Z takes back one turn of one bone, and the field goes back with it."""
        hands = self.hands
        posed = shells()
        yield from self.turn("X", "20")
        further = shells()
        assert np.abs(further - posed).max() > 0.05
        yield from hands.key("Z", ctrl=True)
        assert np.abs(shells() - posed).max() < 1e-5, "one undo takes one turn back"
        assert bpy.context.mode == "POSE"
        yield from hands.key("Z", ctrl=True, shift=True)
        assert np.abs(shells() - further).max() < 1e-5, "and redo brings it again"
        yield from hands.key("Z", ctrl=True)

    def place(self) -> Doing:
        """The animator's umbrella goes where it belongs in one undo step; Next is elsewhere; it follows."""
        hands, character = self.hands, self.settings.character
        umbrella = bpy.data.objects["Umbrella"]
        beside = np.array(umbrella.matrix_world)
        yield from hands.key("TAB", ctrl=True)
        assert bpy.context.mode == "OBJECT", bpy.context.mode
        yield from self.click_at(umbrella.matrix_world.translation + Vector((0, 0, 0.5)))
        assert bpy.context.view_layer.objects.active == umbrella
        yield from hands.unfold(bpy.types.PROPFIELD_PT_place)
        yield from hands.press("propfield.place_prop(")
        yield from hands.until(lambda: self.session.job.kind == "place", SOON, "the placing")
        yield from hands.until(lambda: self.session.job.ended, LEARNED, "the prop's place")
        assert self.session.job.state == "done", self.session.job.error
        yield from hands.rest(10)
        placed = np.array(umbrella.matrix_world)
        assert np.abs(placed - beside).max() > 0.1
        yield from hands.picture("window-placed")
        yield from self.over_the_view()
        yield from hands.key("Z", ctrl=True)
        umbrella = bpy.data.objects["Umbrella"]
        assert np.abs(np.array(umbrella.matrix_world) - beside).max() < 1e-5, (
            "one undo takes the placing back"
        )
        yield from hands.key("Z", ctrl=True, shift=True)
        umbrella = bpy.data.objects["Umbrella"]
        assert np.abs(np.array(umbrella.matrix_world) - placed).max() < 1e-5, "and redo brings it again"
        yield from hands.press("propfield.step_placement(to='NEXT'")
        assert np.abs(np.array(umbrella.matrix_world) - placed).max() > 0.01, "Next is another place"
        yield from hands.press("propfield.keep_placement(")
        kept = np.array(umbrella.matrix_world)
        character = self.settings.character
        before = character.pose.bones["spine1"].rotation_quaternion.copy()
        character.pose.bones["spine1"].rotation_quaternion = Quaternion((1, 0, 0), 0.5) @ before
        bpy.context.view_layer.update()
        assert np.abs(np.array(umbrella.matrix_world) - kept).max() > 0.05, "the prop follows the pose"
        character.pose.bones["spine1"].rotation_quaternion = before
        bpy.context.view_layer.update()
        self.seen["prop"] = umbrella.name

    def save(self) -> Doing:
        """Ctrl S, to where the file was first saved."""
        saved = Path(SETTINGS["blend"])
        before = saved.stat().st_mtime_ns
        yield from self.hands.key("S", ctrl=True)
        yield from self.hands.until(lambda: saved.stat().st_mtime_ns > before, SOON, "the saved file")
        yield from self.hands.until(lambda: not bpy.data.is_dirty, SOON, "the saved file")
        np.save(SETTINGS["vertices"], shells())
        self.seen["shells"], self.seen["character"] = the_shells().name, self.settings.character.name

    def over_the_view(self) -> Doing:
        """The mouse goes over the view, where Ctrl Z is the scene's."""
        main = self.hands.region("WINDOW")
        yield from self.hands.move(main.x + 200, main.y + 60)
        yield from self.hands.rest()

    def click_bone(self, bone: str) -> Doing:
        """Clicks the middle of a bone where the view shows it."""
        armature = self.settings.character
        posed = armature.pose.bones[bone]
        middle = armature.matrix_world @ ((posed.head + posed.tail) / 2)
        yield from self.click_at(middle)

    def click_at(self, point: Vector) -> Doing:
        """Clicks where the view shows a point of the world."""
        main = self.hands.region("WINDOW")
        place = location_3d_to_region_2d(main, self.hands.area.spaces.active.region_3d, point)
        yield from self.hands.click(main.x + place.x, main.y + place.y)

    def turn(self, axis: str, degrees: str) -> Doing:
        """Turns the selected bone about its own axis by typed degrees."""
        for key in ("R", axis, axis):
            yield from self.hands.key(key)
        yield from self.hands.write(degrees)
        yield from self.hands.key("RET")


def model_umbrella() -> None:
    """The animator's prop: an open umbrella of 1 m with its handle at the origin, beside the character."""
    shape = bmesh.new()
    bmesh.ops.create_cone(
        shape, segments=16, radius1=0.5, radius2=0.02, depth=0.2, matrix=Matrix.Translation((0, 0, 0.8))
    )
    bmesh.ops.create_cone(
        shape,
        segments=8,
        radius1=0.015,
        radius2=0.015,
        depth=0.85,
        cap_ends=True,
        matrix=Matrix.Translation((0, 0, 0.4)),
    )
    mesh = bpy.data.meshes.new("Umbrella")
    shape.to_mesh(mesh)
    shape.free()
    umbrella = bpy.data.objects.new("Umbrella", mesh)
    umbrella.location = (-1.9, 0.2, 0.0)
    bpy.context.scene.collection.objects.link(umbrella)


def the_shells() -> bpy.types.Object:
    """The one field object."""
    [found] = [item for item in bpy.data.objects if item.type == "MESH" and item.get("propfield")]
    return found


def shells() -> np.ndarray:
    """The field's vertices as they stand now, (V, 3), metres."""
    mesh = the_shells().evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    return points.reshape(-1, 3)


os.environ["PROPFIELD_HOME"] = SETTINGS["home"]
preferences = bpy.context.preferences.addons[ADDON].preferences
preferences.port, preferences.command = SETTINGS["port"], SETTINGS["python"]
bpy.ops.wm.save_as_mainfile(filepath=SETTINGS["blend"])
play(Animator().story(), Path(SETTINGS["verdict"]))
