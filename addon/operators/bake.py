"""Bake a field object to a sequence of OpenVDB files."""

import time
from pathlib import Path

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty
from bpy.types import Context, Event, Operator

from ..scene.errors import SceneError
from ..scene.field_object import is_field_object
from . import bake_run
from .opened import field_folder
from .target import NO_FIELD, field_of, has_field
from .types import Outcome
from .waiting import must_wait


class PROPFIELD_OT_bake(Operator):
    """Write the posed field of each frame to an OpenVDB file, by exact skinning, and show the files"""

    bl_idname = "propfield.bake"
    bl_label = "Bake to OpenVDB"

    first: IntProperty(name="Start", description="First frame")
    last: IntProperty(name="End", description="Last frame")
    directory: StringProperty(
        name="Folder", description="Where the files go; frames that are there are kept", subtype="DIR_PATH"
    )
    wait: BoolProperty(
        name="Wait", description="Return once it is baked, for scripts", options={"HIDDEN", "SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Needs a field object, its field, and no other bake."""
        if not is_field_object(context.active_object):
            cls.poll_message_set("Select a field's mesh, volume or points first.")
        elif not has_field(context):
            cls.poll_message_set(NO_FIELD)
        elif bake_run.current is not None and bake_run.current.state == "running":
            cls.poll_message_set("A bake runs already.")
        else:
            return True
        return False

    def invoke(self, context: Context, event: Event) -> Outcome:
        """Asks for the frames and the folder."""
        self.first, self.last = context.scene.frame_start, context.scene.frame_end
        self.directory = str(_folder(context))
        return context.window_manager.invoke_props_dialog(self, width=420, confirm_text="Bake")

    def execute(self, context: Context) -> Outcome:
        """Returns at once, but for scripts."""
        given = self.properties.is_property_set("first")
        first = self.first if given else context.scene.frame_start
        last = self.last if self.properties.is_property_set("last") else context.scene.frame_end
        folder = Path(bpy.path.abspath(self.directory)) if self.directory else _folder(context)
        if last < first:
            self.report({"ERROR"}, "The last frame comes before the first.")
            return {"CANCELLED"}
        try:
            run = bake_run.BakeRun(
                context.active_object, field_of(context), folder, list(range(first, last + 1))
            )
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if not must_wait(self.wait):
            bake_run.start(run)
            return {"FINISHED"}
        bake_run.current = run
        while run.step():
            time.sleep(bake_run.INTERVAL / 5)
        if run.state != "done":
            self.report({"ERROR"}, run.error)
            return {"CANCELLED"}
        self.report({"INFO"}, f"Baked {run.total} frames to {folder}.")
        return {"FINISHED"}


class PROPFIELD_OT_stop_bake(Operator):
    """Stop the bake; what is written is kept, and baking again goes on from there"""

    bl_idname = "propfield.stop_bake"
    bl_label = "Stop Baking"

    def execute(self, context: Context) -> Outcome:
        """Lets frames that are being written end by themselves."""
        if bake_run.current is not None:
            bake_run.current.stop()
        return {"FINISHED"}


def _folder(context: Context) -> Path:
    return field_folder() / "baked" / bpy.path.clean_name(context.active_object.name)
