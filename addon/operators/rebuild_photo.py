"""Rebuild a photo by the backend."""

from collections.abc import Callable
from pathlib import Path

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty
from bpy.types import Context, Operator
from bpy_extras.io_utils import ImportHelper

from ..client.http import BackendError
from ..client.running import session
from ..scene.errors import SceneError
from ..scene.photo import import_scene
from .opened import field_folder
from .target import leave_edit_mode
from .types import Outcome
from .waiting import backend_is_free, followed


class PROPFIELD_OT_rebuild_photo(Operator, ImportHelper):  # type: ignore[misc]
    """Rebuild a photo as a scene: the posed body, the object from its field, and the camera"""

    bl_idname = "propfield.rebuild_photo"
    bl_label = "Rebuild Photo"

    filepath: StringProperty(name="Photo", subtype="FILE_PATH")
    filter_glob: StringProperty(default="*.jpg;*.jpeg;*.png;*.webp;*.bmp;*.tif;*.tiff", options={"HIDDEN"})
    annotations: StringProperty(
        name="Annotations",
        description="A COCO file with the photo's masks. Empty: the backend finds them",
        subtype="FILE_PATH",
    )
    category: StringProperty(
        name="Category", description="What the object is. Empty: the one that is nearest to the person"
    )
    person: IntProperty(
        name="Person", description="Which of several, from the left. 0: the one with the object", min=0
    )
    object: IntProperty(
        name="Object", description="Which of several of the category, from the left. 0: the nearest", min=0
    )
    interaction: StringProperty(
        name="Interaction", description="How the object is used. Empty: what explains the photo best"
    )
    wait: BoolProperty(
        name="Wait",
        description="Return once the scene is there, for scripts",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Needs a running backend and no other job."""
        return backend_is_free(cls)

    def execute(self, context: Context) -> Outcome:
        """Returns at once, but for scripts."""
        annotations = bpy.path.abspath(self.annotations)
        choices = {
            "category": self.category.strip() or None,
            "person": self.person or None,
            "object": self.object or None,
            "type": self.interaction.strip() or None,
        }
        try:
            job = session.rebuild(
                Path(bpy.path.abspath(self.filepath)),
                Path(annotations) if annotations else None,
                choices,
                field_folder() / "photos",
                _arrive_in(context.scene.name),
            )
        except BackendError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return followed(self, job, self.wait, "Rebuilding was cancelled.")


def _arrive_in(scene_name: str) -> Callable[[Path, None], None]:
    """Gives what imports a rebuilt photo into that scene, as an undo step of its own."""

    def arrive(folder: Path, _: None) -> None:
        scene: bpy.types.Scene | None = bpy.data.scenes.get(scene_name)
        if scene is None:
            return
        windows = bpy.context.window_manager.windows
        override = bpy.context.temp_override
        with override(scene=scene, window=windows[0]) if windows else override(scene=scene):
            leave_edit_mode(bpy.context)
            try:
                import_scene(folder)
            except SceneError as error:
                session.problem = str(error)
                return
            # Without its own step, the user's next undo would take the scene away with something else.
            if windows and not bpy.app.background:
                bpy.ops.ed.undo_push(message="Rebuild Photo")

    return arrive
