"""The panels that place a prop: the choice, the search, and stepping through what was found."""

from bpy.types import Context, Object, Panel, PropertyGroup, UILayout

from ..client.running import session
from ..operators.opened import field_at_hand
from ..operators.placing import chosen_prop
from ..operators.types import settings_of
from ..scene.placements import Placement, current, stored
from ..scene.prop_action import moves_by_itself
from ..scene.prop_attach import held_by
from ..scene.prop_search import DEEPEST
from .backend_panel import PropfieldPanel, draw_fact, draw_sentence
from .job_view import draw_job

_HELD = {"BONE": "Parent", "CHILD_OF": "Child Of", "ARMATURE": "Armature"}


class PROPFIELD_PT_place(PropfieldPanel, Panel):
    """Prop, interaction, Place, Next and Previous."""

    bl_label = "Place Prop"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        """The form, the verb or its progress, and what was found."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = settings_of(context.scene)
        place, prop = settings.place, chosen_prop(context)
        layout.prop(place, "prop", icon="MESH_DATA", placeholder=prop.name if prop else "Choose")
        layout.prop(settings, "character", icon="ARMATURE_DATA")
        field = field_at_hand(settings.field_path)
        if field is not None:
            layout.prop(settings, "field_type", text=field.category.capitalize())
        _draw_switched(layout, place, "Allow Scale", "allow_scale", "scale_range")
        _draw_switched(layout, place, "Ground", "on_ground", "ground")
        layout.prop(place, "attach")
        job = session.job if session.job is not None and session.job.kind == "place" else None
        if job is None or job.ended:
            row = layout.row(align=True)
            row.scale_y = 1.3
            row.operator("propfield.place_prop", icon="PIVOT_CURSOR")
            row.operator("propfield.size_prop", text="", icon="FULLSCREEN_EXIT")
        if job is not None and (not job.ended or job.state != "done"):
            draw_job(layout, context, job, "")
        if prop is not None:
            _draw_found(layout, context, prop)


def _draw_switched(layout: UILayout, place: PropertyGroup, heading: str, switch: str, value: str) -> None:
    """A checkbox and what it switches on, in one row, as Blender's own panels have it."""
    row = layout.column(align=False, heading=heading).row(align=True)
    row.prop(place, switch, text="")
    switched = row.row(align=True)
    switched.active = getattr(place, switch)
    switched.prop(place, value, text="")


def _draw_found(layout: UILayout, context: Context, prop: Object) -> None:
    placements = stored(prop)
    if placements is not None:
        index = min(current(prop), len(placements.found) - 1)
        row = layout.row(align=True)
        row.operator("propfield.step_placement", text="", icon="TRIA_LEFT").to = "PREVIOUS"
        middle = row.row(align=True)
        middle.alignment = "CENTER"
        middle.label(text=f"{index + 1} of {len(placements.found)}")
        row.operator("propfield.step_placement", text="", icon="TRIA_RIGHT").to = "NEXT"
        _draw_placement(layout, placements.found[index])
        row = layout.row(align=True)
        row.operator("propfield.keep_placement", icon="CHECKMARK")
        row.operator("propfield.clear_placement", icon="X")
    how, bones = held_by(prop)
    if how != "NONE":
        row = layout.row()
        row.label(text=f"{_HELD[how]}: {', '.join(bones)}", icon="BONE_DATA")
        row.operator("propfield.detach_prop", text="", icon="UNLINKED")
    if placements is not None and moves_by_itself(prop):
        draw_sentence(layout, context, "The prop has key frames of its own, which move it from here", "ERROR")


def _draw_placement(layout: UILayout, placement: Placement) -> None:
    column = layout.column(align=True)
    draw_fact(column, "Fills", f"{placement.fill:.0%} of the field")
    if placement.contact is not None:
        draw_fact(
            column,
            "Contact",
            "touches" if placement.contact < 0.01 else f"{100 * placement.contact:.0f} cm off",
        )
    draw_fact(column, "In the Body", f"{1000 * placement.penetration:.0f} mm")
    if placement.penetration > DEEPEST:
        column.label(text="Goes through the body", icon="ERROR")
    if abs(placement.scale - 1) > 0.005:
        draw_fact(column, "Scale", f"{placement.scale:.2f}")


class PROPFIELD_PT_place_frames(PropfieldPanel, Panel):
    """Over an animation."""

    bl_label = "Animation"
    bl_parent_id = "PROPFIELD_PT_place"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        """The frames, and the verb."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        place = settings_of(context.scene).place
        layout.prop(place, "span")
        column = layout.column(align=True)
        column.prop(place, "start", text="Frame Start")
        column.prop(place, "end", text="End")
        if place.span == "RANGE":
            column.prop(place, "step", text="Step")
        layout.operator("propfield.solve_prop", icon="KEYINGSET")
