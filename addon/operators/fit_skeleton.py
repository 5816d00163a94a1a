"""Give a body that has no skeleton one."""

import bpy
from bpy.props import BoolProperty
from bpy.types import Context, Operator

from ..client.here import Tell, work_here
from ..client.http import BackendError
from ..client.jobs import Job
from ..client.running import session
from ..scene.errors import SceneError
from ..scene.field_file import FieldData
from ..scene.fitted_character import (
    Alone,
    FittedCharacter,
    fit_character,
    make_fitted_character,
    read_alone,
)
from ..scene.object_ids import object_of
from .target import NO_FIELD, field_of, has_field, leave_edit_mode, select_only
from .types import Outcome, settings_of
from .undo import push_undo
from .waiting import followed


class PROPFIELD_OT_fit_skeleton(Operator):
    """Fit the field's skeleton to the active mesh, which stands upright in an A- or T-pose"""

    bl_idname = "propfield.fit_skeleton"
    bl_label = "Fit Skeleton"

    skin: BoolProperty(
        name="Skin",
        description="Let the mesh bend with the bones as well, with the weights of the field's own body",
        default=True,
    )
    wait: BoolProperty(
        name="Wait", description="Return once it is fitted, for scripts", options={"HIDDEN", "SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Needs an open field, whose body is fitted, a mesh without an armature, and no other work."""
        active = context.view_layer.objects.active
        if not has_field(context):
            cls.poll_message_set(NO_FIELD)
        elif active is None or active.type != "MESH":
            cls.poll_message_set("Select the mesh of a body first.")
        elif active.find_armature() is not None:
            cls.poll_message_set("This mesh has an armature: choose that as the character.")
        elif session.learning:
            cls.poll_message_set("There is work under way: wait for it, or cancel it.")
        else:
            return True
        return False

    def execute(self, context: Context) -> Outcome:
        """Returns at once, but for scripts. The armature becomes the panel's character."""
        leave_edit_mode(context)
        mesh = context.view_layer.objects.active
        try:
            job = begin_fit(field_of(context), mesh, self.skin)
        except (SceneError, BackendError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        outcome = followed(self, job, self.wait, "Fitting was cancelled.")
        if job.message:
            self.report({"INFO"}, job.message)
        return outcome


def begin_fit(field: FieldData, mesh: bpy.types.Object, skin: bool) -> Job:
    """Reads the mesh, fits in a thread, and makes the armature in a step. SceneError for what cannot be
    fitted, BackendError where other work is under way."""
    alone, uid = read_alone(mesh), mesh.session_uid
    height = max(mesh.dimensions.z, 1e-9)
    job = Job(title=mesh.name, kind="fit")

    def work(tell: Tell) -> FittedCharacter:
        try:
            return fit_character(field, alone, tell, skin=skin)
        except SceneError as error:
            raise BackendError(str(error)) from error

    def done(fitted: FittedCharacter) -> None:
        try:
            _arrive(uid, alone, fitted)
        except SceneError as error:
            job.state, job.error = "failed", str(error)
            return
        share = fitted.skeleton.distance / height
        job.message = f"The skeleton fits; the surfaces are {share:.1%} of the height apart."
        push_undo("Fit Skeleton")

    return work_here(session, job, work, done)


def _arrive(uid: int, alone: Alone, fitted: FittedCharacter) -> None:
    mesh = object_of(uid)
    if mesh is None:
        raise SceneError("The mesh is gone: no skeleton was made.")
    context = bpy.context
    if mesh.name not in context.view_layer.objects:
        raise SceneError(f"“{mesh.name}” is in another scene or view layer: fit the skeleton there.")
    leave_edit_mode(context)
    armature = make_fitted_character(mesh, alone, fitted, mesh.users_collection[0])
    settings_of(context.scene).character = armature
    select_only(context, armature)
