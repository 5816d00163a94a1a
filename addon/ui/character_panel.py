"""The panels of the character: its rig, its bones, and how well fields lie about it."""

from typing import Any

from bpy.types import Context, Object, Panel, UILayout

from ..client.running import session
from ..operators.check_fit import FIT_KEY
from ..operators.map_bones import character_of
from ..operators.types import settings_of
from ..scene.bone_choice import bones_by_hand
from ..scene.errors import SceneError
from ..scene.fit_check import LIMIT
from ..scene.rig import find_rig, known_maps
from ..scene.rig_map import ESSENTIAL
from ..scene.skeleton import JOINT_NAMES
from .backend_panel import PropfieldPanel, draw_fact, draw_sentence
from .job_view import draw_job

_FURTHER = tuple(joint for joint in JOINT_NAMES if joint not in (*ESSENTIAL, "neck", "head"))


class PROPFIELD_PT_character(PropfieldPanel, Panel):
    """Who the field follows, and by which bones."""

    bl_label = "Character"

    def draw(self, context: Context) -> None:
        """The armature, then its rig or what to do about it."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = settings_of(context.scene)
        row = layout.row(align=True)
        row.prop(settings, "character", icon="ARMATURE_DATA")
        if settings.character is None:
            row.operator("propfield.make_body", text="", icon="ADD")
        layout.operator("propfield.bind", icon="ARMATURE_DATA")
        active = context.view_layer.objects.active
        if active is not None and active.type == "MESH" and active.find_armature() is None:
            layout.operator("propfield.fit_skeleton", icon="OUTLINER_OB_ARMATURE")
        job = session.job if session.job is not None and session.job.kind == "fit" else None
        if job is not None:
            draw_job(layout, context, job, job.message)
        armature = character_of(context)
        if armature is None:
            return
        try:
            rig = find_rig(armature)
        except SceneError as error:
            draw_sentence(layout, context, str(error), "ERROR")
        else:
            if rig is None:
                draw_sentence(layout, context, f"The bones of “{armature.name}” are of no known rig", "ERROR")
                layout.operator("propfield.map_bones", icon="BONE_DATA")
            else:
                draw_fact(layout, "Rig", rig.name)
                layout.operator("propfield.pose_as_used", icon="POSE_HLT")
        for sentence in known_maps()[1]:
            draw_sentence(layout, context, sentence, "ERROR")


class PROPFIELD_PT_fit(PropfieldPanel, Panel):
    """How well the field lies about the body, limb by limb."""

    bl_label = "Fit"
    bl_parent_id = "PROPFIELD_PT_character"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Only where there is somebody to measure."""
        return character_of(context) is not None

    def draw(self, context: Context) -> None:
        """The button, then what it found."""
        row = self.layout.row(align=True)
        row.operator("propfield.check_fit", icon="DRIVER_DISTANCE")
        row.operator("propfield.check_fit", text="As Posed").as_posed = True
        armature = character_of(context)
        found = armature.get(FIT_KEY) if armature is not None else None
        if not found:
            return
        column = self.layout.column(align=True)
        for part, mean in found.items():
            row = column.row()
            row.label(text=str(part).capitalize(), icon="ERROR" if mean > LIMIT else "CHECKMARK")
            side = row.row()
            side.alignment = "RIGHT"
            side.label(text=f"{100 * mean:.1f} cm")


class PROPFIELD_PT_bones(PropfieldPanel, Panel):
    """Which bone is which joint, to look at and to correct."""

    bl_label = "Bones"
    bl_parent_id = "PROPFIELD_PT_character"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Only for the panel's own character, on which a mapping is kept, where there is one to look at."""
        armature = settings_of(context.scene).character
        return armature is not None and (
            bones_by_hand(armature) is not None or find_rig(armature) is not None
        )

    def draw(self, context: Context) -> None:
        """A search field for each joint that must have a bone; before that the button that fills them in."""
        armature = settings_of(context.scene).character
        if bones_by_hand(armature) is None:
            self.layout.operator("propfield.map_bones", text="Correct Bones", icon="BONE_DATA")
            return
        _draw_bones(self.layout, context, armature, ("head", "neck", *ESSENTIAL))
        row = self.layout.row(align=True)
        row.operator("propfield.save_bone_map", text="Save", icon="FILE_TICK")
        row.operator("propfield.map_bones", text="Guess Anew", icon="FILE_REFRESH")
        row.operator("propfield.forget_bones", text="", icon="X")


class PROPFIELD_PT_more_bones(PropfieldPanel, Panel):
    """The joints that a rig may lack."""

    bl_label = "Spine, Collars, Feet, Hands"
    bl_parent_id = "PROPFIELD_PT_bones"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Only where bones are mapped by hand."""
        armature = settings_of(context.scene).character
        return armature is not None and bones_by_hand(armature) is not None

    def draw(self, context: Context) -> None:
        """A search field for each."""
        _draw_bones(self.layout, context, settings_of(context.scene).character, _FURTHER)


def _draw_bones(layout: UILayout, context: Context, armature: Object, joints: tuple[str, ...]) -> None:
    column = layout.column(align=True)
    column.use_property_split = True
    column.use_property_decorate = False
    bones = bones_by_hand(armature) or {}
    data: Any = armature.data
    for joint in joints:
        row = column.row()
        missing = joint in ESSENTIAL and joint not in bones
        row.alert = missing or bones.get(joint, "") not in ("", *data.bones.keys())
        row.prop_search(settings_of(context.scene).bones, joint, data, "bones", icon="BONE_DATA")
